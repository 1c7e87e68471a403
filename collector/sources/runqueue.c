/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a CPU and who ran meanwhile, from bpf/runqueue.bpf.c. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/probes/attachment.h"
#include "collector/probes/disturbers.h"
#include "collector/probes/histograms.h"
#include "collector/probes/pairs.h"
#include "collector/probes/probes.h"
#include "collector/probes/slots.h"
#include "collector/probes/tallies.h"
#include "collector/source.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/runqueue.skel.h"
#include "bpf/wire_runqueue.h"
#pragma GCC diagnostic pop

enum { WAIT, DISTURBED, THROTTLED };

static const struct metric metrics[] = {
	[WAIT] = {
		.name = "container_cpu_runqueue_wait_seconds",
		.help = "Time that threads were runnable and waited for a CPU, from the scheduler's own "
			"sched_info. High values: too many threads for the CPUs that the container may "
			"use, or a CPU quota.",
		.unit = "seconds",
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[DISTURBED] = {
		.name = "container_cpu_disturbed_seconds_total",
		.help = "The part of the wait for a CPU that no quota took, by who ran on that CPU "
			"meanwhile: the id of a workload that took much of it, other for the rest, self "
			"for threads of this workload, idle while nobody ran. Their increases sum to that "
			"part; the series of a workload that is gone ends. High values: that workload "
			"takes this one's time.",
		.unit = "seconds",
		.labels = { "by" },
		.type = METRIC_COUNTER,
		.scale = SCALE_NANOSECONDS,
	},
	[THROTTLED] = {
		.name = "container_cpu_throttled_wait_seconds_total",
		.help = "The part of the wait for a CPU that a CPU quota took: own_quota of this workload "
			"or a group within it, ancestor_quota of a group above. High values: the quota is "
			"too small, and a faster or emptier host does not help. Absent before a quota took any.",
		.unit = "seconds",
		.labels = { "cause" },
		.type = METRIC_COUNTER,
		.scale = SCALE_NANOSECONDS,
	},
};

struct state {
	struct probe_parts parts;
	struct runqueue *skeleton;
	struct pairs *pairs;
	struct disturbers *disturbers;
};

static void runqueue_close(void *opened)
{
	struct state *state = opened;

	disturbers_free(state->disturbers);
	pairs_free(state->pairs);
	runqueue__destroy(state->skeleton);
}

/* Of an eighth of all memory: one half for the histograms, a quarter each for the sums. */
static int runqueue_prepare(const struct probe_setup *setup, void *preparing,
			    struct bpf_object **ret_object)
{
	enum { PAIRS_PER_SLOT = 8 };
	struct state *state = preparing;
	uint64_t memory = probe_memory(setup) / 8;
	uint32_t n_slots = slots_number(setup->slots);
	const struct histograms_size size = { .keys = 1, .wanted = n_slots, .memory = memory / 2 };
	const struct tallies_size sums = { .keys = WIRE_WAIT_KEYS, .memory = memory / 4 };
	const struct pairs_size pairs = {
		.keys = 1,
		.wanted = n_slots * PAIRS_PER_SLOT,
		.memory = memory / 4,
	};

	state->skeleton = runqueue__open();
	if (!state->skeleton)
		return -errno;
	struct bpf_object *object = *ret_object = state->skeleton->obj;
	int err = histograms_prepare(setup, object, &size, &state->parts.histograms);

	err = err ? err : tallies_prepare(setup, object, &sums, &state->parts.tallies);
	err = err ? err : pairs_prepare(setup, object, &pairs, &state->pairs);
	err = err ? err : bpf_map__set_max_entries(object_map(object, "runners"), setup->n_cpus);
	if (err == 0)
		state->disturbers = disturbers_new(setup->slots,
						   (unsigned)setup->options->probe_disturbed_pairs);
	return err;
}

static int runqueue_start(void *opened)
{
	struct state *state = opened;

	return pairs_start(state->pairs, state->skeleton->obj);
}

static void runqueue_retire(void *opened)
{
	struct state *state = opened;

	disturbers_retire(state->disturbers, state->pairs);
}

static unsigned runqueue_losses(const void *opened, struct probe_loss losses[PROBE_LOSSES_MAX])
{
	const struct state *state = opened;

	/* These are told, as by="other". */
	losses[0] = (struct probe_loss){
		.reason = "pairs",
		.n = tallies_lost(state->parts.tallies, WIRE_WAIT_UNNAMED),
	};
	return 1;
}

struct adding {
	const struct state *state;
	struct probes *probes;
	struct snapshot *snapshot;
	struct family *families;
	const struct workload *victim;
};

static const struct probe probe = {
	.state_size = sizeof(struct state),
	.prepare = runqueue_prepare,
	.start = runqueue_start,
	.close = runqueue_close,
	.retire = runqueue_retire,
	.losses = runqueue_losses,
	.usual_run_ns = 100,
};

static void add_wait(void *context, const struct histogram_reading *reading)
{
	struct adding *adding = context;

	probes_charge(adding->probes, &probe, reading->workload, reading->count);
	family_add_histogram(
		adding->snapshot, &adding->families[WAIT], reading->workload, NULL,
		histograms_make(adding->state->parts.histograms, adding->snapshot, reading));
}

static void add_sum(struct adding *adding, int metric, const char *label, uint64_t ns)
{
	const char *const *labels = snapshot_labels(adding->snapshot, 1, &label);

	family_add_integer(adding->snapshot, &adding->families[metric], adding->victim, labels, ns);
}

static void add_disturber(void *context, const struct workload *by, uint64_t ns)
{
	add_sum(context, DISTURBED, by->path, ns);
}

/* How many cgroups stand above it. */
static unsigned level_of(const struct workload *workload)
{
	unsigned level = 0;

	for (const char *at = workload->path; at && at[1]; at = strchr(at + 1, '/'))
		level++;
	return level;
}

static void add_throttled(struct adding *adding, const uint64_t values[])
{
	unsigned own = level_of(adding->victim);
	uint64_t ns[2] = { 0 };

	if (own >= WIRE_QUOTA_LEVELS)
		own = WIRE_QUOTA_LEVELS - 1;
	for (unsigned level = 0; level < WIRE_QUOTA_LEVELS; level++)
		ns[level >= own] += values[WIRE_WAIT_QUOTA + level];
	if (!ns[true] && !ns[false])
		return;
	add_sum(adding, THROTTLED, "own_quota", ns[true]);
	add_sum(adding, THROTTLED, "ancestor_quota", ns[false]);
}

static void add_sums(void *context, const struct workload *workload, const uint64_t values[])
{
	struct adding *adding = context;

	adding->victim = workload;
	struct disturbed disturbed =
		disturbers_of(adding->state->disturbers, workload, add_disturber, adding);

	add_sum(adding, DISTURBED, "self", values[WIRE_WAIT_SELF] + disturbed.self_ns);
	add_sum(adding, DISTURBED, "idle", values[WIRE_WAIT_IDLE]);
	add_sum(adding, DISTURBED, "other",
		values[WIRE_WAIT_OTHER] + values[WIRE_WAIT_LOST] + disturbed.other_ns);
	add_throttled(adding, values);
}

static int runqueue_collect(void *opened, struct collection *collection, struct family families[])
{
	struct state *state = opened;
	struct adding adding = { state, collection->probes, collection->snapshot, families, NULL };

	histograms_read(state->parts.histograms, add_wait, &adding);
	disturbers_update(state->disturbers, state->pairs);
	tallies_read(state->parts.tallies, add_sums, &adding);
	return 0;
}

const struct source source_runqueue = {
	.name = "runqueue",
	.help = "waiting for a CPU, by a program on sched_switch",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.collect = runqueue_collect,
	.probe = &probe,
};
