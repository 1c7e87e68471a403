/* SPDX-License-Identifier: Apache-2.0 */
/* Requests by who is at the other end: figures of the edges that connections.c has. For requests.c. */
#pragma once

#include "collector/probes/pace.h"
#include "collector/snapshot.h"

struct bpf_link;
struct bpf_map;
struct bpf_program;

struct request_edges {
	void *lender; /* state of the probe of connections; NULL: it is down, and there are no edges */
	const struct bpf_program *program; /* bpf/requests.bpf.c: look_at_edge() */
	const struct bpf_map *sockets;
	struct bpf_link *link; /* NULL: not attached yet */
	struct pace pace;
};

/* Has open connections tell what they had, and adds it to the families. After discovery. -errno. */
int request_edges_read(struct request_edges *edges, struct snapshot *snapshot,
		       struct family families[]);
void request_edges_close(struct request_edges *edges);
