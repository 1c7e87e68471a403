/* SPDX-License-Identifier: Apache-2.0 */
/* One request that bpf/samples.h told, in words. For requests_samples.c. */
#pragma once

#include "bpf/wire_samples.h"
#include "collector/request_sample.h"

struct arena;
struct snapshot;

struct kept_sample {
	struct wire_sample sample;
	uint64_t number;
	int64_t time_ms;		    /* Unix time of its end */
	uint64_t heir;			    /* cgroup id of its workload; 0: not looked for yet */
	uint64_t peer;			    /* the same of the other end; 0: nor is it known */
	const struct request_sample *shown; /* in the snapshot being built; NULL: not there */
};

/* Strings are made in the arena; `peer` may be NULL. */
void sample_describe(const struct kept_sample *kept, const struct workload *workload,
		     const struct workload *peer, struct arena *arena, struct request_sample *ret);
/* What an exemplar of it says: ids of its trace where they are known, and the peer. */
const char *const *sample_labels(const struct request_sample *sample, struct snapshot *snapshot);
