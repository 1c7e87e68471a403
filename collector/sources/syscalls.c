/* SPDX-License-Identifier: Apache-2.0 */
/* System calls, from bpf/syscalls.bpf.c. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/probes/attachment.h"
#include "collector/probes/histograms.h"
#include "collector/probes/probes.h"
#include "collector/probes/slots.h"
#include "collector/probes/tallies.h"
#include "collector/source.h"
#include "collector/probes/syscall_table.h"
#include "collector/probes/syscalls_shown.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/syscalls.skel.h"
#pragma GCC diagnostic pop

enum { DURATION, LATENCY, CALLS, SECONDS, ERRORS };

/*
 * Wanted, before CPUs have cells of their own. There are at least twice as many slots as cgroups, so each has
 * twelve. With twice as many the two CPUs of a small host would have to share their cells.
 */
enum { HISTOGRAMS_PER_SLOT = 6 };

static const struct metric metrics[] = {
	[DURATION] = {
		.name = "container_syscall_duration_seconds",
		.help = "Duration of system calls by what they are for. Calls that wait for others "
			"(poll, futex, nanosleep, accept, reading from an idle socket, ...) are of the "
			"class wait, whose values mean nothing by themselves. High values of the others: "
			"slow storage (sync, file_read), contention in the kernel, or no CPU to run on. "
			"In text the classes file_read, file_write, sync and metadata alone, all with "
			"--metrics.enable.",
		.unit = "seconds",
		.labels = { "class" },
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[LATENCY] = {
		.name = "container_syscall_latency_seconds",
		.help = "The same for each system call. High values of one call: what it works on is "
			"slow.",
		.unit = "seconds",
		.labels = { "syscall", "class" },
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
		.only_native = true,
	},
	[CALLS] = {
		.name = "container_syscalls_total",
		.help = "System calls that have ended: the busiest by name (--probe.syscall-names), all "
			"others as other. "
			"exit and exit_group never end. In mode count those that have begun, but for "
			"what seccomp refuses; one that runs while the mode changes counts twice or not "
			"at all. High rates: work in small pieces, or polling.",
		.labels = { "syscall" },
		.type = METRIC_COUNTER,
	},
	[SECONDS] = {
		.name = "container_syscall_seconds_total",
		.help = "Time in system calls, waiting included: of the same calls as "
			"container_syscalls_total. Absent in mode count. High rates of other calls than those that wait: see "
			"which call.",
		.unit = "seconds",
		.labels = { "syscall" },
		.type = METRIC_COUNTER,
		.scale = SCALE_NANOSECONDS,
	},
	[ERRORS] = {
		.name = "container_syscall_errors_total",
		.help = "System calls that failed, by the name of the error. What the kernel itself "
			"would repeat after a signal is no error, also where the program wants EINTR "
			"instead. Absent in mode count. High rates of EIO, ENOSPC, EMFILE, ENOMEM or "
			"ECONNREFUSED are trouble; ENOENT and EAGAIN are common in healthy programs.",
		.labels = { "errno" },
		.type = METRIC_COUNTER,
	},
};

struct state {
	struct probe_parts parts; /* the tallies are of errors */
	struct syscalls *skeleton;
	struct syscall_table *table;
	struct shown_calls *shown;
	struct slots *slots;
	struct syscalls__bss *shared; /* mapped: what the programs read while they run */
	size_t shared_size;
	enum probe_mode mode;
};

static void close_state(void *opened)
{
	struct state *state = opened;

	if (state->shared)
		munmap(state->shared, state->shared_size);
	syscalls__destroy(state->skeleton);
	syscall_table_free(state->table);
	shown_calls_free(state->shown);
}

/* The second attempt is for kernels whose tasks have no storage for such programs (before 5.13). */
static void choose_storage(struct syscalls *skeleton, bool has_storage)
{
	skeleton->rodata->has_storage = has_storage;
	(void)bpf_map__set_autocreate(skeleton->maps.kept_starts, has_storage);
	(void)bpf_map__set_autocreate(skeleton->maps.kept_by_number, !has_storage);
}

/* Three eighths of what all probes may have: an eighth of it for errors, and what the index leaves. */
static int prepare(const struct probe_setup *setup, void *preparing, struct bpf_object **ret_object)
{
	struct state *state = preparing;
	const uint64_t memory = probe_memory(setup) * 3 / 8;
	const uint64_t index = (uint64_t)slots_number(setup->slots) * WIRE_CALL_KEYS * 2;
	const uint64_t rest = memory * 7 / 8;
	const struct histograms_size size = {
		.keys = WIRE_CALL_KEYS,
		.wanted = slots_number(setup->slots) * HISTOGRAMS_PER_SLOT,
		.memory = rest > index + rest / 4 ? rest - index : rest / 4,
	};
	const struct tallies_size errors = { .keys = WIRE_ERROR_KEYS, .memory = memory / 8 };

	state->skeleton = syscalls__open();
	if (!state->skeleton)
		return -errno;
	*ret_object = state->skeleton->obj;
	choose_storage(state->skeleton, setup->attempt == 0);
	bpf_program__set_autoattach(state->skeleton->progs.on_enter_sampled, false);
	bpf_program__set_autoattach(state->skeleton->progs.on_enter_counted, false);
	state->slots = setup->slots;
	state->table = syscall_table_new();
	state->shown = shown_calls_new((unsigned)setup->options->probe_syscall_names);
	int err = histograms_prepare(setup, state->skeleton->obj, &size, &state->parts.histograms);
	err = err ? err
		  : tallies_prepare(setup, state->skeleton->obj, &errors, &state->parts.tallies);
	err = err ? err
		  : object_set_constant(state->skeleton->obj, "calls", state->table->calls,
					sizeof(state->table->calls));
	return err ? err
		   : object_set_constant(state->skeleton->obj, "error_keys",
					 state->table->error_keys,
					 sizeof(state->table->error_keys));
}

/* The skeleton's own pointer leads to what the variables were before they were loaded. */
static int start_state(void *opened)
{
	struct state *state = opened;

	state->shared = map_memory(state->skeleton->maps.bss, &state->shared_size);
	return state->shared ? 0 : -errno;
}

/* The program that sees calls begin, which is another one in each mode. */
static const struct bpf_program *beginner(const struct state *state, enum probe_mode mode)
{
	const struct bpf_program *const programs[] = {
		[PROBE_FULL] = state->skeleton->progs.on_enter,
		[PROBE_SAMPLED] = state->skeleton->progs.on_enter_sampled,
		[PROBE_COUNT] = state->skeleton->progs.on_enter_counted,
	};

	return programs[mode];
}

static void end_timing(struct state *state)
{
	struct attachment *attachment = state->parts.attachment;

	(void)attachment_switch(attachment, state->skeleton->progs.on_exit, false);
	(void)attachment_switch(attachment, state->skeleton->progs.on_switch, false);
}

/* Times are known of calls that begin from now on; what was kept of older ones is void. */
static int begin_timing(struct state *state)
{
	struct attachment *attachment = state->parts.attachment;

	for (unsigned i = 0; i < attachment->n_cpus; i++)
		__atomic_store_n(&attachment->cpus[i].start_ns, 0, __ATOMIC_RELAXED);
	__atomic_add_fetch(&state->shared->epoch, 1, __ATOMIC_RELAXED);
	int err = attachment_switch(attachment, state->skeleton->progs.on_switch, true);
	if (err == 0)
		err = attachment_switch(attachment, state->skeleton->progs.on_exit, true);
	if (err < 0)
		end_timing(state);
	return err;
}

static int set_mode(void *opened, enum probe_mode mode)
{
	struct state *state = opened;
	struct attachment *attachment = state->parts.attachment;
	const enum probe_mode before = state->mode;

	if (mode > PROBE_COUNT)
		return -EOPNOTSUPP;
	if (mode == before)
		return 0;
	/* A beginning is written down when there is somebody who takes it away when the task changes. */
	int err = before == PROBE_COUNT ? begin_timing(state) : 0;
	if (err < 0)
		return err;
	err = attachment_switch(attachment, beginner(state, mode), true);
	if (err < 0) {
		if (before == PROBE_COUNT)
			end_timing(state);
		return err;
	}
	(void)attachment_switch(attachment, beginner(state, before), false);
	if (mode == PROBE_COUNT)
		end_timing(state);
	state->mode = mode;
	return 0;
}

static enum probe_mode get_wanted(const struct options *options)
{
	return (enum probe_mode)options->probe_syscalls;
}

static const struct probe probe = {
	.state_size = sizeof(struct state),
	.attempts = 2,
	.prepare = prepare,
	.start = start_state,
	.close = close_state,
	.set_mode = set_mode,
	.wanted = get_wanted,
	.usual_run_ns = 60,
};

/* What is summed up of one workload, while its histograms come along. */
struct adding {
	const struct state *state;
	struct collection *collection;
	struct family *families;
	bool all_in_text;
	const struct workload *workload;
	struct histogram_reading classes[N_SYSCALL_CLASSES];
	struct call_sums sums[WIRE_CALL_WAITS];
	uint16_t made[WIRE_CALL_WAITS]; /* keys of those that it has made, in any order */
	unsigned n_made;
	struct call_sums all;
	uint16_t calls_of[WIRE_CALL_SPARES]; /* the key of a call by each of its keys */
};

static void add_sums(struct call_sums *sums, const struct call_sums *more)
{
	sums->calls += more->calls;
	sums->ns += more->ns;
	sums->timed |= more->timed;
}

static const char *const *one_label(struct adding *adding, const char *value)
{
	return snapshot_labels(adding->collection->snapshot, 1, &value);
}

/* A label that outlives the probe. */
static const char *keep(struct adding *adding, const char *text)
{
	return arena_strdup(&adding->collection->snapshot->arena, text);
}

static void add_call(struct adding *adding, const char *name, const struct call_sums *sums)
{
	struct snapshot *snapshot = adding->collection->snapshot;
	const char *const *label = one_label(adding, name);

	family_add_integer(snapshot, &adding->families[CALLS], adding->workload, label,
			   sums->calls);
	/* Calls are not timed in this mode: seconds that stand still beside them would say that they are quick. */
	if (sums->timed && adding->state->mode != PROBE_COUNT)
		family_add_integer(snapshot, &adding->families[SECONDS], adding->workload, label,
				   sums->ns);
}

static void add_calls(struct adding *adding)
{
	const struct shown *shown = shown_calls_update(adding->state->shown, adding->workload->id,
						       adding->sums, adding->made, adding->n_made);
	struct call_sums other = adding->all;

	for (unsigned i = 0; i < shown->n; i++) {
		const struct shown_call *call = &shown->calls[i];
		struct call_sums own = adding->sums[call->key];

		own.calls -= call->before.calls;
		own.ns -= call->before.ns;
		other.calls -= own.calls;
		other.ns -= own.ns;
		add_call(adding, keep(adding, adding->state->table->names[call->key]), &own);
	}
	add_call(adding, "other", &other);
}

/* In text each histogram is six lines: for classes whose slowness is that of disks. */
static bool is_in_text(const struct adding *adding, enum syscall_class class)
{
	static const bool in_text[N_SYSCALL_CLASSES] = {
		[CLASS_FILE_READ] = true,
		[CLASS_FILE_WRITE] = true,
		[CLASS_SYNC] = true,
		[CLASS_METADATA] = true,
	};

	return adding->all_in_text || in_text[class];
}

static bool is_told(const struct adding *adding, enum syscall_class class)
{
	return is_in_text(adding, class) || adding->collection->snapshot->detail < DETAIL_TEXT;
}

static const struct histogram *make_class(struct adding *adding, enum syscall_class class)
{
	return (is_in_text(adding, class) ? histograms_make : histograms_make_native)(
		adding->state->parts.histograms, adding->collection->snapshot,
		&adding->classes[class]);
}

/* The workload is complete: its histograms came one behind the other. */
static void finish(struct adding *adding)
{
	struct snapshot *snapshot = adding->collection->snapshot;

	if (!adding->workload)
		return;
	for (int class = 0; class < N_SYSCALL_CLASSES; class ++)
		if (adding->classes[class].count && is_told(adding, class))
			family_add_histogram(snapshot, &adding->families[DURATION],
					     adding->workload,
					     one_label(adding, syscall_class_name(class)),
					     make_class(adding, class));
	probes_charge(adding->collection->probes, &probe, adding->workload, adding->all.calls);
	add_calls(adding);
}

static void start(struct adding *adding, const struct workload *workload)
{
	finish(adding);
	adding->workload = workload;
	for (int class = 0; class < N_SYSCALL_CLASSES; class ++) {
		histograms_clear(&adding->classes[class].sums);
		adding->classes[class].count = 0;
	}
	for (unsigned i = 0; i < adding->n_made; i++)
		adding->sums[adding->made[i]] = (struct call_sums){ 0 };
	adding->n_made = 0;
	adding->all = (struct call_sums){ 0 };
}

static void add_to_call(struct adding *adding, uint16_t key, const struct call_sums *sums)
{
	if (!sums->calls)
		return;
	if (!adding->sums[key].calls)
		adding->made[adding->n_made++] = key;
	add_sums(&adding->sums[key], sums);
}

static void add_latency(struct adding *adding, const struct histogram_reading *reading)
{
	struct snapshot *snapshot = adding->collection->snapshot;
	const struct syscall_table *table = adding->state->table;
	const char *const labels[] = {
		keep(adding, table->names[reading->key]),
		syscall_class_name(table->classes[reading->key]),
	};

	family_add_histogram(snapshot, &adding->families[LATENCY], reading->workload,
			     snapshot_labels(snapshot, ARRAY_SIZE(labels), labels),
			     histograms_make(adding->state->parts.histograms, snapshot, reading));
}

static void add(void *context, const struct histogram_reading *reading)
{
	struct adding *adding = context;
	const struct call_sums sums = { reading->sums.events, reading->sums.sum_ns,
					reading->count > 0 };

	if (reading->workload != adding->workload)
		start(adding, reading->workload);
	struct histogram_reading *class =
		&adding->classes[adding->state->table->classes[reading->key]];
	class->workload = reading->workload;
	class->count += reading->count;
	histograms_add(&reading->sums, &class->sums);
	add_sums(&adding->all, &sums);
	if (reading->key >= WIRE_CALL_SPARES)
		return;
	add_to_call(adding, adding->calls_of[reading->key], &sums);
	if (reading->count && !adding->families[LATENCY].left_out)
		add_latency(adding, reading);
}

static void add_errors(void *context, const struct workload *workload, const uint64_t values[])
{
	struct adding *adding = context;

	for (int key = 0; key < WIRE_ERROR_KEYS; key++)
		if (values[key])
			family_add_integer(
				adding->collection->snapshot, &adding->families[ERRORS], workload,
				one_label(adding, adding->state->table->errors[key]), values[key]);
}

static int collect(void *opened, struct collection *collection, struct family families[])
{
	struct state *state = opened;
	cleanup_free struct adding *adding = xcalloc(1, sizeof(*adding));

	adding->state = state;
	adding->collection = collection;
	adding->families = families;
	adding->all_in_text = options_metric_enabled(collection->options, metrics[DURATION].name);
	for (unsigned key = 0; key < WIRE_CALL_WAITS; key++) {
		adding->calls_of[key] = (uint16_t)key;
		if (state->table->calls[key].waits)
			adding->calls_of[state->table->calls[key].waits_key] = (uint16_t)key;
	}
	histograms_read(state->parts.histograms, add, adding);
	finish(adding);
	/* Whether calls fail is not known in this mode, and a counter that stands still would say: none. */
	if (state->mode != PROBE_COUNT)
		tallies_read(state->parts.tallies, add_errors, adding);
	shown_calls_prune(state->shown, state->slots);
	return 0;
}

const struct source source_syscalls = {
	.name = "syscalls",
	.help = "system calls, by programs on sys_enter, sys_exit and sched_switch",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.collect = collect,
	.probe = &probe,
};
