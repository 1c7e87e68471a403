/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected with whom, from pairs of slots (bpf/wire_connections.h): per workload that made
 * connections, by the workload that accepted them or the group of addresses outside; and per workload
 * that accepted some from outside. A workload names so many peers at most; the rest is one sum. No sum
 * ever falls, and nothing is told twice: what a peer has had that is gone, or not exported any more, goes
 * with it, what comes of its connections later goes to the rest, and its place to another. Owned by its
 * probe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct edges;
struct pairs;
struct slots;
struct workload;

/* Room for `places` peers per workload; groups outside need none. */
struct edges *edges_new(const struct slots *slots, unsigned places);
/* Accepts NULL. */
void edges_free(struct edges *edges);
/* Takes what the pairs have gathered. After discovery. */
void edges_update(struct edges *edges, struct pairs *pairs);
/* See struct probe: before the slots are others'. */
void edges_retire(struct edges *edges, struct pairs *pairs);
/* Connections, made or not, that are told in the rest for want of a place. */
uint64_t edges_without_place(const struct edges *edges);

struct edge {
	const struct workload *peer; /* NULL: outside */
	uint32_t group;		     /* outside.h; 0: all others */
	bool inbound;		     /* the other end made the connections */
	uint64_t open;		/* connections: also those that were made before it had a place */
	const uint64_t *values; /* WIRE_EDGE_KEYS of them */
};

/* Calls `visit` for each edge of a workload, the sum of all others last. After edges_update(). */
typedef void edge_visit(void *context, const struct edge *edge);
void edges_of(const struct edges *edges, const struct workload *workload, edge_visit *visit,
	      void *context);
