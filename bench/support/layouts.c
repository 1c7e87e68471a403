/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/support/layouts.h"

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench/support/figure.h"
#include "bpf/wire.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/probes/attachment.h"
#include "collector/probes/probe.h"
#include "collector/probes/ring.h"
#include "collector/probes/slots.h"
#include "collector/source.h"

/* Constants of an object that say how its maps are shared out. */
static const struct kind {
	const char *what, *number, *mask, *shared;
} kinds[] = {
	{ "histograms", "n_histograms", "shard_mask", "shards_shared" },
	{ "counters", "n_tallies", "tally_shard_mask", "tallies_shared" },
	{ "pairs", "n_pairs", "pair_shard_mask", "pairs_shared" },
};

static void print_kind(const struct bpf_object *object, const struct kind *kind)
{
	const uint32_t *n = object_constant(object, kind->number);
	const uint32_t *mask = object_constant(object, kind->mask);
	const uint32_t *cells = object_constant(object, "n_cells");
	const bool *shared = object_constant(object, kind->shared);

	if (!n || !mask || !shared)
		return;
	printf("; %u x %u %s", *mask + 1, *n, kind->what);
	if (kind == &kinds[0] && cells)
		printf(" of %u cells", *cells);
	if (*shared)
		printf(", atomic");
}

static void print_layout(const char *name, unsigned n_cpus, const struct attachment *attachment)
{
	printf("layout for %u CPUs: %s %.2f MiB", n_cpus, name,
	       (double)attachment->memory / (1 << 20));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		print_kind(attachment->object, &kinds[i]);
	putchar('\n');
}

/* Bytes of those that are on by default. */
static uint64_t print_probes(const struct probe_setup *setup)
{
	uint64_t memory = slots_memory(setup->slots) + ring_memory(setup->ring);

	printf("layout for %u CPUs: shared by all %.2f MiB, %u cgroups\n", setup->n_cpus,
	       (double)memory / (1 << 20), slots_number(setup->slots) - 1);
	for (size_t i = 0; i < n_sources; i++) {
		cleanup_free char *failure = NULL;
		const char *reason = NULL;
		void *state = NULL;

		if (!sources[i]->probe)
			continue;
		if (probe_open(sources[i]->probe, setup, &state, &reason, &failure) < 0) {
			printf("layout for %u CPUs: without %s, which cannot be opened: %s\n",
			       setup->n_cpus, sources[i]->name, reason ? reason : failure);
			continue;
		}
		print_layout(sources[i]->name, setup->n_cpus, probe_attachment(state));
		if (!sources[i]->optional)
			memory += probe_attachment(state)->memory;
		probe_close(sources[i]->probe, state);
	}
	return memory;
}

int layouts_print(const struct options *options)
{
	static const unsigned n_cpus[] = { 2, 8, 64, 256 };
	struct probe_setup setup = { .options = options };
	int err = slots_new(SLOTS_MIN, &setup.slots);

	err = err ? err : ring_new(&setup.ring);
	for (size_t c = 0; err == 0 && c < ARRAY_SIZE(n_cpus); c++) {
		char name[96];

		setup.n_cpus = n_cpus[c];
		uint64_t memory = print_probes(&setup);
		snprintf(name, sizeof(name), "probes/maps_%u_cpus", n_cpus[c]);
		figure_print(&(struct figure){
			.name = name,
			.value = (double)memory / (1 << 20),
			.unit = "MiB",
			.bar = (double)options->probe_max_memory_mib,
			.runs = 1,
			.method = "memlock of the maps of all probes that are on by default" });
	}
	ring_free(setup.ring);
	slots_free(setup.slots);
	return err;
}
