/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sources/requests_edges.h"

#include <bpf/libbpf.h>

#include "bpf/wire_connections.h"
#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/probes/iterator.h"
#include "collector/snapshot.h"
#include "collector/sources/connections.h"
#include "collector/sources/request_metrics.h"

struct adding {
	const void *lender;
	struct snapshot *snapshot;
	struct family *families;
	const struct workload *workload;
};

static void add_edge(void *context, const struct edge *edge)
{
	static const struct {
		enum request_metric metric;
		unsigned key;
	} sums[] = {
		{ EDGE_REQUESTS, WIRE_EDGE_REQUESTS },
		{ EDGE_REQUEST_FAILURES, WIRE_EDGE_REQUESTS_FAILED },
		{ EDGE_REQUEST_SECONDS, WIRE_EDGE_REQUESTS_NS },
	};
	struct adding *adding = context;

	if (!edge->values[WIRE_EDGE_REQUESTS]) /* most never have any */
		return;
	const char *const *labels = connections_edge_labels(adding->lender, adding->snapshot, edge);
	for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
		family_add_integer(adding->snapshot, &adding->families[sums[i].metric],
				   adding->workload, labels, edge->values[sums[i].key]);
}

/* The program writes nothing. */
static int look(struct request_edges *edges)
{
	struct buffer nothing = { 0 };
	int err = edges->link ? 0 : iterator_attach(edges->program, edges->sockets, &edges->link);

	err = err ? err : iterator_read(bpf_link__fd(edges->link), 0, &nothing);
	buffer_free(&nothing);
	pace_end(&edges->pace);
	return err;
}

int request_edges_read(struct request_edges *edges, struct snapshot *snapshot,
		       struct family families[])
{
	struct adding adding = {
		.lender = edges->lender,
		.snapshot = snapshot,
		.families = families,
	};

	if (!edges->lender)
		return 0;
	int err = pace_begin(&edges->pace) ? look(edges) : 0;
	connections_edges_update(edges->lender);
	for (uint32_t i = 0; i < snapshot->n_workloads; i++) {
		adding.workload = &snapshot->workloads[i];
		connections_edges_of(edges->lender, adding.workload, add_edge, &adding);
	}
	return err;
}

void request_edges_close(struct request_edges *edges)
{
	bpf_link__destroy(edges->link);
}
