/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which number of the kernel's is which line of memory.stat: type information as that of Linux 6.1 and 6.12, and
 * files of these.
 */
#include <bpf/btf.h>

#include "bpf/wire_records.h"
#include "collector/record_layout.h"
#include "collector/sources/cgroup_record.h"
#include "collector/text_file.h"
#include "tests/support.h"

/* Enumerators of enum node_stat_item in their order, also those that memory cgroups do not count. */
static const char *const nodes[] = { "NR_INACTIVE_ANON",
				     "NR_ACTIVE_ANON",
				     "NR_INACTIVE_FILE",
				     "NR_ACTIVE_FILE",
				     "NR_UNEVICTABLE",
				     "NR_SLAB_RECLAIMABLE_B",
				     "NR_SLAB_UNRECLAIMABLE_B",
				     "NR_ISOLATED_ANON",
				     "NR_ISOLATED_FILE",
				     "WORKINGSET_NODES",
				     "WORKINGSET_REFAULT_ANON",
				     "WORKINGSET_REFAULT_FILE",
				     "WORKINGSET_ACTIVATE_ANON",
				     "WORKINGSET_ACTIVATE_FILE",
				     "WORKINGSET_RESTORE_ANON",
				     "WORKINGSET_RESTORE_FILE",
				     "WORKINGSET_NODERECLAIM",
				     "NR_ANON_MAPPED",
				     "NR_FILE_MAPPED",
				     "NR_FILE_PAGES",
				     "NR_FILE_DIRTY",
				     "NR_WRITEBACK",
				     "NR_WRITEBACK_TEMP",
				     "NR_SHMEM",
				     "NR_SHMEM_THPS",
				     "NR_SHMEM_PMDMAPPED",
				     "NR_FILE_THPS",
				     "NR_FILE_PMDMAPPED",
				     "NR_ANON_THPS",
				     "NR_VMSCAN_WRITE",
				     "NR_VMSCAN_IMMEDIATE",
				     "NR_DIRTIED",
				     "NR_WRITTEN",
				     "NR_THROTTLED_WRITTEN",
				     "NR_KERNEL_MISC_RECLAIMABLE",
				     "NR_FOLL_PIN_ACQUIRED",
				     "NR_FOLL_PIN_RELEASED",
				     "NR_KERNEL_STACK_KB",
				     "NR_PAGETABLE",
				     "NR_SECONDARY_PAGETABLE",
				     "NR_IOMMU_PAGES",
				     "NR_SWAPCACHE",
				     "PGPROMOTE_SUCCESS",
				     "PGPROMOTE_CANDIDATE",
				     "PGDEMOTE_KSWAPD",
				     "PGDEMOTE_DIRECT",
				     "PGDEMOTE_KHUGEPAGED",
				     "PGROTATE_ANON",
				     "PGROTATE_FILE",
				     NULL };
static const char *const own[] = { "MEMCG_SWAP", "MEMCG_SOCK",	  "MEMCG_PERCPU_B", "MEMCG_VMALLOC",
				   "MEMCG_KMEM", "MEMCG_ZSWAP_B", "MEMCG_ZSWAPPED", NULL };

/* Of 7.3 only what it has more. */
enum version { LINUX_6_1, LINUX_6_12, LINUX_7_3 };

/* 6.1 has no NR_IOMMU_PAGES and no PGDEMOTE_*. */
static bool is_left_out(enum version version, const char *name)
{
	if (strncmp(name, "PGROTATE", 8) == 0)
		return version < LINUX_7_3;
	return version == LINUX_6_1 &&
	       (streq(name, "NR_IOMMU_PAGES") || strncmp(name, "PGDEMOTE", 8) == 0);
}

static struct btf *types(enum version version, uint32_t n_states, uint32_t n_counts)
{
	struct btf *btf = btf__new_empty();
	int64_t value = 0;

	assert_non_null(btf);
	int number = btf__add_int(btf, "long", 8, BTF_INT_SIGNED);
	int index = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	assert_true(btf__add_enum(btf, "node_stat_item", 4) > 0);
	for (size_t i = 0; nodes[i]; i++)
		if (!is_left_out(version, nodes[i]))
			assert_int_equal(btf__add_enum_value(btf, nodes[i], value++), 0);
	assert_int_equal(btf__add_enum_value(btf, "NR_VM_NODE_STAT_ITEMS", value), 0);
	assert_true(btf__add_enum(btf, "memcg_stat_item", 4) > 0);
	for (size_t i = 0; own[i]; i++)
		assert_int_equal(btf__add_enum_value(btf, own[i], value++), 0);
	assert_int_equal(btf__add_enum_value(btf, "MEMCG_NR_STAT", value), 0);
	int states = btf__add_array(btf, index, number, n_states);
	int counts = btf__add_array(btf, index, number, n_counts);
	assert_true(btf__add_struct(btf, "memcg_vmstats", (n_states + n_counts) * 8) > 0);
	assert_int_equal(btf__add_field(btf, "state", states, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "events", counts, n_states * 64, 0), 0);
	return btf;
}

static void read_text(const char *kernel, struct buffer *text)
{
	cleanup_free char *path =
		xasprintf("tests/fixtures/debian-%s/cgroup/kubepods.slice/memory.stat", kernel);
	const char *reason;

	assert_int_equal(text_file_read(path, text, &reason), 0);
}

static struct record_layout find(enum version version, uint32_t n_states, uint32_t n_counts,
				 const char *text)
{
	struct btf *btf = types(version, n_states, n_counts);
	struct record_layout layout;

	memset(&layout, 0xff, sizeof(layout));
	record_layout_find(btf, text, &layout);
	btf__free(btf);
	return layout;
}

static void expect(const struct record_layout *layout, const char *key, int first, int second)
{
	int wanted[] = { first, second };

	for (size_t i = 0; i < n_record_numbers; i++) {
		const struct record_places *places = &layout->numbers[i];

		if (!streq(record_numbers[i].file, "memory.stat") ||
		    !streq(record_numbers[i].key, key))
			continue;
		assert_int_equal(places->n, (first >= 0) + (second >= 0));
		for (unsigned n = 0; n < places->n; n++)
			if (places->places[n] != wanted[n])
				fail_msg("%s is at %u, not %d", key, places->places[n], wanted[n]);
		return;
	}
	fail_msg("no %s in records", key);
}

static void by_number(void **state)
{
	cleanup(buffer_free) struct buffer text = { 0 };

	(void)state;
	read_text("6.1", &text);
	struct record_layout layout = find(LINUX_6_1, 50, 15, text.data);
	assert_int_equal(layout.n_states, 50);
	assert_int_equal(layout.n_counts, 15);
	expect(&layout, "anon", 17, -1);
	expect(&layout, "inactive_anon", 0, -1);
	expect(&layout, "kernel_stack", 37, -1);
	expect(&layout, "kernel", 47, -1);
	expect(&layout, "vmalloc", 46, -1);
	expect(&layout, "slab", 5, 6);
	expect(&layout, "pgfault", RECORD_STATES_MAX + 6, -1);
	expect(&layout, "pgscan", RECORD_STATES_MAX + 2, RECORD_STATES_MAX + 3);
	expect(&layout, "thp_collapse_alloc", RECORD_STATES_MAX + 14, -1);
	expect(&layout, "pgdemote_kswapd", -1, -1); /* no such line */
	expect(&layout, "hugetlb", -1, -1);
}

static void one_after_the_other(void **state)
{
	cleanup(buffer_free) struct buffer text = { 0 };

	(void)state;
	read_text("6.12", &text);
	struct record_layout layout = find(LINUX_6_12, 38, 22, text.data);
	assert_int_equal(layout.n_states, 38);
	expect(&layout, "inactive_anon", 0, -1);
	expect(&layout, "workingset_refault_anon", 7, -1);
	expect(&layout, "anon", 14, -1);
	expect(&layout, "shmem", 19, -1);
	expect(&layout, "kernel_stack", 23, -1);
	expect(&layout, "pgpromote_success", 27, -1);
	expect(&layout, "pgdemote_khugepaged", 30, -1);
	expect(&layout, "kernel", 35, -1);
	expect(&layout, "pgscan_kswapd", RECORD_STATES_MAX, -1);
	expect(&layout, "pgfault", RECORD_STATES_MAX + 6, -1);
	expect(&layout, "numa_hint_faults", RECORD_STATES_MAX + 21, -1);
	expect(&layout, "zswpin", -1, -1);
}

/* 7.3 counts NR_VMSCAN_WRITE of groups, too, which others have with the same name and do not. */
static void one_that_was_of_nodes_alone(void **state)
{
	cleanup(buffer_free) struct buffer text = { 0 };

	(void)state;
	read_text("6.12", &text);
	struct record_layout layout = find(LINUX_7_3, 41, 22, text.data);
	assert_int_equal(layout.n_states, 41);
	expect(&layout, "anon", 14, -1);
	expect(&layout, "kernel_stack", 24, -1);
	expect(&layout, "pgdemote_khugepaged", 31, -1);
	expect(&layout, "kernel", 38, -1);
	assert_int_equal(find(LINUX_7_3, 40, 22, text.data).n_states, 0);
}

/* All of it stays with the file when there is a doubt. */
static void what_is_not_known(void **state)
{
	cleanup(buffer_free) struct buffer text = { 0 };

	(void)state;
	read_text("6.12", &text);
	cleanup_free char *more = xasprintf("hugetlb 0\n%s", text.data);

	assert_int_equal(find(LINUX_6_12, 39, 22, text.data).n_states,
			 0); /* one that we have no name of */
	assert_int_equal(find(LINUX_6_12, 38, 23, text.data).n_states, 0);
	assert_int_equal(find(LINUX_6_12, 38, 22, NULL).n_states, 0);
	assert_int_equal(find(LINUX_6_12, 38, 22, "anon 0\nfile 0\n").n_states, 0);
	assert_int_equal(find(LINUX_6_12, 38, 22, "").n_states, 0);
	assert_int_equal(find(LINUX_6_12, RECORD_STATES_MAX + 1, 22, text.data).n_states, 0);
	assert_int_equal(find(LINUX_6_12, 38, RECORD_COUNTS_MAX + 1, text.data).n_states, 0);
	assert_int_equal(find(LINUX_6_12, 38, 22, more).n_states,
			 0); /* a line of which no state is known */
	assert_int_equal(find(LINUX_6_12, 38, 22, text.data).n_states, 38);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_number),
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(one_that_was_of_nodes_alone),
		cmocka_unit_test(what_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
