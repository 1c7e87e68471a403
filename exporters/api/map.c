/* SPDX-License-Identifier: Apache-2.0 */
/* Who is connected with whom, as a graph: from the families container_tcp_edge_* and container_edge_*. */
#include <stdlib.h>
#include <string.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "exporters/api/describe.h"
#include "exporters/api/list.h"
#include "exporters/api/routes.h"

enum figure {
	CONNECTS,
	FAILURES,
	OPEN,
	CLOSES,
	TRANSMITTED,
	RECEIVED,
	RETRANSMITS,
	ROUND_TRIP,
	REQUESTS,
	REQUEST_FAILURES,
	REQUEST_SECONDS,
	N_FIGURES,
};

static const char *const names[N_FIGURES] = {
	[CONNECTS] = "container_tcp_edge_connects_total",
	[FAILURES] = "container_tcp_edge_connect_failures_total",
	[OPEN] = "container_tcp_edge_open_connections",
	[CLOSES] = "container_tcp_edge_closes_total",
	[TRANSMITTED] = "container_tcp_edge_transmit_bytes_total",
	[RECEIVED] = "container_tcp_edge_receive_bytes_total",
	[RETRANSMITS] = "container_tcp_edge_retransmits_total",
	[ROUND_TRIP] = "container_tcp_edge_round_trip_seconds_total",
	[REQUESTS] = "container_edge_requests_total",
	[REQUEST_FAILURES] = "container_edge_request_failures_total",
	[REQUEST_SECONDS] = "container_edge_request_seconds_total",
};

/* The families' labels. */
enum { DIRECTION, PEER, PEER_KIND };

struct edge {
	const struct sample *sample; /* of the connects */
	const struct workload *peer; /* NULL: outside, or gone from the reading */
	struct quantity figures[N_FIGURES];
};

struct map {
	const struct api_call *call;
	struct edge *edges;
	size_t n;
	bool *nodes;	 /* by workload: stands in the answer */
	json_t *outside; /* id -> its node */
};

static const struct family *family_of(const struct snapshot *snapshot, enum figure figure)
{
	const struct family *family = snapshot_family(snapshot, names[figure]);

	return family && !family->left_out ? family : NULL;
}

static bool is_same_edge(const struct sample *x, const struct sample *y)
{
	return x->workload == y->workload && streq(x->labels[DIRECTION], y->labels[DIRECTION]) &&
	       streq(x->labels[PEER], y->labels[PEER]);
}

static struct quantity quantity_of(const struct family *family, const struct sample *sample)
{
	if (metric_scale(family->metric) == 1)
		return (struct quantity){ .kind = QUANTITY_INTEGER, .integer = sample->integer };
	return (struct quantity){ .kind = QUANTITY_REAL,
				  .real = sample_value(family->metric, sample) };
}

/* The families have their edges in the same order; one may lack some, and a later one have another. */
static void add_figures(struct map *map, enum figure figure)
{
	const struct family *family = family_of(map->call->snapshot, figure);
	size_t next = 0;

	if (!family)
		return;
	for_each_sample(sample, family) {
		size_t i = next;

		while (i < map->n && !is_same_edge(map->edges[i].sample, sample))
			i++;
		if (i == map->n)
			continue;
		map->edges[i].figures[figure] = quantity_of(family, sample);
		next = i;
	}
}

struct place {
	const char *path;
	const struct workload *workload;
};

static int compare_places(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->path, ((const struct place *)b)->path);
}

static void find_peers(struct map *map)
{
	const struct snapshot *snapshot = map->call->snapshot;
	cleanup_free struct place *places =
		xcalloc((size_t)snapshot->n_workloads + 1, sizeof(*places));

	for (uint32_t i = 0; i < snapshot->n_workloads; i++)
		places[i] = (struct place){ snapshot->workloads[i].path, &snapshot->workloads[i] };
	qsort(places, snapshot->n_workloads, sizeof(*places), compare_places);
	for (size_t i = 0; i < map->n; i++) {
		const struct place key = { .path = map->edges[i].sample->labels[PEER] };
		const struct place *found = bsearch(&key, places, snapshot->n_workloads,
						    sizeof(*places), compare_places);

		map->edges[i].peer = found ? found->workload : NULL;
	}
}

static void load_edges(struct map *map)
{
	const struct snapshot *snapshot = map->call->snapshot;
	const struct family *connects = family_of(snapshot, CONNECTS);

	map->edges = xcalloc(connects ? connects->n_samples + 1 : 1, sizeof(*map->edges));
	map->nodes = xcalloc((size_t)snapshot->n_workloads + 1, sizeof(*map->nodes));
	map->outside = json_object();
	if (!connects)
		return;
	for_each_sample(sample, connects)
		map->edges[map->n++].sample = sample;
	for (enum figure figure = CONNECTS; figure < N_FIGURES; figure++)
		add_figures(map, figure);
	find_peers(map);
}

static bool is_listed(const struct map *map, const struct edge *edge)
{
	const struct http_request *request = map->call->request;
	const struct snapshot *snapshot = map->call->snapshot;

	return filter_matches(request, edge->sample->workload, snapshot) ||
	       (edge->peer && filter_matches(request, edge->peer, snapshot));
}

/* Its id among the nodes: "outside/public" is no cgroup's. */
static json_t *peer_id(struct map *map, const struct edge *edge)
{
	const char *name = edge->sample->labels[PEER];

	if (edge->peer) {
		map->nodes[edge->peer->index] = true;
		return json_id(edge->peer->id);
	}
	cleanup_free char *id = xasprintf("outside/%s", name);
	if (!json_object_get(map->outside, id))
		json_object_set_new(map->outside, id,
				    json_pack("{s:s, s:s, s:s, s:n, s:n, s:n, s:n, s:n, s:n, s:n, "
					      "s:n}",
					      "id", id, "kind", edge->sample->labels[PEER_KIND],
					      "title", name, "path", "name", "image", "namespace",
					      "pod", "container", "runtime", "container_id"));
	return json_string(id);
}

/* null where there was nothing to sum up. */
static json_t *mean(const struct edge *edge, enum figure sum, enum figure number)
{
	double n = quantity_real(edge->figures[number], 0);

	return n > 0 ? json_number(quantity_real(edge->figures[sum], 0) / n) : json_null();
}

/* Bytes as the source sees them, which made the connections. */
static json_t *edge_document(struct map *map, const struct edge *edge)
{
	const struct workload *workload = edge->sample->workload;
	const struct quantity *figures = edge->figures;
	bool inbound = streq(edge->sample->labels[DIRECTION], "in");
	json_t *own = json_id(workload->id), *peer = peer_id(map, edge);
	json_t *source = inbound ? peer : own, *target = inbound ? own : peer;
	cleanup_free char *id =
		xasprintf("%s>%s", json_string_value(source), json_string_value(target));
	/* Failures have no series before the first. */
	const struct quantity failures = {
		.kind = QUANTITY_INTEGER,
		.integer =
			figures[FAILURES].kind == QUANTITY_INTEGER ? figures[FAILURES].integer : 0,
	};

	map->nodes[workload->index] = true;
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
			 id, "source", source, "target", target, "connects",
			 json_quantity(figures[CONNECTS]), "connect_failures",
			 json_quantity(failures), "open_connections", json_quantity(figures[OPEN]),
			 "sent_bytes", json_quantity(figures[inbound ? RECEIVED : TRANSMITTED]),
			 "received_bytes", json_quantity(figures[inbound ? TRANSMITTED : RECEIVED]),
			 "retransmits", json_quantity(figures[RETRANSMITS]), "round_trip_seconds",
			 mean(edge, ROUND_TRIP, CLOSES), "requests",
			 json_quantity(figures[REQUESTS]), "request_failures",
			 json_quantity(figures[REQUEST_FAILURES]), "request_seconds",
			 mean(edge, REQUEST_SECONDS, REQUESTS));
}

static json_t *node_documents(const struct map *map)
{
	const struct snapshot *snapshot = map->call->snapshot;
	json_t *nodes = json_array(), *node;
	const char *id;

	for (uint32_t i = 0; i < snapshot->n_workloads; i++)
		if (map->nodes[i])
			json_array_append_new(nodes, describe_identity(&snapshot->workloads[i]));
	json_object_foreach(map->outside, id, node) json_array_append(nodes, node);
	return nodes;
}

void api_map(const struct service *service, const struct http_request *request,
	     struct http_reply *reply)
{
	static const char *const known[] = { LIST_FILTERS, NULL };
	cleanup_call struct api_call call = { 0 };
	struct map map = { .call = &call };

	if (!api_begin(&call, service, request, reply, known) || !filter_check(&call))
		return;
	api_read(&call);
	load_edges(&map);
	json_t *edges = json_array();
	for (size_t i = 0; i < map.n; i++)
		if (is_listed(&map, &map.edges[i]))
			json_array_append_new(edges, edge_document(&map, &map.edges[i]));
	api_reply_json(&call,
		       json_pack("{s:o, s:o, s:o}", "time", json_time(call.snapshot->time_ms),
				 "nodes", node_documents(&map), "edges", edges));
	json_decref(map.outside);
	free(map.edges);
	free(map.nodes);
}
