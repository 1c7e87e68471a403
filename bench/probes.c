/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the probes add to a system call and to a change of task, against programs that do nothing on
 * the same hooks: pinned to one CPU, all variants in turn in each round, medians of the rounds. A
 * variant's value of a round is the least of some bursts: what the neighbours take is left out.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/support/figure.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options.h"
#include "collector/probes/probe.h"
#include "collector/probes/ring.h"
#include "collector/probes/slots.h"
#include "collector/source.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bench/control.skel.h"
#pragma GCC diagnostic pop

enum { ROUNDS = 11, BURSTS = 15, CALLS = 20000, STEPS = 4000, SLOTS = 512 };

/* Programs of control.bpf.c, by bit. */
enum {
	EMPTY_ENTER = 1,
	CLOCK_ENTER = 2,
	CLOCK_EXIT = 4,
	EMPTY_SWITCH = 8,
	EMPTY_WAKEUP = 16,
	EMPTY_WAKEUP_NEW = 32,
	N_CONTROLS = 6,
};

struct variant {
	const char *name;
	const char *source; /* of the one probe that is open; "*": all that are on by default */
	enum probe_mode mode;
	unsigned controls;
};

/* One workload that is measured: nanoseconds of one operation. */
struct subject {
	const char *name;
	double (*burst)(void *context);
	void *context;
};

/* Maps that all probes share. */
static struct {
	struct slots *slots;
	struct ring *ring;
} shared;

static double burst_getppid(void *context)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC);

	(void)context;
	for (int i = 0; i < CALLS; i++)
		(void)syscall(SYS_getppid);
	return (double)(clock_ns(CLOCK_MONOTONIC) - start) / CALLS;
}

struct pipes {
	int to[2], from[2];
	pid_t child;
};

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		perror("sched_setaffinity");
}

/* The other end of the ping-pong: it ends when its pipe is closed. */
static void echo(const struct pipes *pipes)
{
	char byte;

	close(pipes->to[1]);
	while (read(pipes->to[0], &byte, 1) == 1)
		if (write(pipes->from[1], &byte, 1) != 1)
			break;
	_exit(0);
}

static int pipes_open(struct pipes *pipes)
{
	if (pipe(pipes->to) < 0 || pipe(pipes->from) < 0)
		return -errno;
	pipes->child = fork();
	if (pipes->child == 0)
		echo(pipes);
	close(pipes->to[0]);
	return pipes->child < 0 ? -errno : 0;
}

static double burst_pingpong(void *context)
{
	const struct pipes *pipes = context;
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	char byte = 0;

	for (int i = 0; i < STEPS; i++)
		if (write(pipes->to[1], &byte, 1) != 1 || read(pipes->from[0], &byte, 1) != 1)
			return 0;
	return (double)(clock_ns(CLOCK_MONOTONIC) - start) / (2 * STEPS);
}

/* ---- Variants ---- */

static bool is_wanted(const struct variant *variant, const struct source *source)
{
	if (!variant->source || !source->probe)
		return false;
	return streq(variant->source, source->name) ||
	       (streq(variant->source, "*") && !source->optional);
}

static struct control *attach_controls(unsigned wanted, struct bpf_link *links[N_CONTROLS])
{
	struct control *control = control__open();
	struct bpf_program *program;
	unsigned i = 0;

	if (!control)
		return NULL;
	bpf_object__for_each_program(program, control->obj)
		bpf_program__set_autoload(program, wanted >> i++ & 1);
	if (control__load(control) < 0) {
		control__destroy(control);
		return NULL;
	}
	i = 0;
	bpf_object__for_each_program(program, control->obj)
	{
		links[i] = wanted >> i & 1 ? bpf_program__attach(program) : NULL;
		i++;
	}
	return control;
}

static double best_burst(const struct subject *subject)
{
	double best = 0;

	for (int i = 0; i < BURSTS; i++) {
		double ns = subject->burst(subject->context);

		best = i == 0 || ns < best ? ns : best;
	}
	return best;
}

static int open_probes(const struct variant *variant, const struct options *options, void *states[])
{
	const struct probe_setup setup = {
		.options = options,
		.slots = shared.slots,
		.ring = shared.ring,
		.n_cpus = (unsigned)libbpf_num_possible_cpus(),
	};

	for (size_t i = 0; i < n_sources; i++) {
		const struct probe *probe = sources[i]->probe;
		const char *reason = NULL;
		cleanup_free char *failure = NULL;

		if (!is_wanted(variant, sources[i]))
			continue;
		int err = probe->open(&setup, &states[i], &reason, &failure);
		if (err < 0) {
			printf("%s: %s\n", sources[i]->name, reason ? reason : strerror(-err));
			return err;
		}
		if (variant->mode != PROBE_FULL && probe->set_mode)
			(void)probe->set_mode(states[i], variant->mode);
	}
	return 0;
}

/* Nanoseconds of one operation with the variant in place; negative when it cannot be. */
static double measure(const struct variant *variant, const struct subject *subject,
		      const struct options *options)
{
	struct bpf_link *links[N_CONTROLS] = { 0 };
	cleanup_free void **states = xcalloc(n_sources, sizeof(*states));
	struct control *control = NULL;
	double ns = -1;

	if (variant->controls)
		control = attach_controls(variant->controls, links);
	if (open_probes(variant, options, states) == 0 && (control || !variant->controls))
		ns = best_burst(subject);
	for (size_t i = 0; i < n_sources; i++)
		if (states[i])
			sources[i]->probe->close(states[i]);
	for (unsigned i = 0; i < N_CONTROLS; i++)
		bpf_link__destroy(links[i]);
	control__destroy(control);
	return ns;
}

enum { N_MAX = 8 };

/* added[v][round]: what variant v added over the first, in that round. */
static int run_rounds(const struct subject *subject, const struct variant *variants, size_t n,
		      const struct options *options, double added[N_MAX][ROUNDS])
{
	for (int round = 0; round < ROUNDS; round++) {
		double base = 0;

		for (size_t v = 0; v < n; v++) {
			double ns = measure(&variants[v], subject, options);

			if (ns < 0)
				return -ENODATA;
			base = v == 0 ? ns : base;
			added[v][round] = ns - base;
		}
	}
	return 0;
}

static void print_added(const struct subject *subject, const struct variant *variant,
			double values[ROUNDS])
{
	char name[96];
	double middle = median(values, ROUNDS);

	snprintf(name, sizeof(name), "probes/%s_%s_ns", subject->name, variant->name);
	printf("%s: %.0f ns more, quartiles %.0f to %.0f\n", name, middle,
	       quantile(values, ROUNDS, 0.25), quantile(values, ROUNDS, 0.75));
	figure_print(&(struct figure){ .name = name,
				       .value = middle,
				       .unit = "ns",
				       .runs = ROUNDS,
				       .method = "added to one operation, median of rounds" });
}

static void print_ratio(const struct subject *subject, const char *what, double a[ROUNDS],
			double b[ROUNDS], double bar)
{
	double ratios[ROUNDS];
	char name[96];

	for (int i = 0; i < ROUNDS; i++)
		ratios[i] = a[i] / b[i];
	snprintf(name, sizeof(name), "probes/%s_%s_ratio", subject->name, what);
	figure_print(&(struct figure){
		.name = name,
		.value = median(ratios, ROUNDS),
		.unit = "ratio",
		.bar = bar,
		.runs = ROUNDS,
		.method = "added by the probes over added by the control, in the same round" });
}

static int bench_syscalls(const struct options *options)
{
	enum { NONE, ENTER, CONTROL, FULL, SAMPLED, COUNT, ALL, N };
	static const struct variant variants[N] = {
		[NONE] = { .name = "none" },
		[ENTER] = { .name = "empty_enter", .controls = EMPTY_ENTER },
		[CONTROL] = { .name = "control",
			      .controls = CLOCK_ENTER | CLOCK_EXIT | EMPTY_SWITCH },
		[FULL] = { .name = "full", .source = "syscalls" },
		[SAMPLED] = { .name = "sampled", .source = "syscalls", .mode = PROBE_SAMPLED },
		[COUNT] = { .name = "count", .source = "syscalls", .mode = PROBE_COUNT },
		[ALL] = { .name = "all", .source = "*" },
	};
	const struct subject subject = { "syscall", burst_getppid, NULL };
	double added[N_MAX][ROUNDS], kept[N_MAX][ROUNDS];

	if (run_rounds(&subject, variants, N, options, added) < 0)
		return -ENODATA;
	memcpy(kept, added, sizeof(kept));
	for (size_t v = 1; v < N; v++)
		print_added(&subject, &variants[v], added[v]);
	print_ratio(&subject, "full", kept[FULL], kept[CONTROL], 1.15);
	print_ratio(&subject, "all", kept[ALL], kept[CONTROL], 1.4);
	print_ratio(&subject, "count", kept[COUNT], kept[ENTER], 1.3);
	return 0;
}

static int bench_switches(const struct options *options)
{
	enum { NONE, CONTROL, RUNQUEUE, N };
	static const struct variant variants[N] = {
		[NONE] = { .name = "none" },
		[CONTROL] = { .name = "control",
			      .controls = EMPTY_SWITCH | EMPTY_WAKEUP | EMPTY_WAKEUP_NEW },
		[RUNQUEUE] = { .name = "runqueue", .source = "runqueue" },
	};
	struct pipes pipes;
	const struct subject subject = { "switch", burst_pingpong, &pipes };
	double added[N_MAX][ROUNDS], kept[N_MAX][ROUNDS];
	int err = pipes_open(&pipes);

	if (err == 0)
		err = run_rounds(&subject, variants, N, options, added);
	close(pipes.to[1]);
	(void)waitpid(pipes.child, NULL, 0);
	if (err < 0)
		return err;
	memcpy(kept, added, sizeof(kept));
	for (size_t v = 1; v < N; v++)
		print_added(&subject, &variants[v], added[v]);
	print_ratio(&subject, "runqueue", kept[RUNQUEUE], kept[CONTROL], 1.3);
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	int err;

	if (options_parse(&options, argc, argv) != OPTIONS_RUN)
		return EXIT_FAILURE;
	pin();
	err = slots_new(SLOTS, &shared.slots);
	if (err == 0)
		err = ring_new(&shared.ring);
	if (err == 0)
		err = bench_syscalls(&options);
	if (err == 0)
		err = bench_switches(&options);
	if (err < 0)
		printf("cannot measure: %s\n", strerror(-err));
	ring_free(shared.ring);
	slots_free(shared.slots);
	options_free(&options);
	return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
