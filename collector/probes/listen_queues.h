/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets that connections.bpf.c knows, looked at when it is asked: what waits at those that listen;
 * and what the open ones have carried goes to their edges. Owned by its probe.
 */
#pragma once

#include <stdint.h>

struct bpf_object;
struct listen_queues;
struct slots;
struct snapshot;

/* The listening sockets of a workload. */
struct listening {
	uint64_t sockets;
	uint64_t waiting, limit; /* connections, of all together */
	double fullest;		 /* the largest share of the limit that waits at one of them */
};

/* The object outlives it. */
struct listen_queues *listen_queues_new(const struct bpf_object *object);
/* Accepts NULL. */
void listen_queues_free(struct listen_queues *queues);
/*
 * Looks at all, or tells the same again for a while after a look that took long; `sums` has one per
 * workload of the snapshot being built, all zero, and stays so when there are too many. The first time it also finds the listeners that are
 * older than the programs. -errno.
 */
int listen_queues_read(struct listen_queues *queues, const struct slots *slots,
		       struct listening sums[]);
/* When the last look at all sockets began; 0 before the first. */
uint64_t listen_queues_looked_ns(const struct listen_queues *queues);
/* Times that there were more listening sockets than are told of. */
uint64_t listen_queues_lost(const struct listen_queues *queues);
