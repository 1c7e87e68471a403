/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connections, from bpf/connections.bpf.c. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "bpf/wire_connections.h"
#include "collector/cleanup.h"
#include "collector/options/options.h"
#include "collector/memory.h"
#include "collector/probes/attachment.h"
#include "collector/probes/edges.h"
#include "collector/probes/handshakes.h"
#include "collector/probes/histograms.h"
#include "collector/probes/listen_queues.h"
#include "collector/probes/outside.h"
#include "collector/probes/pairs.h"
#include "collector/probes/probes.h"
#include "collector/probes/slots.h"
#include "collector/probes/tallies.h"
#include "collector/probes/translations.h"
#include "collector/source.h"
#include "collector/sources/connection_metrics.h"
#include "collector/sources/connections.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/connections.skel.h"
#pragma GCC diagnostic pop

static const char *const reasons[WIRE_FAILURES] = {
	[WIRE_FAILED_REFUSED] = "refused",
	[WIRE_FAILED_TIMEOUT] = "timeout",
	[WIRE_FAILED_UNREACHABLE] = "unreachable",
	[WIRE_FAILED_ABORTED] = "aborted",
	[WIRE_FAILED_OTHER] = "other",
};

/* What has a label is counted under one key for each of its values. */
static const struct {
	unsigned metric;
	const char *label; /* NULL: none */
} rows[WIRE_TCP_FAILED] = {
	[WIRE_TCP_CONNECTED] = { CONNECTS, NULL },
	[WIRE_TCP_ACCEPTED] = { ACCEPTS, NULL },
	[WIRE_TCP_CLOSED] = { OPEN, NULL },
	[WIRE_TCP_SENT] = { BYTES, "transmit" },
	[WIRE_TCP_RECEIVED] = { BYTES, "receive" },
	[WIRE_TCP_RETRANSMITTED] = { RETRANSMITS, NULL },
	[WIRE_TCP_RESET_SENT] = { RESETS, "sent" },
	[WIRE_TCP_RESET_RECEIVED] = { RESETS, "received" },
};

struct state {
	struct probe_parts parts;
	struct connections *skeleton;
	const struct slots *slots;
	struct pairs *pairs;
	struct edges *edges;
	struct outside *outside;
	struct listen_queues *queues;
	bool translates;
	struct translations *translations; /* NULL: it does not */
	uint64_t runs;			   /* of on_state(), when they were read */
	uint64_t looked_ns; /* when the look began up to which handshakes were reaped */
	uint64_t n_reaped;
};

static void connections_close(void *opened)
{
	struct state *state = opened;

	translations_free(state->translations);
	listen_queues_free(state->queues);
	edges_free(state->edges);
	pairs_free(state->pairs);
	outside_free(state->outside);
	connections__destroy(state->skeleton);
}

/* Of round trips those below 1 ms are told apart in text, too: within a data centre they all are. */
enum { TEXT_LOWEST = -14, TEXT_HIGHEST = 1 };

/* Bytes that an element of a hash map takes, with its bucket and its value. */
enum { HANDSHAKE_BYTES = 112, SERVICE_BYTES = 128, MAP_ELEMENTS_MIN = 256 };

static uint32_t elements(uint64_t memory, uint64_t each)
{
	uint64_t n = memory / each;

	return n < MAP_ELEMENTS_MIN ? MAP_ELEMENTS_MIN : n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static int prepare_edges(const struct probe_setup *setup, struct state *state,
			 struct bpf_object *object, uint64_t memory)
{
	enum { PAIRS_PER_SLOT = 4 };
	const struct pairs_size size = {
		.keys = WIRE_EDGE_KEYS,
		.wanted = slots_number(setup->slots) * PAIRS_PER_SLOT,
		.memory = memory * 2 / 7,
		.interrupts = true,
	};
	int err = pairs_prepare(setup, object, &size, &state->pairs);

	state->translates = setup->options->connections_conntrack;
	state->skeleton->rodata->translations_wanted = state->translates;
	state->edges = edges_new(setup->slots, (unsigned)setup->options->connections_edges);
	state->outside = outside_new(&setup->options->connections_outside);
	state->queues = listen_queues_new(object);
	err = err ? err
		  : bpf_map__set_max_entries(state->skeleton->maps.handshakes,
					     elements(memory * 4 / 7, HANDSHAKE_BYTES));
	err = err ? err
		  : bpf_map__set_max_entries(
			    state->skeleton->maps.services,
			    elements(memory / (state->translates ? 28 : 14), SERVICE_BYTES));
	if (!err && state->translates)
		err = bpf_map__set_max_entries(state->skeleton->maps.translations,
					       elements(memory / 28, SERVICE_BYTES));
	return err ? err
		   : bpf_map__set_max_entries(state->skeleton->maps.groups,
					      outside_networks(state->outside));
}

/* A sixteenth of all memory. */
static int connections_prepare(const struct probe_setup *setup, void *preparing,
			       struct bpf_object **ret_object)
{
	const uint64_t memory = probe_memory(setup) / 16;
	const struct histograms_size histograms = {
		.keys = WIRE_TCP_HISTOGRAMS,
		.wanted = slots_number(setup->slots),
		.memory = memory * 5 / 16,
		.interrupts = true,
		.text_lowest = TEXT_LOWEST,
		.text_highest = TEXT_HIGHEST,
	};
	const struct tallies_size tallies = {
		.keys = WIRE_TCP_TALLIES,
		.memory = memory / 4,
		.interrupts = true,
	};
	struct state *state = preparing;

	state->slots = setup->slots;
	state->skeleton = connections__open();
	if (!state->skeleton)
		return -errno;
	*ret_object = state->skeleton->obj;
	int err = histograms_prepare(setup, *ret_object, &histograms, &state->parts.histograms);
	err = err ? err : tallies_prepare(setup, *ret_object, &tallies, &state->parts.tallies);
	return err ? err : prepare_edges(setup, state, *ret_object, memory * 7 / 16);
}

static int connections_start(void *opened)
{
	struct state *state = opened;
	int err = pairs_start(state->pairs, state->skeleton->obj);

	if (state->translates)
		state->translations =
			translations_new(bpf_map__fd(state->skeleton->maps.translations));
	return err ? err : outside_fill(state->outside, bpf_map__fd(state->skeleton->maps.groups));
}

static void connections_retire(void *opened)
{
	struct state *state = opened;

	edges_retire(state->edges, state->pairs);
}

/*
 * Histograms have less to tell than counters: what is counted only, or is bytes, is in none. Where it is
 * edges that are lost the connections themselves are counted, but not who was at the other end.
 */
static unsigned connections_losses(const void *opened, struct probe_loss losses[PROBE_LOSSES_MAX])
{
	const struct state *state = opened;
	const struct tallies *tallies = state->parts.tallies;
	uint64_t uncounted = 0;
	unsigned n = 0;

	for (uint32_t key = 0; key < WIRE_TCP_UNKEPT; key++)
		if (key != WIRE_TCP_SENT && key != WIRE_TCP_RECEIVED)
			uncounted += tallies_lost(tallies, key);
	losses[n++] = (struct probe_loss){ .reason = "counters full", .n = uncounted };
	losses[n++] = (struct probe_loss){ .reason = "no memory",
					   .n = tallies_lost(tallies, WIRE_TCP_UNKEPT) };
	losses[n++] = (struct probe_loss){ .reason = "pairs",
					   .n = tallies_lost(tallies, WIRE_TCP_PAIRS_LOST) };
	losses[n++] = (struct probe_loss){ .reason = "handshakes",
					   .n = tallies_lost(tallies, WIRE_TCP_HANDSHAKES_LOST) +
						state->n_reaped };
	losses[n++] =
		(struct probe_loss){ .reason = "edges", .n = edges_without_place(state->edges) };
	losses[n++] = (struct probe_loss){ .reason = "listeners",
					   .n = listen_queues_lost(state->queues) };
	return n;
}

static const struct probe probe = {
	.state_size = sizeof(struct state),
	.prepare = connections_prepare,
	.start = connections_start,
	.close = connections_close,
	.retire = connections_retire,
	.losses = connections_losses,
	.usual_run_ns = 200,
};

struct adding {
	const struct state *state;
	struct charging charging;
	struct snapshot *snapshot;
	struct family *families;
	const struct listening *listening; /* by workload */
	const struct workload *workload;   /* whose edges they are */
};

static void add(struct adding *adding, unsigned metric, const struct workload *workload,
		const char *label, uint64_t value)
{
	family_add_integer(adding->snapshot, &adding->families[metric], workload,
			   label ? snapshot_labels(adding->snapshot, 1, &label) : NULL, value);
}

static void add_listening(struct adding *adding, const struct workload *workload, uint64_t drops)
{
	const struct listening *listening = &adding->listening[workload->index];

	if (!listening->sockets && !drops)
		return;
	add(adding, LISTEN_DROPS, workload, NULL, drops);
	if (!listening->sockets)
		return;
	add(adding, LISTEN_WAITING, workload, NULL, listening->waiting);
	add(adding, LISTEN_LIMIT, workload, NULL, listening->limit);
	family_add_real(adding->snapshot, &adding->families[LISTEN_FULLEST], workload, NULL,
			listening->fullest);
}

const char *const connections_lent[] = { "connections", "handshakes", "pair_numbers",
					 "pair_owners", "free_pairs", "pair_sums",
					 NULL };

int connections_lend(const void *opened, struct bpf_object *object)
{
	const struct state *state = opened;

	return pairs_lend(state->pairs, object);
}

void connections_edges_update(void *opened)
{
	struct state *state = opened;

	edges_update(state->edges, state->pairs);
}

void connections_edges_of(const void *opened, const struct workload *workload, edge_visit *visit,
			  void *context)
{
	const struct state *state = opened;

	edges_of(state->edges, workload, visit, context);
}

const char *const *connections_edge_labels(const void *opened, struct snapshot *snapshot,
					   const struct edge *edge)
{
	const struct state *state = opened;
	const struct workload *peer = edge->peer;
	const char *group = outside_name(state->outside, edge->group);
	const char *name = group ? group : "other", *kind = group ? "outside" : "other";
	const char *const values[] = {
		edge->inbound ? "in" : "out",
		peer ? peer->path : name,
		peer ? workload_kind_name(peer->kind) : kind,
		peer ? workload_title(peer) : name,
		peer ? peer->namespace : "",
		peer ? peer->pod : "",
	};

	return snapshot_labels(snapshot, ARRAY_SIZE(values), values);
}

/* Failures when they first occur; others have none. */
static void add_edge(void *context, const struct edge *edge)
{
	static const struct {
		unsigned metric, key;
	} sums[] = {
		{ EDGE_CONNECTS, WIRE_EDGE_CONNECTED },
		{ EDGE_FAILURES, WIRE_EDGE_FAILED },
		{ EDGE_CLOSES, WIRE_EDGE_CLOSED },
		{ EDGE_TRANSMIT, WIRE_EDGE_SENT },
		{ EDGE_RECEIVE, WIRE_EDGE_RECEIVED },
		{ EDGE_RETRANSMITS, WIRE_EDGE_RETRANSMITTED },
		{ EDGE_ROUND_TRIP, WIRE_EDGE_ROUND_TRIP_US },
	};
	struct adding *adding = context;
	const char *const *labels = connections_edge_labels(adding->state, adding->snapshot, edge);

	for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
		if (sums[i].metric != EDGE_FAILURES || edge->values[sums[i].key])
			family_add_integer(adding->snapshot, &adding->families[sums[i].metric],
					   adding->workload, labels, edge->values[sums[i].key]);
	family_add_integer(adding->snapshot, &adding->families[EDGE_OPEN], adding->workload, labels,
			   edge->open);
}

/* All stand there as soon as any probe has seen the workload; reasons when they first occur. */
static void add_tallies(void *context, const struct workload *workload, const uint64_t values[])
{
	const uint64_t made = values[WIRE_TCP_CONNECTED] + values[WIRE_TCP_ACCEPTED];
	struct adding *adding = context;
	uint64_t events = made;

	for (unsigned key = 0; key < WIRE_TCP_FAILED; key++) {
		uint64_t value = values[key];

		/* Two counters, read one after the other. */
		if (key == WIRE_TCP_CLOSED)
			value = made > value ? made - value : 0;
		if (key == WIRE_TCP_LISTEN_DROPPED)
			add_listening(adding, workload, value);
		else
			add(adding, rows[key].metric, workload, rows[key].label, value);
	}
	for (unsigned reason = 0; reason < WIRE_FAILURES; reason++) {
		uint64_t failed = values[WIRE_TCP_FAILED + reason];

		events += failed;
		if (failed)
			add(adding, FAILURES, workload, reasons[reason], failed);
	}
	charging_add(&adding->charging, workload, events);
	adding->workload = workload;
	edges_of(adding->state->edges, workload, add_edge, adding);
}

static void add_histogram(void *context, const struct histogram_reading *reading)
{
	const unsigned metric = reading->key == WIRE_TCP_CONNECTING ? CONNECTING : ROUND_TRIP;
	struct adding *adding = context;

	family_add_histogram(
		adding->snapshot, &adding->families[metric], reading->workload, NULL,
		histograms_make(adding->state->parts.histograms, adding->snapshot, reading));
}

/* A look settles all that are open: what was made long before it and still stands is nobody's. */
static void reap_handshakes(struct state *state)
{
	uint64_t looked_ns = listen_queues_looked_ns(state->queues);

	if (looked_ns == state->looked_ns)
		return;
	state->looked_ns = looked_ns;
	state->n_reaped += handshakes_reap(bpf_map__fd(state->skeleton->maps.handshakes),
					   looked_ns - WIRE_SETTLED_NS);
}

/* Where connections came or went, before those that are new are told by address. */
static int read_translations(struct state *state, struct collection *collection)
{
	uint64_t runs = attachment_runs(state->parts.attachment, 0);
	int err;

	if (!state->translations || runs == state->runs)
		return 0;
	state->runs = runs;
	err = translations_update(state->translations);
	if (is_denied(err))
		collection->denied = "what is behind the addresses of services (CAP_NET_ADMIN)";
	else if (err)
		collection->place = "connection tracking";
	return is_denied(err) ? 0 : err;
}

static int connections_collect(void *opened, struct collection *collection,
			       struct family families[])
{
	struct state *state = opened;
	cleanup_free struct listening *listening =
		xcalloc((size_t)collection->snapshot->n_workloads + 1, sizeof(*listening));
	struct adding adding = {
		.state = state,
		.charging = { .probes = collection->probes, .probe = &probe },
		.snapshot = collection->snapshot,
		.families = families,
		.listening = listening,
	};
	int unread = read_translations(state, collection);
	int err = listen_queues_read(state->queues, state->slots, listening);

	reap_handshakes(state);
	connections_edges_update(state);
	histograms_read(state->parts.histograms, add_histogram, &adding);
	tallies_read(state->parts.tallies, add_tallies, &adding);
	charging_end(&adding.charging);
	return err ? err : unread;
}

const struct source source_connections = {
	.name = "connections",
	.help = "TCP connections, who is at their ends, and listen queues, by programs in the "
		"kernel",
	.metrics = connection_metrics,
	.n_metrics = N_CONNECTION_METRICS,
	.collect = connections_collect,
	.probe = &probe,
};
