/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel probes do, cost and lose. Runs after them. */
#include <bpf/libbpf.h>

#include "collector/cleanup.h"
#include "collector/options/options.h"
#include "collector/probes/probes.h"
#include "collector/probes/ring.h"
#include "collector/probes/slots.h"
#include "collector/source.h"

enum {
	UP,
	MODE,
	PROGRAM_INFO,
	RUNS,
	RUN_NS,
	RUN_SECONDS,
	COST_RATIO,
	STEPS,
	LOST,
	UNATTRIBUTED,
	MAP_BYTES,
	SLOTS,
	BUDGET_RATIO,
	WORKLOAD_EVENTS,
};

static const struct metric metrics[] = {
	[UP] = {
		.name = "tallyman_probe_up",
		.help = "Whether a kernel probe that is switched on is attached; the reason is in the "
			"log and in /api/v1/sources.",
		.labels = { "probe" },
		.scope = SCOPE_HOST,
	},
	[MODE] = {
		.name = "tallyman_probe_mode",
		.help = "1 for the mode that a probe is in: full, sampled or count. Another than the "
			"one asked for: the probes cost more than --probe.budget.",
		.labels = { "probe", "mode" },
		.scope = SCOPE_HOST,
	},
	[PROGRAM_INFO] = {
		.name = "tallyman_probe_program_info",
		.help = "A program of a probe, and the hook that it is attached to.",
		.labels = { "probe", "program", "hook" },
		.type = METRIC_INFO,
		.scope = SCOPE_HOST,
	},
	[RUNS] = {
		.name = "tallyman_probe_runs_total",
		.help = "Runs of a program, counted exactly.",
		.labels = { "probe", "program" },
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[RUN_NS] = {
		.name = "tallyman_probe_run_cost_seconds",
		.help = "CPU time of one run of a program, measured by the kernel in short windows, its "
			"clock's own cost included; or the usual figure where it may not be measured.",
		.unit = "seconds",
		.labels = { "probe", "program", "measured" },
		.scope = SCOPE_HOST,
		.value = VALUE_REAL,
	},
	[RUN_SECONDS] = {
		.name = "tallyman_probe_run_seconds_total",
		.help = "CPU time of all programs of a probe: runs times cost of a run.",
		.unit = "seconds",
		.labels = { "probe" },
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
		.value = VALUE_REAL,
	},
	[COST_RATIO] = {
		.name = "tallyman_probe_cost_ratio",
		.help = "Share of all CPUs that a probe takes, on average over 30 s.",
		.unit = "ratio",
		.labels = { "probe" },
		.scope = SCOPE_HOST,
		.value = VALUE_REAL,
	},
	[STEPS] = {
		.name = "tallyman_probe_steps_total",
		.help = "Times that a probe did less (down) or more (up) because of --probe.budget.",
		.labels = { "probe", "direction" },
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[LOST] = {
		.name = "tallyman_probe_lost_total",
		.help = "Events that a probe saw, or missed while an interrupt ran within it, and that are in "
			"no series, and why.",
		.labels = { "probe", "reason" },
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[UNATTRIBUTED] = {
		.name = "tallyman_probe_unattributed_total",
		.help = "Events that a probe saw and that belong to no group of cgroup version 2: v1, their "
			"controller is on version 1 on this host; no_cgroup, the kernel itself made them. "
			"Nothing is lost by them.",
		.labels = { "probe", "reason" },
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[MAP_BYTES] = {
		.name = "tallyman_probe_map_bytes",
		.help = "Kernel memory of a probe's maps; shared, of those that all probes use.",
		.unit = "bytes",
		.labels = { "probe" },
		.scope = SCOPE_HOST,
	},
	[SLOTS] = {
		.name = "tallyman_probe_slots",
		.help = "Cgroups that the probes can tell apart, by what became of the place for them. "
			"None free: what new cgroups do is lost.",
		.labels = { "state" },
		.scope = SCOPE_HOST,
	},
	[BUDGET_RATIO] = {
		.name = "tallyman_probe_budget_ratio",
		.help = "Share of all CPUs that all probes may take, from --probe.budget.",
		.unit = "ratio",
		.scope = SCOPE_HOST,
		.value = VALUE_REAL,
	},
	[WORKLOAD_EVENTS] = {
		.name = "container_probe_events_total",
		.help = "Events of a workload that a probe counted. Times tallyman_probe_run_cost_seconds: "
			"what the workload is charged for being watched.",
		.labels = { "probe" },
		.type = METRIC_COUNTER,
	},
};

struct adding {
	struct snapshot *snapshot;
	struct family *families;
	const char *probe;
};

static const char *const *label_pair(struct adding *adding, const char *second)
{
	const char *const values[] = { adding->probe, second };

	return snapshot_labels(adding->snapshot, ARRAY_SIZE(values), values);
}

static void add_program(struct adding *adding, const struct load *load, unsigned i)
{
	const struct attachment *attachment = probe_attachment(load->state);
	const struct bpf_program *program = attachment->programs[i];
	const char *name = arena_strdup(&adding->snapshot->arena, bpf_program__name(program));
	const char *hook =
		arena_strdup(&adding->snapshot->arena, bpf_program__section_name(program));
	const char *const info[] = { adding->probe, name, hook };
	const char *const cost[] = { adding->probe, name, load->measured[i] ? "true" : "false" };

	if (!attachment->links[i])
		return;
	family_add_integer(adding->snapshot, &adding->families[PROGRAM_INFO], NULL,
			   snapshot_labels(adding->snapshot, ARRAY_SIZE(info), info), 1);
	family_add_integer(adding->snapshot, &adding->families[RUNS], NULL,
			   label_pair(adding, name),
			   attachment_runs(attachment, attachment->numbers[i]));
	family_add_real(adding->snapshot, &adding->families[RUN_NS], NULL,
			snapshot_labels(adding->snapshot, ARRAY_SIZE(cost), cost),
			load->run_ns[i] / 1e9);
}

static void add_losses(struct adding *adding, const struct load *load)
{
	struct probe_loss losses[PROBE_LOSSES_MAX];
	unsigned n = probe_losses(load->probe, load->state, losses);

	for (unsigned i = 0; i < n; i++)
		family_add_integer(adding->snapshot,
				   &adding->families[losses[i].outside ? UNATTRIBUTED : LOST], NULL,
				   label_pair(adding, losses[i].reason), losses[i].n);
}

static void add_load(struct adding *adding, const struct load *load)
{
	const struct attachment *attachment = probe_attachment(load->state);
	const char *const *label = snapshot_labels(adding->snapshot, 1, &adding->probe);
	struct family *families = adding->families;

	family_add_integer(adding->snapshot, &families[MODE], NULL,
			   label_pair(adding, probe_mode_name(load->mode)), 1);
	for (unsigned i = 0; i < attachment->n_programs; i++)
		add_program(adding, load, i);
	family_add_real(adding->snapshot, &families[RUN_SECONDS], NULL, label, load->cost_ns / 1e9);
	if (load->ticks)
		family_add_real(adding->snapshot, &families[COST_RATIO], NULL, label,
				load_share(load));
	family_add_integer(adding->snapshot, &families[STEPS], NULL, label_pair(adding, "down"),
			   load->steps_down);
	family_add_integer(adding->snapshot, &families[STEPS], NULL, label_pair(adding, "up"),
			   load->steps_up);
	add_losses(adding, load);
	family_add_integer(adding->snapshot, &families[MAP_BYTES], NULL, label, attachment->memory);
}

static void add_shared(struct adding *adding, const struct slots *slots, const struct ring *ring)
{
	static const char *const shared = "shared";

	family_add_integer(adding->snapshot, &adding->families[MAP_BYTES], NULL,
			   snapshot_labels(adding->snapshot, 1, &shared),
			   slots_memory(slots) + ring_memory(ring));
}

static void add_slots(struct adding *adding, const struct slots *slots)
{
	static const char *const used = "used", *const free = "free";
	uint32_t n = slots_used(slots);

	family_add_integer(adding->snapshot, &adding->families[SLOTS], NULL,
			   snapshot_labels(adding->snapshot, 1, &used), n);
	family_add_integer(adding->snapshot, &adding->families[SLOTS], NULL,
			   snapshot_labels(adding->snapshot, 1, &free),
			   slots_number(slots) - 1 - n);
}

static void add_charges(struct adding *adding, const struct probes *probes)
{
	size_t n;
	const struct charge *charges = probes_charges(probes, &n);

	for (size_t i = 0; i < n; i++)
		family_add_integer(
			adding->snapshot, &adding->families[WORKLOAD_EVENTS], charges[i].workload,
			snapshot_labels(adding->snapshot, 1, &sources[charges[i].probe]->name),
			charges[i].events);
}

static int probes_collect(void *opened, struct collection *collection, struct family families[])
{
	struct snapshot *snapshot = collection->snapshot;
	const struct overhead *overhead = probes_overhead(collection->probes);
	const struct slots *slots = probes_slots(collection->probes);
	const struct ring *ring = probes_ring(collection->probes);
	struct adding adding = { .snapshot = snapshot, .families = families };

	(void)opened;
	for (size_t i = 0; i < n_sources; i++) {
		const struct load *load = overhead ? &overhead->loads[i] : NULL;

		if (!sources[i]->probe || !(collection->options->sources_enabled >> i & 1))
			continue;
		adding.probe = sources[i]->name;
		family_add_integer(snapshot, &families[UP], NULL,
				   snapshot_labels(snapshot, 1, &adding.probe),
				   load && load->state);
		if (load && load->state)
			add_load(&adding, load);
	}
	if (slots && ring)
		add_shared(&adding, slots, ring);
	if (slots)
		add_slots(&adding, slots);
	add_charges(&adding, collection->probes);
	if (overhead)
		family_add_real(snapshot, &families[BUDGET_RATIO], NULL, NULL, overhead->budget);
	return 0;
}

static int probes_open(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)options;
	(void)ret_reason;
	*ret_state = NULL;
	return 0;
}

static void probes_close(void *opened)
{
	(void)opened;
}

const struct source source_probes = {
	.name = "probes",
	.help = "what the kernel probes do, cost and lose",
	.always = true,
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = probes_open,
	.collect = probes_collect,
	.close = probes_close,
};
