/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the maps of all probes take, by the kernel's account, on hosts with few and many CPUs: within
 * --probe.max-memory on each, and for as many workloads as there may be. With those that are off by default
 * more is wanted, as docs/requests.md says.
 */
#include <bpf/libbpf.h>
#include <inttypes.h>
#include <string.h>

#include "collector/probes/attachment.h"
#include "collector/probes/probe.h"
#include "collector/probes/ring.h"
#include "collector/probes/slots.h"
#include "collector/source.h"
#include "tests/support.h"

enum { DEFAULT_MIB = 64, ALL_MIB = 96 };

static uint64_t memory_of(bool optional, unsigned n_cpus, uint32_t n_slots)
{
	const uint64_t mib = optional ? ALL_MIB : DEFAULT_MIB;
	struct options options = { .probe_max_memory_mib = mib, .probe_histogram_schema = 3 };
	struct probe_setup setup = { .options = &options, .n_cpus = n_cpus };
	uint64_t bytes;

	assert_int_equal(slots_new(n_slots, &setup.slots), 0);
	assert_int_equal(ring_new(&setup.ring), 0);
	bytes = slots_memory(setup.slots) + ring_memory(setup.ring);
	for (size_t i = 0; i < n_sources; i++) {
		const struct probe *probe = sources[i]->probe;
		cleanup_free char *failure = NULL;
		const char *reason = NULL;
		void *state = NULL;

		if (!probe || (sources[i]->optional && !optional))
			continue;
		if (probe_open(probe, &setup, &state, &reason, &failure) < 0)
			fail_msg("%s with %u CPUs: %s", sources[i]->name, n_cpus,
				 reason ? reason : "?");
		bytes += probe_attachment(state)->memory;
		probe_close(probe, state);
	}
	ring_free(setup.ring);
	slots_free(setup.slots);
	return bytes;
}

static void check(bool optional, uint64_t mib)
{
	static const unsigned cpus[] = { 2, 8, 64, 256 };
	static const uint32_t slots[] = { SLOTS_MIN, SLOTS_MAX };

	for (size_t c = 0; c < ARRAY_SIZE(cpus); c++) {
		for (size_t s = 0; s < ARRAY_SIZE(slots); s++) {
			uint64_t bytes = memory_of(optional, cpus[c], slots[s]);

			printf("%3u CPUs, %5u slots: %.1f of %" PRIu64 " MiB\n", cpus[c], slots[s],
			       (double)bytes / (1 << 20), mib);
			assert_in_range(bytes, 1, mib << 20);
		}
	}
}

static void maps_stay_within_the_default(void **state)
{
	(void)state;
	check(false, DEFAULT_MIB);
}

static void maps_of_all_stay_within_more(void **state)
{
	(void)state;
	check(true, ALL_MIB);
}

static uint32_t shards_of(const char *source, unsigned n_cpus)
{
	const struct probe *probe = NULL;
	struct options options = { .probe_max_memory_mib = DEFAULT_MIB,
				   .probe_histogram_schema = 3 };
	struct probe_setup setup = { .options = &options, .n_cpus = n_cpus };
	cleanup_free char *failure = NULL;
	const char *reason = NULL;
	void *state = NULL;

	for (size_t i = 0; i < n_sources; i++)
		if (streq(sources[i]->name, source))
			probe = sources[i]->probe;
	assert_non_null(probe);
	assert_int_equal(slots_new(SLOTS_MIN, &setup.slots), 0);
	assert_int_equal(ring_new(&setup.ring), 0);
	if (probe_open(probe, &setup, &state, &reason, &failure) < 0)
		fail_msg("with %u CPUs: %s", n_cpus, reason ? reason : "?");
	const struct bpf_object *object = probe_attachment(state)->object;
	const uint32_t n = bpf_map__max_entries(object_map(object, "histogram_owners"));
	const uint32_t shards = bpf_map__max_entries(object_map(object, "histograms")) / n;

	probe_close(probe, state);
	ring_free(setup.ring);
	slots_free(setup.slots);
	return shards;
}

/* What runs some million times a second does so without atomic operations, which other CPUs wait for. */
static void two_cpus_do_not_share_cells(void **state)
{
	(void)state;
	assert_int_equal(shards_of("syscalls", 2), 2);
	assert_int_equal(shards_of("runqueue", 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_stay_within_the_default),
		cmocka_unit_test(maps_of_all_stay_within_more),
		cmocka_unit_test(two_cpus_do_not_share_cells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
