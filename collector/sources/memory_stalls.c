/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for memory, from bpf/memory_stalls.bpf.c. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "bpf/wire_waits.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/probes/attachment.h"
#include "collector/probes/histograms.h"
#include "collector/probes/probes.h"
#include "collector/probes/slots.h"
#include "collector/source.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/memory_stalls.skel.h"
#pragma GCC diagnostic pop

enum { RECLAIM, HIGH, FAULT };

static const struct metric metrics[] = {
	[RECLAIM] = {
		.name = "container_memory_direct_reclaim_seconds",
		.help = "Time that threads spent freeing pages themselves before they got memory. Scope "
			"cgroup: for a limit of their own, or of a group above; high values: the limit is "
			"too tight. Scope host: the whole machine was short of memory.",
		.unit = "seconds",
		.labels = { "scope" },
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[HIGH] = {
		.name = "container_memory_high_throttled_seconds",
		.help = "Time that threads were held back for being above memory.high: freeing pages, "
			"which is in container_memory_direct_reclaim_seconds too, then sleeping. High "
			"values: it grows faster than it can be reclaimed. Absent where the kernel lets "
			"no program be attached to functions.",
		.unit = "seconds",
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[FAULT] = {
		.name = "container_memory_major_fault_seconds",
		.help = "Time that threads waited for a page that had to be read, of a mapped file "
			"(programs and libraries too) or of swap. High values: what is in use does not "
			"fit into memory, or the disk is slow. Absent where the kernel lets no program be "
			"attached to functions.",
		.unit = "seconds",
		.labels = { "type" },
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
};

/* By key of the histograms. */
static const struct stall {
	unsigned metric;
	const char *label; /* NULL: the metric has none */
} stalls[WIRE_STALLS] = {
	[WIRE_STALL_RECLAIM_CGROUP] = { RECLAIM, "cgroup" },
	[WIRE_STALL_RECLAIM_HOST] = { RECLAIM, "host" },
	[WIRE_STALL_HIGH] = { HIGH, NULL },
	[WIRE_STALL_FAULT_FILE] = { FAULT, "file" },
	[WIRE_STALL_FAULT_SWAP] = { FAULT, "swap" },
};

struct state {
	struct probe_parts parts;
	struct memory_stalls *skeleton;
};

static void stalls_close(void *opened)
{
	struct state *state = opened;

	memory_stalls__destroy(state->skeleton);
}

/* Where both are, the outer one is inline. */
static const char *high_function(const struct btf *kernel)
{
	static const char *const names[] = { "__mem_cgroup_handle_over_high",
					     "mem_cgroup_handle_over_high" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (btf__find_by_name_kind(kernel, names[i], BTF_KIND_FUNC) > 0)
			return names[i];
	return NULL;
}

static void choose(struct bpf_program *program, const char *function)
{
	if (!function || bpf_program__set_attach_target(program, 0, function) < 0)
		(void)bpf_program__set_autoload(program, false);
}

/* What is not in the kernel, by its type information, is left out. */
static void choose_functions(struct memory_stalls *skeleton, bool wanted)
{
	static const char *const faults[] = { "filemap_fault", "do_swap_page" };
	struct btf *kernel = wanted ? btf__load_vmlinux_btf() : NULL;
	const char *names[3] = { kernel ? high_function(kernel) : NULL };

	for (size_t i = 0; kernel && i < ARRAY_SIZE(faults); i++)
		if (btf__find_by_name_kind(kernel, faults[i], BTF_KIND_FUNC) > 0)
			names[1 + i] = faults[i];
	choose(skeleton->progs.on_high, names[0]);
	choose(skeleton->progs.on_high_left, names[0]);
	choose(skeleton->progs.on_file_fault, names[1]);
	choose(skeleton->progs.on_file_fault_done, names[1]);
	choose(skeleton->progs.on_swap_fault, names[2]);
	choose(skeleton->progs.on_swap_fault_done, names[2]);
	btf__free(kernel);
}

/* Some kernels refuse programs on functions, which only trying tells: the second attempt has none. */
static int stalls_prepare(const struct probe_setup *setup, void *preparing,
			  struct bpf_object **ret_object)
{
	struct state *state = preparing;
	const struct histograms_size size = {
		.keys = WIRE_STALLS,
		.wanted = slots_number(setup->slots) * 2,
		.memory = probe_memory(setup) / 16,
		.interrupts = true,
	};

	state->skeleton = memory_stalls__open();
	if (!state->skeleton)
		return -errno;
	*ret_object = state->skeleton->obj;
	choose_functions(state->skeleton, setup->attempt == 0);
	return histograms_prepare(setup, *ret_object, &size, &state->parts.histograms);
}

static unsigned stalls_losses(const void *opened, struct probe_loss losses[PROBE_LOSSES_MAX])
{
	const struct state *state = opened;

	losses[0] = (struct probe_loss){ .reason = "untimed",
					 .n = attachment_runs(state->parts.attachment,
							      WIRE_STALLS_UNTIMED) };
	return 1;
}

struct adding {
	const struct state *state;
	struct charging charging;
	struct snapshot *snapshot;
	struct family *families;
};

static const struct probe probe = {
	.state_size = sizeof(struct state),
	.attempts = 2,
	.prepare = stalls_prepare,
	.close = stalls_close,
	.losses = stalls_losses,
	.usual_run_ns = 150,
};

static void add(void *context, const struct histogram_reading *reading)
{
	struct adding *adding = context;
	const struct stall *stall = &stalls[reading->key];
	const char *const *labels =
		stall->label ? snapshot_labels(adding->snapshot, 1, &stall->label) : NULL;

	charging_add(&adding->charging, reading->workload, reading->count);
	family_add_histogram(
		adding->snapshot, &adding->families[stall->metric], reading->workload, labels,
		histograms_make(adding->state->parts.histograms, adding->snapshot, reading));
}

static int stalls_collect(void *opened, struct collection *collection, struct family families[])
{
	struct state *state = opened;
	struct adding adding = {
		.state = state,
		.charging = { .probes = collection->probes, .probe = &probe },
		.snapshot = collection->snapshot,
		.families = families,
	};

	histograms_read(state->parts.histograms, add, &adding);
	charging_end(&adding.charging);
	return 0;
}

const struct source source_memory_stalls = {
	.name = "memory_stalls",
	.help = "direct reclaim, major faults and memory.high, by programs in the kernel",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.collect = stalls_collect,
	.probe = &probe,
};
