/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every request of the API shares: the checks before it, the reading it is answered from, and
 * how an answer is sent. For exporters/api and exporters/web.
 */
#pragma once

#include <jansson.h>

#include "collector/cleanup.h"
#include "exporters/api/values.h"
#include "exporters/http.h"

struct api_call {
	const struct service *service;
	const struct http_request *request;
	struct http_reply *reply;
	const struct snapshot *snapshot; /* NULL before api_read() */
	struct values values;		 /* empty before api_load() */
};

#define cleanup_call cleanup(api_end)

/*
 * Checks readiness, Accept against application/json and that each parameter is in `known`
 * (NULL-terminated). false: a problem was answered.
 */
bool api_begin(struct api_call *call, const struct service *service,
	       const struct http_request *request, struct http_reply *reply,
	       const char *const known[]);
/* Takes a reading of all sources that is at most five seconds old; api_load() its values too. */
void api_read(struct api_call *call);
void api_load(struct api_call *call);
void api_end(struct api_call *call);

/* An unsigned parameter within [least, most]; *value is untouched when it is absent. false: 400 was answered. */
bool api_parameter_number(struct api_call *call, const char *name, uint64_t least, uint64_t most,
			  uint64_t *value);
/* One word of a list: *choice is its index, untouched when absent. false: 400 was answered. */
bool api_parameter_choice(struct api_call *call, const char *name, const char *const words[],
			  size_t n, size_t *choice);
/* An unsigned decimal number and nothing else. */
bool parse_number(const char *text, uint64_t *ret_number);

/*
 * The workload of a path's tail: a cgroup id, or the beginning of exactly one container id.
 * NULL: 404 or 400 was answered.
 */
const struct workload *api_workload(struct api_call *call, const char *id);

/* The interval of the rates in seconds; null before there are any. */
json_t *api_interval(const struct api_call *call);
/* Answers 200 with a document. Steals the reference. */
void api_reply_json(struct api_call *call, json_t *json);
/*
 * Answers bytes with an ETag made of them, or 304 when the client has them. `type` is static;
 * what stands in reply->body is sent.
 */
void api_reply_tagged(const struct http_request *request, struct http_reply *reply,
		      const char *type);
