/* SPDX-License-Identifier: Apache-2.0 */
/* Beginnings and ends of processes and cgroups, from bpf/lifetime.bpf.c. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/collect.h"
#include "collector/workloads/lifecycle.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/probes/attachment.h"
#include "collector/probes/probes.h"
#include "collector/probes/ring.h"
#include "collector/probes/tallies.h"
#include "collector/source.h"
#include "collector/workloads/stages.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/lifetime.skel.h"
#include "bpf/wire_lifetime.h"
#pragma GCC diagnostic pop

enum { EXECS, EXITS, START, STOP, MADE, REMOVED, SHORT_LIVED };

static const struct metric metrics[] = {
	[EXECS] = {
		.name = "container_execs_total",
		.help = "Programs started (execve), in the container and all below it. High rates: "
			"shell scripts, health checks or a service that starts again and again; "
			"each costs some milliseconds of CPU.",
		.type = METRIC_COUNTER,
	},
	[EXITS] = {
		.name = "container_exits_total",
		.help = "Processes ended, by exit code (0, 1, 2, 126, 127, other) or by the signal "
			"that killed them. Codes above 0 and signals are failures: 127 is a command "
			"not found, KILL often the OOM killer, SEGV a crash. What has not happened "
			"yet is left out.",
		.labels = { "code", "signal" },
		.type = METRIC_COUNTER,
	},
	[START] = {
		.name = "container_start_duration_seconds",
		.help = "Time from the making of a cgroup to its first program (stage exec) and to its "
			"first listening TCP socket (stage listen), by kind and image; images beyond "
			"100 are \"other\". High values of exec: a slow runtime, disk or image "
			"store; of listen: the program itself takes long to serve.",
		.unit = "seconds",
		.labels = { "kind", "image", "stage" },
		.type = METRIC_HISTOGRAM,
		.scope = SCOPE_HOST,
		.value = VALUE_HISTOGRAM,
	},
	[STOP] = {
		.name = "container_stop_duration_seconds",
		.help = "Time from the first stop signal from outside (TERM, INT, QUIT, KILL, "
			"RTMIN+3) to the end of the first process (stage exit) and to the removal of "
			"the cgroup (stage removed), by kind and image. Near the runtime's time-out: "
			"the program ignores the signal and is killed.",
		.unit = "seconds",
		.labels = { "kind", "image", "stage" },
		.type = METRIC_HISTOGRAM,
		.scope = SCOPE_HOST,
		.value = VALUE_HISTOGRAM,
	},
	[MADE] = {
		.name = "tallyman_cgroups_created_total",
		.help = "Cgroups made since the exporter started, as the kernel counts them: also "
			"those that lived for a moment only. High rates: containers or services "
			"that start again and again.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[REMOVED] = {
		.name = "tallyman_cgroups_removed_total",
		.help = "Cgroups removed since the exporter started, as the kernel counts them. High "
			"rates: containers or jobs that end as soon as they begin.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[SHORT_LIVED] = {
		.name = "tallyman_cgroups_short_lived_total",
		.help = "Cgroups that were made and removed between two looks: known from the kernel's "
			"events alone, with what /api/v1/events tells, and without samples of their "
			"own. High rates: what they used is in the numbers of their parents only.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
};

/* How a process may end: what has a row of its own. The rest is "other". */
static const uint8_t codes[] = { 0, 1, 2, 126, 127 };
static const struct {
	uint8_t number;
	const char *name;
} signals[] = {
	{ SIGHUP, "HUP" },   { SIGINT, "INT" },	  { SIGQUIT, "QUIT" }, { SIGILL, "ILL" },
	{ SIGTRAP, "TRAP" }, { SIGABRT, "ABRT" }, { SIGBUS, "BUS" },   { SIGFPE, "FPE" },
	{ SIGKILL, "KILL" }, { SIGSEGV, "SEGV" }, { SIGPIPE, "PIPE" }, { SIGALRM, "ALRM" },
	{ SIGTERM, "TERM" }, { SIGXCPU, "XCPU" }, { SIGSYS, "SYS" },
};

enum {
	N_CODES = ARRAY_SIZE(codes) + 1,
	N_SIGNALS = ARRAY_SIZE(signals) + 1,
	FIRST_SIGNAL = WIRE_TALLY_EXITS + N_CODES,
	N_KEYS = FIRST_SIGNAL + N_SIGNALS,
};

struct state {
	struct probe_parts parts;
	struct lifetime *skeleton;
	struct ring *ring; /* borrowed */
};

static void lifetime_close(void *opened)
{
	struct state *state = opened;

	lifetime__destroy(state->skeleton);
}

static int set_keys(struct bpf_object *object)
{
	uint32_t exits[256], kills[128];

	for (size_t i = 0; i < ARRAY_SIZE(exits); i++)
		exits[i] = WIRE_TALLY_EXITS + N_CODES - 1;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		exits[codes[i]] = WIRE_TALLY_EXITS + (uint32_t)i;
	for (size_t i = 0; i < ARRAY_SIZE(kills); i++)
		kills[i] = FIRST_SIGNAL + N_SIGNALS - 1;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		kills[signals[i].number] = FIRST_SIGNAL + (uint32_t)i;
	int err = object_set_constant(object, "exit_keys", exits, sizeof(exits));
	return err ? err : object_set_constant(object, "signal_keys", kills, sizeof(kills));
}

/* mark_victim tells a task on newer kernels, and on older ones that had it backported; else a number. */
static bool victim_is_task(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, "btf_trace_mark_victim", BTF_KIND_TYPEDEF) : -1;
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (unsigned)id) : NULL;
	bool is_task = true;

	type = type ? btf__type_by_id(btf, type->type) : NULL; /* the pointer */
	type = type ? btf__type_by_id(btf, type->type) : NULL; /* to a function */
	if (type && btf_is_func_proto(type) && btf_vlen(type) > 1) {
		/* The first parameter is the tracepoint's own. */
		int told = btf__resolve_type(btf, btf_params(type)[1].type);
		const struct btf_type *param =
			told > 0 ? btf__type_by_id(btf, (unsigned)told) : NULL;

		is_task = param && btf_is_ptr(param);
	}
	btf__free(btf);
	return is_task;
}

static int lifetime_prepare(const struct probe_setup *setup, void *preparing,
			    struct bpf_object **ret_object)
{
	const struct tallies_size size = {
		.keys = N_KEYS,
		.memory = probe_memory(setup) / 32,
	};
	struct state *state = preparing;
	bool is_task = victim_is_task();

	state->ring = setup->ring;
	state->skeleton = lifetime__open();
	if (!state->skeleton)
		return -errno;
	*ret_object = state->skeleton->obj;
	bpf_program__set_autoload(state->skeleton->progs.on_victim_task, is_task);
	bpf_program__set_autoload(state->skeleton->progs.on_victim_pid, !is_task);
	int err = set_keys(state->skeleton->obj);
	return err ? err
		   : tallies_prepare(setup, state->skeleton->obj, &size, &state->parts.tallies);
}

static unsigned lifetime_losses(const void *opened, struct probe_loss losses[PROBE_LOSSES_MAX])
{
	static const struct {
		const char *reason;
		uint32_t count;
	} counts[] = {
		{ "ring full: created", WIRE_COUNT_LOST + WIRE_MADE },
		{ "ring full: removed", WIRE_COUNT_LOST + WIRE_REMOVED },
		{ "ring full: executed", WIRE_COUNT_LOST + WIRE_EXECUTED },
		{ "ring full: listens", WIRE_COUNT_LOST + WIRE_LISTENS },
		{ "ring full: exited", WIRE_COUNT_LOST + WIRE_EXITED },
		{ "ring full: oom", WIRE_COUNT_LOST + WIRE_VICTIM },
		{ "too many cgroups", WIRE_COUNT_UNWATCHED },
	};
	const struct state *state = opened;
	unsigned n = 0;

	_Static_assert(ARRAY_SIZE(counts) + 2 < PROBE_LOSSES_MAX, "no room");
	for (; n < ARRAY_SIZE(counts); n++)
		losses[n] = (struct probe_loss){ .reason = counts[n].reason,
						 .n = ring_count(state->ring, counts[n].count) };
	uint64_t lost = 0;
	for (uint32_t key = 0; key < N_KEYS; key++)
		lost += tallies_lost(state->parts.tallies, key);
	losses[n++] = (struct probe_loss){ .reason = "full", .n = lost };
	return n;
}

static const struct probe probe = {
	.state_size = sizeof(struct state),
	.prepare = lifetime_prepare,
	.close = lifetime_close,
	.losses = lifetime_losses,
	.usual_run_ns = 300,
};

struct adding {
	struct probes *probes;
	struct snapshot *snapshot;
	struct family *families;
};

static void add_exits(struct adding *adding, const struct workload *workload, uint32_t key,
		      uint64_t value)
{
	static const char *const code_names[N_CODES] = { "0", "1", "2", "126", "127", "other" };
	uint32_t i = key - WIRE_TALLY_EXITS;
	const char *labels[2] = { "", "" };

	if (i < N_CODES)
		labels[0] = code_names[i];
	else
		labels[1] = i - N_CODES < ARRAY_SIZE(signals) ? signals[i - N_CODES].name : "other";
	family_add_integer(adding->snapshot, &adding->families[EXITS], workload,
			   snapshot_labels(adding->snapshot, ARRAY_SIZE(labels), labels), value);
}

static void add(void *context, const struct workload *workload, const uint64_t values[])
{
	struct adding *adding = context;
	uint64_t events = 0;

	for (uint32_t key = 0; key < N_KEYS; key++)
		events += values[key];
	probes_charge(adding->probes, &probe, workload, events);
	family_add_integer(adding->snapshot, &adding->families[EXECS], workload, NULL,
			   values[WIRE_TALLY_EXECS]);
	for (uint32_t key = WIRE_TALLY_EXITS; key < N_KEYS; key++)
		if (values[key] || key == WIRE_TALLY_EXITS)
			add_exits(adding, workload, key, values[key]);
}

static void add_stage(void *context, enum workload_kind kind, const char *image, enum stage stage,
		      const struct histogram *histogram)
{
	static const char *const names[N_STAGES] = {
		[STAGE_EXEC] = "exec",
		[STAGE_LISTEN] = "listen",
		[STAGE_EXIT] = "exit",
		[STAGE_REMOVED] = "removed",
	};
	struct adding *adding = context;
	const char *const labels[] = { workload_kind_name(kind), image, names[stage] };
	bool starts = stage == STAGE_EXEC || stage == STAGE_LISTEN;

	family_add_histogram(adding->snapshot, &adding->families[starts ? START : STOP], NULL,
			     snapshot_labels(adding->snapshot, ARRAY_SIZE(labels), labels),
			     histogram);
}

static int lifetime_collect(void *opened, struct collection *collection, struct family families[])
{
	struct state *state = opened;
	struct adding adding = { collection->probes, collection->snapshot, families };

	tallies_read(state->parts.tallies, add, &adding);
	stages_read(lifecycle_stages(collection->lifecycle), collection->snapshot, add_stage,
		    &adding);
	family_add_integer(collection->snapshot, &families[SHORT_LIVED], NULL, NULL,
			   collection->counters->cgroups_short_lived);
	family_add_integer(collection->snapshot, &families[MADE], NULL, NULL,
			   ring_count(state->ring, WIRE_COUNT_MADE));
	family_add_integer(collection->snapshot, &families[REMOVED], NULL, NULL,
			   ring_count(state->ring, WIRE_COUNT_REMOVED));
	return 0;
}

const struct source source_lifetime = {
	.name = "lifetime",
	.help = "starts and ends of processes and cgroups, by programs on tracepoints",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.collect = lifetime_collect,
	.probe = &probe,
};
