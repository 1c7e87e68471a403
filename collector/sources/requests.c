/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and their answers, from bpf/requests.bpf.c. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bpf/wire_requests.h"
#include "collector/cleanup.h"
#include "collector/options/options.h"
#include "collector/probes/attachment.h"
#include "collector/probes/histograms.h"
#include "collector/probes/probes.h"
#include "collector/probes/slots.h"
#include "collector/probes/tallies.h"
#include "collector/source.h"
#include "collector/sources/connections.h"
#include "collector/sources/request_metrics.h"
#include "collector/sources/requests_edges.h"
#include "collector/sources/requests_in_flight.h"
#include "collector/sources/requests_names.h"
#include "collector/sources/requests_programs.h"
#include "collector/sources/requests_routes.h"
#include "collector/sources/requests_samples.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/requests.skel.h"
#pragma GCC diagnostic pop

static const char *const sides[WIRE_SIDES] = {
	[WIRE_SIDE_CLIENT] = "client",
	[WIRE_SIDE_SERVER] = "server",
};

static const char *const unparsed[WIRE_UNPARSED] = {
	[WIRE_UNPARSED_UNKNOWN] = "unknown", [WIRE_UNPARSED_TLS] = "tls",
	[WIRE_UNPARSED_HTTP2] = "http2",     [WIRE_UNPARSED_UPGRADE] = "upgrade",
	[WIRE_UNPARSED_BROKEN] = "broken",   [WIRE_UNPARSED_TRUNCATED] = "truncated",
	[WIRE_UNPARSED_OLDER] = "older",     [WIRE_UNPARSED_CONTENDED] = "contended",
	[WIRE_UNPARSED_UNSEEN] = "unseen",   [WIRE_UNPARSED_BUDGET] = "budget",
};

static const char *const faults[WIRE_FAULTS] = {
	[WIRE_FAULT_UNANSWERED] = "unanswered",
	[WIRE_FAULT_UNMATCHED] = "unmatched",
	[WIRE_FAULT_OVERFLOW] = "overflow",
};

/* From 122 us to 16 s in text, with 0.5 and 2 s among them: the bounds of an Apdex of T = 0.5 s. */
enum { TEXT_LOWEST = -13, TEXT_HIGHEST = 4, TEXT_FINENESS = 4 };

/* What the kernel adds to an entry of a hash: its own head and the place in a bucket. */
enum { ENTRY_OVERHEAD = 96 };

/* The ring of samples, and what says which requests go there. */
enum { SAMPLES_MEMORY = 384 * 1024 };

struct state {
	struct probe_parts parts;
	struct requests *skeleton;
	struct slots *slots;
	struct request_samples *samples;
	struct request_edges edges;
	struct request_routes routes;
	enum probe_mode mode;
	struct requests__bss *shared; /* mapped; the programs write it */
	size_t shared_size;
};

static void requests_close(void *opened)
{
	struct state *state = opened;

	samples_free(state->samples);
	request_edges_close(&state->edges);
	request_routes_close(&state->routes);
	if (state->shared)
		munmap(state->shared, state->shared_size);
	requests__destroy(state->skeleton);
}

static int set_entries(struct bpf_map *map, uint64_t memory)
{
	return bpf_map__set_max_entries(
		map, (uint32_t)(memory / (bpf_map__value_size(map) + ENTRY_OVERHEAD)));
}

/*
 * Three sixteenths of all memory: half for connections, and what the counters leave for histograms. An eighth
 * of the connections' half is for sockets of UDP.
 */
static int requests_prepare(const struct probe_setup *setup, void *preparing,
			    struct bpf_object **ret_object)
{
	struct state *state = preparing;

	state->routes.slots = setup->slots;
	state->routes.each = setup->options->requests_routes;
	const uint64_t memory = probe_memory(setup) * 3 / 16;
	const uint64_t counters = (uint64_t)slots_number(setup->slots) * 8 *
					  (WIRE_REQUEST_TALLIES + WIRE_PROTOCOLS_MAX) +
				  SAMPLES_MEMORY + request_routes_memory(&state->routes);
	const uint64_t rest = memory / 2 > counters ? memory / 2 - counters : 0;
	const struct histograms_size histograms = {
		.key_groups = WIRE_PROTOCOLS_MAX,
		.wanted = slots_number(setup->slots) * WIRE_REQUEST_PAIRS,
		.memory = rest * 7 / 8, /* the rest is for the hash of their numbers */
		.interrupts = true,
		.text_lowest = TEXT_LOWEST,
		.text_highest = TEXT_HIGHEST,
		.text_fineness = TEXT_FINENESS,
	};
	const struct tallies_size tallies = {
		.keys = WIRE_REQUEST_TALLIES,
		.memory = 0, /* one shard */
		.interrupts = true,
	};

	state->skeleton = requests__open();
	if (!state->skeleton)
		return -errno;
	*ret_object = state->skeleton->obj;
	requests_choose(*ret_object, setup->attempt == 0);
	state->slots = setup->slots;
	state->skeleton->rodata->slow_ns = setup->options->requests_slow_ms * 1000 * 1000;
	state->skeleton->rodata->traces_wanted = setup->options->requests_traceparent;
	state->skeleton->rodata->edges_wanted = setup->lender != NULL;
	state->edges.lender = setup->lender;
	int err = setup->lender ? connections_lend(setup->lender, *ret_object) : 0;
	err = err ? err : request_routes_prepare(&state->routes, *ret_object);
	err = err ? err : set_entries(state->skeleton->maps.exchanges, memory / 16 * 7);
	err = err ? err : set_entries(state->skeleton->maps.resolvers, memory / 16);
	err = err ? err
		  : histograms_prepare(setup, *ret_object, &histograms, &state->parts.histograms);
	return err ? err : tallies_prepare(setup, *ret_object, &tallies, &state->parts.tallies);
}

/* The skeleton's own pointer leads to what the variables were before they were loaded. */
static int requests_start(void *opened)
{
	struct state *state = opened;

	state->shared = map_memory(state->skeleton->maps.bss, &state->shared_size);
	if (!state->shared)
		return -errno;
	state->edges.program = state->skeleton->progs.look_at_edge;
	state->edges.sockets = state->skeleton->maps.connections;
	int err = request_routes_start(&state->routes, state->skeleton->obj);
	return err ? err : samples_new(bpf_map__fd(state->skeleton->maps.samples), &state->samples);
}

static void requests_retire(void *opened)
{
	struct state *state = opened;

	request_routes_retire(&state->routes);
}

static void requests_fetch(void *opened)
{
	struct state *state = opened;

	if (state->shared->reads_unseen)
		requests_see_splices(state->parts.attachment);
	samples_fetch(state->samples);
}

/*
 * Each mode is an epoch of its own (bpf/epochs.h). There is none between all and nothing: a part of the calls
 * would pair answers wrongly, a part of the connections would count fewer requests than there are.
 */
static int requests_set_mode(void *opened, enum probe_mode mode)
{
	struct state *state = opened;

	if (mode != PROBE_FULL && mode != PROBE_COUNT)
		return -EOPNOTSUPP;
	if (mode != state->mode)
		__atomic_add_fetch(&state->shared->epoch, 1, __ATOMIC_RELAXED);
	state->mode = mode;
	return 0;
}

static enum probe_mode requests_wanted(const struct options *options)
{
	return options->probe_requests ? PROBE_COUNT : PROBE_FULL;
}

static unsigned requests_losses(const void *opened, struct probe_loss losses[PROBE_LOSSES_MAX])
{
	const struct state *state = opened;

	losses[0] = (struct probe_loss){
		.reason = "connections",
		.n = __atomic_load_n(&state->shared->exchanges_full, __ATOMIC_RELAXED),
	};
	losses[1] = (struct probe_loss){
		.reason = "pairs",
		.n = __atomic_load_n(&state->shared->edges_lost, __ATOMIC_RELAXED),
	};
	losses[2] = (struct probe_loss){
		.reason = "routes",
		.n = __atomic_load_n(&state->shared->routes_lost, __ATOMIC_RELAXED),
	};
	return 3;
}

static const struct probe probe = {
	.lender = &source_connections,
	.borrowed = connections_lent,
	.state_size = sizeof(struct state),
	.attempts = 2,
	.prepare = requests_prepare,
	.start = requests_start,
	.close = requests_close,
	.retire = requests_retire,
	.fetch = requests_fetch,
	.set_mode = requests_set_mode,
	.wanted = requests_wanted,
	.losses = requests_losses,
	.usual_run_ns = 400,
};

struct adding {
	const struct state *state;
	struct charging charging;
	struct snapshot *snapshot;
	struct family *families;
};

static void add(struct adding *adding, unsigned metric, const struct workload *workload,
		size_t n_labels, const char *const labels[], uint64_t value)
{
	family_add_integer(adding->snapshot, &adding->families[metric], workload,
			   snapshot_labels(adding->snapshot, n_labels, labels), value);
}

static void add_duration(void *context, const struct histogram_reading *reading)
{
	struct adding *adding = context;
	const struct request_key key = request_key(reading->key);
	const unsigned status = key.status, operation = key.operation, protocol = key.protocol;
	const bool client = key.side == WIRE_SIDE_CLIENT;
	const bool http = protocol == WIRE_PROTOCOL_http1, dns = protocol == WIRE_PROTOCOL_dns;
	const char *const labels[] = {
		protocol_name(protocol),
		operation_name(protocol, operation),
		http ? http_status_name(&adding->snapshot->arena, status)
		     : error_name(&adding->snapshot->arena, protocol, status),
		request_route_name(&adding->state->routes, &adding->snapshot->arena, key.route),
	};
	const size_t skip = http || dns; /* these families are of one protocol each */
	const bool routes = adding->state->routes.each;
	const unsigned metric = http  ? (client ? HTTP_CLIENT : HTTP_SERVER)
				: dns ? DNS_CLIENT
				      : (client ? DB_CLIENT : DB_SERVER);

	if (dns && !client) /* the conventions have no name for it */
		return;
	charging_add(&adding->charging, reading->workload, reading->count);
	struct histogram *histogram =
		histograms_make(adding->state->parts.histograms, adding->snapshot, reading);
	histogram->exemplars =
		samples_exemplars(adding->state->samples, reading->workload, reading->key,
				  adding->snapshot, &histogram->n_exemplars);
	family_add_histogram(adding->snapshot, &adding->families[metric], reading->workload,
			     snapshot_labels(adding->snapshot,
					     3 - skip + (metric == HTTP_SERVER && routes),
					     labels + skip),
			     histogram);
}

/* Also 0, beside the other: so that their ratio is there. */
static void add_coverage(struct adding *adding, const struct workload *workload,
			 const uint64_t values[])
{
	uint64_t parsed = 0, seen = 0;

	for (unsigned i = WIRE_REQUEST_BYTES; i < WIRE_REQUEST_UNPARSED; i++)
		parsed += values[i];
	for (unsigned i = 0; i < WIRE_UNPARSED; i++)
		seen += values[WIRE_REQUEST_UNPARSED + i];
	seen += parsed;
	if (!seen)
		return;
	family_add_integer(adding->snapshot, &adding->families[SEEN], workload, NULL, seen);
	family_add_integer(adding->snapshot, &adding->families[PARSED], workload, NULL, parsed);
}

static void add_protocol(struct adding *adding, const struct workload *workload, unsigned protocol,
			 const uint64_t values[])
{
	static const char *const messages[] = { "request", "response" };

	for (unsigned i = 0; i < 4; i++) {
		const char *const labels[] = { protocol_name(protocol),
					       sides[WIRE_SIDE_CLIENT + i / 2], messages[i % 2] };
		uint64_t bytes = values[WIRE_REQUEST_BYTES + protocol * 4 + i];

		if (bytes)
			add(adding, REQUEST_BYTES, workload, ARRAY_SIZE(labels), labels, bytes);
	}
	for (unsigned i = 0; i < WIRE_FAULTS; i++) {
		const char *const labels[] = { protocol_name(protocol), faults[i] };
		uint64_t n = values[WIRE_REQUEST_FAULT + protocol * WIRE_FAULTS + i];

		if (n)
			add(adding, FAULTS, workload, ARRAY_SIZE(labels), labels, n);
	}
}

/* All of it when it first occurs. */
static void add_tallies(void *context, const struct workload *workload, const uint64_t values[])
{
	struct adding *adding = context;

	add_coverage(adding, workload, values);
	for (unsigned protocol = 1; protocol < WIRE_PROTOCOLS_END; protocol++)
		add_protocol(adding, workload, protocol, values);
	for (unsigned i = 0; i < WIRE_UNPARSED; i++) {
		uint64_t bytes = values[WIRE_REQUEST_UNPARSED + i];

		if (bytes)
			add(adding, UNPARSED, workload, 1, &unparsed[i], bytes);
	}
}

static int add_in_flight(struct adding *adding)
{
	cleanup_free struct in_flight *rows = NULL;
	size_t n = 0;
	int err = in_flight_read(adding->state->skeleton->maps.exchanges, adding->state->slots,
				 adding->state->shared->epoch, &rows, &n);

	for (size_t i = 0; i < n; i++)
		for (unsigned age = 0; age < REQUEST_AGES; age++) {
			const char *const labels[] = { protocol_name(rows[i].protocol),
						       sides[rows[i].side], request_ages[age] };

			add(adding, IN_FLIGHT, rows[i].workload, ARRAY_SIZE(labels), labels,
			    rows[i].n[age]);
		}
	return err;
}

static void add_dropped(struct adding *adding)
{
	const struct state *state = adding->state;

	for (unsigned i = 0; i < SAMPLE_DROPS; i++) {
		uint64_t n = samples_dropped(state->samples, i);

		if (i < WIRE_DROPS)
			n = __atomic_load_n(&state->shared->samples_dropped[i], __ATOMIC_RELAXED);
		add(adding, DROPPED, NULL, 1, &sample_drops[i], n);
	}
}

static int requests_collect(void *opened, struct collection *collection, struct family families[])
{
	struct state *state = opened;
	struct adding adding = {
		.state = state,
		.charging = { .probes = collection->probes, .probe = &probe },
		.snapshot = collection->snapshot,
		.families = families,
	};

	if (state->routes.each)
		families[HTTP_SERVER].metric = &request_metric_routed;
	/* Who is at the other end of a sample is found on the way. */
	int err = request_edges_read(&state->edges, collection->snapshot, families);
	samples_show(state->samples, state->slots, &state->routes, collection->snapshot);
	/* Counters that stand still would say that there are no requests. */
	if (state->mode != PROBE_COUNT)
		histograms_read(state->parts.histograms, add_duration, &adding);
	charging_end(&adding.charging);
	tallies_read(state->parts.tallies, add_tallies, &adding);
	add_dropped(&adding);
	if (err == 0 && state->mode != PROBE_COUNT)
		err = add_in_flight(&adding);
	return err;
}

const struct source source_requests = {
	.name = "requests",
	.help = "HTTP and database requests, their durations and errors, by programs in the kernel",
	.optional = true, /* until what it adds to a request is within 5 %: docs/benchmarks.md */
	.metrics = request_metrics,
	.n_metrics = N_REQUEST_METRICS,
	.collect = requests_collect,
	.probe = &probe,
};
