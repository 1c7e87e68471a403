/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are under way now, from the connections that bpf/requests.bpf.c keeps. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bpf/wire_requests.h"

struct bpf_map;
struct slots;
struct workload;

/* By how long ago they began: up to 1, 3 and 8 s, and beyond. */
enum { REQUEST_AGES = 4 };
extern const char *const request_ages[REQUEST_AGES];

/* Of one workload, protocol and side. */
struct in_flight {
	const struct workload *workload;
	unsigned protocol, side;
	uint64_t n[REQUEST_AGES];
};

/*
 * All that are under way on connections of this epoch (bpf/epochs.h), ordered by workload, protocol and side; a side whose connections have none is
 * there with zeros. The caller frees *ret. -errno.
 */
int in_flight_read(const struct bpf_map *exchanges, const struct slots *slots, uint32_t epoch,
		   struct in_flight **ret, size_t *ret_n);
