/* SPDX-License-Identifier: Apache-2.0 */
/* System calls, from bpf/syscalls.bpf.c. */
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
#include "collector/probes/tallies.h"
#include "collector/source.h"
#include "collector/syscall_table.h"
#include "collector/syscalls_shown.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/syscalls.skel.h"
#pragma GCC diagnostic pop

enum { DURATION, LATENCY, CALLS, SECONDS, ERRORS };

enum { HISTOGRAMS_PER_SLOT = 12 }; /* wanted, before CPUs have cells of their own */

static const struct metric metrics[] = {
	[DURATION] = {
		.name = "container_syscall_duration_seconds",
		.help = "Duration of system calls by what they are for. Calls that wait for others "
			"(poll, futex, nanosleep, accept, reading from an idle socket, ...) are of the "
			"class wait, whose values mean nothing by themselves. High values of the others: "
			"slow storage (sync, file_read), contention in the kernel, or no CPU to run on.",
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
		.help = "System calls that have ended: the busiest twenty by name, all others as other. "
			"exit and exit_group never end. High rates: work in small pieces, or polling.",
		.labels = { "syscall" },
		.type = METRIC_COUNTER,
	},
	[SECONDS] = {
		.name = "container_syscall_seconds_total",
		.help = "Time in system calls, waiting included: of the same calls as "
			"container_syscalls_total. High rates of other calls than those that wait: see "
			"which call.",
		.unit = "seconds",
		.labels = { "syscall" },
		.type = METRIC_COUNTER,
		.scale = SCALE_NANOSECONDS,
	},
	[ERRORS] = {
		.name = "container_syscall_errors_total",
		.help = "System calls that failed, by the name of the error. What the kernel itself "
			"repeats after a signal is no error. High rates of EIO, ENOSPC, EMFILE, ENOMEM or "
			"ECONNREFUSED are trouble; ENOENT and EAGAIN are common in healthy programs.",
		.labels = { "errno" },
		.type = METRIC_COUNTER,
	},
};

struct state {
	struct syscalls *skeleton;
	struct attachment *attachment;
	struct histograms *histograms;
	struct tallies *errors;
	struct syscall_table *table;
	struct shown_calls *shown;
	struct slots *slots;
	enum probe_mode mode;
};

static void close_state(void *opened)
{
	struct state *state = opened;

	attachment_close(state->attachment);
	histograms_free(state->histograms);
	tallies_free(state->errors);
	syscalls__destroy(state->skeleton);
	syscall_table_free(state->table);
	shown_calls_free(state->shown);
	free(state);
}

/* Half of what all probes may have: an eighth of it for errors, and what the index leaves. */
static int prepare(const struct probe_setup *setup, struct state *state)
{
	const uint64_t memory = setup->options->probe_max_memory_mib * 1024 * 1024 / 2;
	const uint64_t index = (uint64_t)slots_number(setup->slots) * WIRE_CALL_KEYS * 2;
	const uint64_t rest = memory * 7 / 8;
	const struct histograms_size size = {
		.keys = WIRE_CALL_KEYS,
		.wanted = slots_number(setup->slots) * HISTOGRAMS_PER_SLOT,
		.memory = rest > 2 * index ? rest - index : rest / 2,
	};
	const struct tallies_size errors = { .keys = WIRE_ERRNOS, .memory = memory / 8 };

	state->skeleton = syscalls__open();
	if (!state->skeleton)
		return -errno;
	state->slots = setup->slots;
	state->table = syscall_table_new();
	state->shown = shown_calls_new();
	int err = histograms_prepare(setup, state->skeleton->obj, &size, &state->histograms);
	err = err ? err : tallies_prepare(setup, state->skeleton->obj, &errors, &state->errors);
	return err ? err
		   : object_set_constant(state->skeleton->obj, "calls", state->table->calls,
					 sizeof(state->table->calls));
}

static int open_state(const struct probe_setup *setup, void **ret_state, const char **ret_reason,
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
		err = tallies_start(state->errors, state->skeleton->obj);
	if (err == 0)
		err = attachment_attach(state->attachment, ret_reason, ret_failure);
	if (err < 0) {
		close_state(state);
		return err;
	}
	*ret_state = state;
	return 0;
}

static void tell(struct state *state, uint32_t what)
{
	__atomic_store_n(&state->skeleton->bss->time_what, what, __ATOMIC_RELAXED);
}

/* Times are known of calls that begin from now on; what was kept of older ones is void. */
static int begin_timing(struct state *state)
{
	struct attachment *attachment = state->attachment;

	for (unsigned i = 0; i < attachment->n_cpus; i++)
		__atomic_store_n(&attachment->cpus[i].start_ns, 0, __ATOMIC_RELAXED);
	__atomic_add_fetch(&state->skeleton->bss->epoch, 1, __ATOMIC_RELAXED);
	int err = attachment_switch(attachment, state->skeleton->progs.on_switch, true);
	if (err == 0)
		err = attachment_switch(attachment, state->skeleton->progs.on_enter, true);
	if (err < 0)
		(void)attachment_switch(attachment, state->skeleton->progs.on_switch, false);
	return err;
}

static void end_timing(struct state *state)
{
	tell(state, WIRE_TIME_NONE);
	(void)attachment_switch(state->attachment, state->skeleton->progs.on_enter, false);
	(void)attachment_switch(state->attachment, state->skeleton->progs.on_switch, false);
}

static int set_mode(void *opened, enum probe_mode mode)
{
	static const uint32_t what[] = {
		[PROBE_FULL] = WIRE_TIME_ALL,
		[PROBE_SAMPLED] = WIRE_TIME_SAMPLES,
	};
	struct state *state = opened;

	if (mode > PROBE_COUNT)
		return -EOPNOTSUPP;
	int err = state->mode == PROBE_COUNT && mode != PROBE_COUNT ? begin_timing(state) : 0;
	if (err < 0)
		return err;
	if (mode == PROBE_COUNT)
		end_timing(state);
	else
		tell(state, what[mode]);
	state->mode = mode;
	return 0;
}

static void retire(void *opened, uint32_t slot, uint64_t heir)
{
	struct state *state = opened;

	histograms_retire(state->histograms, slot, heir);
	tallies_retire(state->errors, slot, heir);
}

static const struct attachment *get_attachment(const void *opened)
{
	const struct state *state = opened;

	return state->attachment;
}

static unsigned get_losses(const void *opened, struct probe_loss losses[PROBE_LOSSES_MAX])
{
	const struct state *state = opened;

	losses[0] = (struct probe_loss){ "full", histograms_lost(state->histograms) };
	return 1;
}

static enum probe_mode get_wanted(const struct options *options)
{
	return (enum probe_mode)options->probe_syscalls;
}

static const struct probe probe = {
	.open = open_state,
	.close = close_state,
	.retire = retire,
	.set_mode = set_mode,
	.losses = get_losses,
	.attachment = get_attachment,
	.wanted = get_wanted,
	.usual_run_ns = 60,
};

/* What is summed up of one workload, while its histograms come along. */
struct adding {
	const struct state *state;
	struct collection *collection;
	struct family *families;
	const struct workload *workload;
	struct histogram_reading classes[N_SYSCALL_CLASSES];
	struct call_sums sums[WIRE_CALL_WAITS];
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
	if (sums->timed)
		family_add_integer(snapshot, &adding->families[SECONDS], adding->workload, label,
				   sums->ns);
}

static void add_calls(struct adding *adding)
{
	const struct shown *shown =
		shown_calls_update(adding->state->shown, adding->workload->id, adding->sums);
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

/* The workload is complete: its histograms came one behind the other. */
static void finish(struct adding *adding)
{
	struct snapshot *snapshot = adding->collection->snapshot;

	if (!adding->workload)
		return;
	for (int class = 0; class < N_SYSCALL_CLASSES; class ++)
		if (adding->classes[class].count)
			family_add_histogram(snapshot, &adding->families[DURATION],
					     adding->workload,
					     one_label(adding, syscall_class_name(class)),
					     histograms_make(adding->state->histograms, snapshot,
							     &adding->classes[class]));
	probes_charge(adding->collection->probes, &probe, adding->workload, adding->all.calls);
	add_calls(adding);
}

static void start(struct adding *adding, const struct workload *workload)
{
	finish(adding);
	adding->workload = workload;
	memset(adding->classes, 0, sizeof(adding->classes));
	memset(adding->sums, 0, sizeof(adding->sums));
	adding->all = (struct call_sums){ 0 };
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
			     histograms_make(adding->state->histograms, snapshot, reading));
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
	add_sums(&adding->sums[adding->calls_of[reading->key]], &sums);
	if (reading->count)
		add_latency(adding, reading);
}

static void add_errors(void *context, const struct workload *workload, const uint64_t values[])
{
	struct adding *adding = context;

	for (int number = 0; number < WIRE_ERRNOS; number++) {
		const char *name = number ? strerrorname_np(number) : "other";

		if (values[number])
			family_add_integer(adding->collection->snapshot, &adding->families[ERRORS],
					   workload, one_label(adding, name ? name : "unknown"),
					   values[number]);
	}
}

static int collect(void *opened, struct collection *collection, struct family families[])
{
	struct state *state = opened;
	cleanup_free struct adding *adding = xcalloc(1, sizeof(*adding));

	adding->state = state;
	adding->collection = collection;
	adding->families = families;
	for (unsigned key = 0; key < WIRE_CALL_WAITS; key++) {
		adding->calls_of[key] = (uint16_t)key;
		if (state->table->calls[key].waits)
			adding->calls_of[state->table->calls[key].waits_key] = (uint16_t)key;
	}
	histograms_read(state->histograms, add, adding);
	finish(adding);
	tallies_read(state->errors, add_errors, adding);
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
