/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single requests that failed or were slow, which bpf/samples.h tells. Owned by requests.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bpf/wire_samples.h"

struct exemplar;
struct request_routes;
struct request_samples;
struct slots;
struct snapshot;
struct workload;

/* Why there is none of a request that would have had one: after those of the kernel. */
enum {
	SAMPLE_DROP_REPLACED = WIRE_DROPS, /* a newer one took its place */
	SAMPLE_DROP_GONE,		   /* its cgroup was gone before it was known */
	SAMPLE_DROPS,
};

/* "limit", "full", "replaced", "gone". */
extern const char *const sample_drops[SAMPLE_DROPS];

/* `map_fd` is the kernel's ring, which stays the caller's. -errno. */
int samples_new(int map_fd, struct request_samples **ret);
/* Accepts NULL. */
void samples_free(struct request_samples *samples);
/* Takes what the kernel has; also between collections, or the ring is full. */
void samples_fetch(struct request_samples *samples);
/* Finds whose they are, forgets those whose workload is gone, and tells all in snapshot->requests. */
void samples_show(struct request_samples *samples, const struct slots *slots,
		  const struct request_routes *routes, struct snapshot *snapshot);
/*
 * Those of one histogram (key as in bpf/wire_requests.h) as exemplars by ascending value, in the snapshot's arena:
 * after samples_show(). NULL: there is none.
 */
const struct exemplar *samples_exemplars(const struct request_samples *samples,
					 const struct workload *workload, uint32_t key,
					 struct snapshot *snapshot, unsigned *ret_n);
/* Of one of the collector's reasons, ever. */
uint64_t samples_dropped(const struct request_samples *samples, unsigned reason);
