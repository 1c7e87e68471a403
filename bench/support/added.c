/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/support/added.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "bench/support/figure.h"
#include "bench/support/peer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/probes/attachment.h"
#include "collector/probes/ring.h"
#include "collector/probes/slots.h"
#include "collector/source.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bench/control.skel.h"
#pragma GCC diagnostic pop

struct bench {
	const struct options *options;
	struct slots *slots;
	struct ring *ring;
};

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		perror("sched_setaffinity");
}

struct bench *bench_new(const struct options *options)
{
	struct bench *bench = xcalloc(1, sizeof(*bench));
	int err;

	pin();
	bench->options = options;
	err = slots_new(SLOTS_MIN, &bench->slots);
	if (err == 0)
		err = ring_new(&bench->ring);
	if (err < 0) {
		printf("cannot measure: %s\n", strerror(-err));
		exit(EXIT_FAILURE);
	}
	return bench;
}

void bench_free(struct bench *bench)
{
	ring_free(bench->ring);
	slots_free(bench->slots);
	free(bench);
}

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

	for (int i = 0; i < (int)subject->bursts; i++) {
		double ns = subject->burst(subject->context);

		best = i == 0 || ns < best ? ns : best;
	}
	return best;
}

static struct probe_setup setup_for(const struct bench *bench, unsigned n_cpus)
{
	return (struct probe_setup){
		.options = bench->options,
		.slots = bench->slots,
		.ring = bench->ring,
		.n_cpus = n_cpus ? n_cpus : (unsigned)libbpf_num_possible_cpus(),
	};
}

static int open_probes(const struct bench *bench, const struct variant *variant, void *states[])
{
	struct probe_setup setup = setup_for(bench, variant->n_cpus);
	struct options options = *bench->options;

	if (variant->memory_mib)
		options.probe_max_memory_mib = variant->memory_mib;
	setup.options = &options; /* for opening alone */
	for (size_t i = 0; i < n_sources; i++) {
		const struct probe *probe = sources[i]->probe;
		const char *reason = NULL;
		cleanup_free char *failure = NULL;

		if (!is_wanted(variant, sources[i]))
			continue;
		int err = probe_open(probe, &setup, &states[i], &reason, &failure);
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
static double measure(const struct bench *bench, const struct variant *variant,
		      const struct subject *subject)
{
	struct bpf_link *links[N_CONTROLS] = { 0 };
	cleanup_free void **states = xcalloc(n_sources, sizeof(*states));
	struct control *control = NULL;
	double ns = -1;
	pid_t peer = 0;

	if (variant->command && peer_start(variant->command, &peer) < 0)
		return ns;
	if (variant->controls)
		control = attach_controls(variant->controls, links);
	if (open_probes(bench, variant, states) == 0 && (control || !variant->controls))
		ns = best_burst(subject);
	if (peer)
		peer_stop(peer);
	for (size_t i = 0; i < n_sources; i++)
		if (states[i])
			probe_close(sources[i]->probe, states[i]);
	for (unsigned i = 0; i < N_CONTROLS; i++)
		bpf_link__destroy(links[i]);
	control__destroy(control);
	return ns;
}

static void print_added(const struct subject *subject, const struct variant *variant,
			const double values[ADDED_ROUNDS])
{
	double sorted[ADDED_ROUNDS];
	char name[96];

	memcpy(sorted, values, sizeof(sorted));
	double middle = median(sorted, ADDED_ROUNDS);
	snprintf(name, sizeof(name), "probes/%s_%s_ns", subject->name, variant->name);
	printf("%s: %.0f ns more, quartiles %.0f to %.0f\n", name, middle,
	       quantile(sorted, ADDED_ROUNDS, 0.25), quantile(sorted, ADDED_ROUNDS, 0.75));
	figure_print(&(struct figure){ .name = name,
				       .value = middle,
				       .unit = "ns",
				       .runs = ADDED_ROUNDS,
				       .method = "added to one operation, median of rounds" });
}

int bench_rounds(const struct bench *bench, const struct subject *subject,
		 const struct variant variants[], size_t n,
		 double added[ADDED_VARIANTS_MAX][ADDED_ROUNDS])
{
	for (int round = 0; round < ADDED_ROUNDS; round++) {
		double base = 0;

		for (size_t v = 0; v < n; v++) {
			double ns = measure(bench, &variants[v], subject);

			if (ns < 0) {
				printf("%s cannot be measured here\n", variants[v].name);
				return -ENODATA;
			}
			base = v == 0 ? ns : base;
			added[v][round] = ns - base;
		}
		if (round == 0)
			printf("%s: %.0f ns without any program\n", subject->name, base);
	}
	for (size_t v = 1; v < n; v++)
		print_added(subject, &variants[v], added[v]);
	return 0;
}

void bench_ratio(const struct subject *subject, const char *what, const double a[ADDED_ROUNDS],
		 const double b[ADDED_ROUNDS], double bar)
{
	double ratios[ADDED_ROUNDS];
	char name[96];

	for (int i = 0; i < ADDED_ROUNDS; i++)
		ratios[i] = a[i] / b[i];
	snprintf(name, sizeof(name), "probes/%s_%s_ratio", subject->name, what);
	double middle = median(ratios, ADDED_ROUNDS);
	printf("%s: %.2f, quartiles %.2f to %.2f\n", name, middle,
	       quantile(ratios, ADDED_ROUNDS, 0.25), quantile(ratios, ADDED_ROUNDS, 0.75));
	figure_print(&(struct figure){
		.name = name,
		.value = middle,
		.unit = "ratio",
		.bar = bar,
		.runs = ADDED_ROUNDS,
		.method = "added by the probes over added by the control, in the same round" });
}
