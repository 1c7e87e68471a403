/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a CPU, from bpf/runqueue.bpf.c. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options.h"
#include "collector/probes/attachment.h"
#include "collector/probes/histograms.h"
#include "collector/probes/probes.h"
#include "collector/probes/slots.h"
#include "collector/source.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/runqueue.skel.h"
#pragma GCC diagnostic pop

enum { WAIT };

static const struct metric metrics[] = {
	[WAIT] = {
		.name = "container_cpu_runqueue_wait_seconds",
		.help = "Time that threads were runnable and waited for a CPU, from the scheduler's own "
			"sched_info. High values: too many threads for the CPUs that the container may "
			"use.",
		.unit = "seconds",
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
};

struct state {
	struct runqueue *skeleton;
	struct attachment *attachment;
	struct histograms *histograms;
};

static void runqueue_close(void *opened)
{
	struct state *state = opened;

	attachment_close(state->attachment);
	histograms_free(state->histograms);
	runqueue__destroy(state->skeleton);
	free(state);
}

static int prepare(const struct probe_setup *setup, struct state *state)
{
	const struct histograms_size size = {
		.keys = 1,
		.wanted = slots_number(setup->slots),
		.memory = setup->options->probe_max_memory_mib * 1024 * 1024 / 8,
	};

	state->skeleton = runqueue__open();
	if (!state->skeleton)
		return -errno;
	return histograms_prepare(setup, state->skeleton->obj, &size, &state->histograms);
}

static int runqueue_open(const struct probe_setup *setup, void **ret_state, const char **ret_reason,
			 char **ret_failure)
{
	struct state *state = xcalloc(1, sizeof(*state));
	int err = prepare(setup, state);

	if (err == 0)
		err = attachment_load(setup, state->skeleton->obj, &state->attachment, ret_reason,
				      ret_failure);
	if (err == 0)
		err = histograms_start(state->histograms, state->skeleton->obj);
	if (err == 0)
		err = attachment_attach(state->attachment, ret_reason, ret_failure);
	if (err < 0) {
		runqueue_close(state);
		return err;
	}
	*ret_state = state;
	return 0;
}

static void runqueue_retire(void *opened, uint32_t slot, uint64_t heir)
{
	struct state *state = opened;

	histograms_retire(state->histograms, slot, heir);
}

static const struct attachment *runqueue_attachment(const void *opened)
{
	const struct state *state = opened;

	return state->attachment;
}

static unsigned runqueue_losses(const void *opened, struct probe_loss losses[PROBE_LOSSES_MAX])
{
	const struct state *state = opened;

	losses[0] = (struct probe_loss){ "full", histograms_lost(state->histograms) };
	return 1;
}

struct adding {
	const struct state *state;
	struct probes *probes;
	struct snapshot *snapshot;
	struct family *families;
};

static const struct probe probe = {
	.open = runqueue_open,
	.close = runqueue_close,
	.retire = runqueue_retire,
	.losses = runqueue_losses,
	.attachment = runqueue_attachment,
	.usual_run_ns = 100,
};

static void add(void *context, const struct histogram_reading *reading)
{
	struct adding *adding = context;

	probes_charge(adding->probes, &probe, reading->workload, reading->count);
	family_add_histogram(adding->snapshot, &adding->families[WAIT], reading->workload, NULL,
			     histograms_make(adding->state->histograms, adding->snapshot, reading));
}

static int runqueue_collect(void *opened, struct collection *collection, struct family families[])
{
	struct state *state = opened;
	struct adding adding = { state, collection->probes, collection->snapshot, families };

	histograms_read(state->histograms, add, &adding);
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
