/* SPDX-License-Identifier: Apache-2.0 */
/* What connections.c lends to sources that add to its edges. `opened` is the state of its probe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "collector/probes/edges.h"

struct bpf_object;
struct snapshot;
struct workload;

/* Names of the maps that are lent, NULL behind the last. */
extern const char *const connections_lent[];
/* Sets the constants that go with them in an object that is not loaded yet. -errno. */
int connections_lend(const void *opened, struct bpf_object *object);
/* Takes what was added to edges meanwhile. After discovery. */
void connections_edges_update(void *opened);
/* As edges_of(). */
void connections_edges_of(const void *opened, const struct workload *workload, edge_visit *visit,
			  void *context);
/* Values of EDGE_LABELS, in the snapshot's arena. */
const char *const *connections_edge_labels(const void *opened, struct snapshot *snapshot,
					   const struct edge *edge);
