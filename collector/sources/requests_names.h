/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What numbers of bpf/wire_requests.h are called in labels: after OpenTelemetry's semantic conventions
 * (http.request.method, db.system.name, db.operation.name, error.type).
 */
#pragma once

#include <stdint.h>

struct arena;

/* What stands in a key of bpf/wire_requests.h. */
struct request_key {
	unsigned side, protocol, operation, status;
	unsigned route; /* number; of HTTP alone */
};
struct request_key request_key(uint32_t key);

/* "http", "redis", ... */
const char *protocol_name(unsigned protocol);
/* "GET", "_OTHER" for what has no name. */
const char *operation_name(unsigned protocol, unsigned operation);
/* "404", or of those beyond the limit the class: "4xx". */
const char *http_status_name(struct arena *arena, unsigned status);
/* Of what is no HTTP: the error, or its number in MySQL; "_OTHER" for one without a name, "" for none. */
const char *error_name(struct arena *arena, unsigned protocol, unsigned status);
