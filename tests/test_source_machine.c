/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/machine.h"
#include "tests/procfs_support.h"

/* Two packages of one core with two threads each, on two nodes; one of them has EDAC modules. */
static char *host_tree(void)
{
	char *tree = tree_new();

	tree_write(tree, "cgroup/cgroup.procs", "");
	tree_write(tree, "proc/meminfo", "MemTotal:       1000 kB\nSwapTotal:      20 kB\n");
	tree_write(tree, "proc/sys/kernel/random/boot_id", "b00t\n");
	tree_write(tree, "root/etc/machine-id", "m4ch1ne\n");
	tree_write(tree, "sys/devices/system/cpu/online", "0-1,4,6\n");
	for (int i = 0; i < 4; i++) {
		static const int cpus[] = { 0, 1, 4, 6 };
		char name[120], value[16];

		snprintf(name, sizeof(name),
			 "sys/devices/system/cpu/cpu%d/topology/physical_package_id", cpus[i]);
		snprintf(value, sizeof(value), "%d\n", i / 2);
		tree_write(tree, name, value);
		snprintf(name, sizeof(name), "sys/devices/system/cpu/cpu%d/topology/core_id",
			 cpus[i]);
		tree_write(tree, name, "0\n");
	}
	tree_write(tree, "sys/devices/system/cpu/cpu4/cache/index0/shared_cpu_list", "4,6\n");
	tree_write(tree, "sys/devices/system/cpu/cpu4/cache/index0/size", "32K\n");
	tree_write(tree, "sys/devices/system/cpu/cpu4/cache/index0/level", "1\n");
	tree_write(tree, "sys/devices/system/cpu/cpu4/cache/index0/type", "Data\n");
	tree_write(tree, "sys/devices/system/cpu/cpu0/cache/index3/shared_cpu_list", "0-1,4,6\n");
	tree_write(tree, "sys/devices/system/cpu/cpu0/cache/index3/size", "1024K\n");
	tree_write(tree, "sys/devices/system/cpu/cpu0/cache/index3/level", "3\n");
	tree_write(tree, "sys/devices/system/cpu/cpu0/cache/index3/type", "Unified\n");
	tree_write(tree, "sys/devices/system/node/online", "0-1\n");
	tree_write(tree, "sys/devices/system/node/node0/cpulist", "0-1\n");
	tree_write(tree, "sys/devices/system/node/node1/cpulist", "4-7\n");
	tree_write(tree, "sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:  600 kB\n");
	tree_write(tree, "sys/devices/system/node/node0/distance", "10 21\n");
	tree_write(tree, "sys/devices/system/node/node1/distance", "21 10\n");
	tree_write(tree, "sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages",
		   "7\n");
	for (int i = 0; i < 2; i++) {
		char name[120];

		snprintf(name, sizeof(name), "sys/devices/system/edac/mc/mc0/dimm%d/size", i);
		tree_write(tree, name, "16384\n");
		snprintf(name, sizeof(name), "sys/devices/system/edac/mc/mc0/dimm%d/dimm_mem_type",
			 i);
		tree_write(tree, name, "Registered-DDR4\n");
	}
	return tree;
}

static void reads_hardware(void **state)
{
	char *tree = host_tree();
	struct reading reading;

	(void)state;
	reading_open_tree(&reading, tree, "machine");
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(sample_integer(s, "machine_cpu_cores", NULL, "m4ch1ne"), 4);
	assert_int_equal(sample_integer(s, "machine_cpu_physical_cores", NULL, NULL), 2);
	assert_int_equal(sample_integer(s, "machine_cpu_sockets", NULL, NULL), 2);
	assert_int_equal(count_samples(s, "machine_cpu_books", NULL), 0);
	assert_int_equal(sample_integer(s, "machine_memory_bytes", NULL, NULL), 1024000);
	assert_int_equal(sample_integer(s, "machine_swap_bytes", NULL, NULL), 20480);
	assert_int_equal(sample_integer(s, "machine_scrape_error", NULL, NULL), 0);
	const struct sample *sample = find_sample(s, "machine_dimm_count", NULL, NULL, NULL);
	assert_int_equal(sample->integer, 2);
	assert_string_equal(sample->labels[0], "m4ch1ne");
	assert_null(sample->labels[1]);
	assert_string_equal(sample->labels[2], "b00t");
	assert_string_equal(sample->labels[3], "Registered-DDR4");
	assert_true(sample_integer(s, "machine_dimm_capacity_bytes", NULL, NULL) == UINT64_C(32)
											    << 30);
	snapshot_unref(s);

	/* A processor goes away. */
	tree_write(tree, "sys/devices/system/cpu/online", "0-1,4\n");
	s = reading_take(&reading);
	assert_int_equal(sample_integer(s, "machine_cpu_cores", NULL, NULL), 3);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

static const struct machine_value *find(const struct machine *machine, unsigned metric,
					const char *first, const char *second)
{
	for (size_t i = 0; i < machine->n; i++)
		if (machine->values[i].metric == metric &&
		    streq(machine->values[i].labels[0], first) &&
		    streq(machine->values[i].labels[1], second))
			return &machine->values[i];
	fail();
	return NULL;
}

static void reads_details(void **state)
{
	char *tree = host_tree();
	cleanup_free char *path = xasprintf("%s/sys", tree);
	cleanup_close int sysfs = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct machine machine = { 0 };

	(void)state;
	assert_int_equal(machine_read(sysfs, "0-1,4,6\n", true, &machine), 0);
	const struct machine_value *cache = find(&machine, MACHINE_CPU_CACHE, "1", "0");
	assert_int_equal(cache->value, 32768);
	assert_string_equal(cache->labels[2], "Data");
	assert_string_equal(cache->labels[3], "1");
	assert_int_equal(find(&machine, MACHINE_CPU_CACHE, "0", "")->value, 1 << 20);
	assert_int_equal(find(&machine, MACHINE_THREAD_SIBLINGS, "1", "0")->value, 2);
	assert_int_equal(find(&machine, MACHINE_NODE_DISTANCE, "0", "1")->value, 21);
	assert_int_equal(find(&machine, MACHINE_NODE_HUGEPAGES, "1", "2048")->value, 7);
	machine_free(&machine);
	tree_remove(tree);
}

static void refuses_garbage(void **state)
{
	static const char *const lists[] = { "", "\n", "x", "3-1", "0-99999999999", "-1", "5-x" };
	char *tree = host_tree();
	cleanup_free char *path = xasprintf("%s/sys", tree);
	cleanup_close int sysfs = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct machine machine = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		assert_int_equal(machine_read(sysfs, lists[i], false, &machine), -EBADMSG);
	tree_remove(tree);
}

static void is_absent_where_unknown(void **state)
{
	char *tree = tree_new();
	struct reading reading;

	(void)state;
	tree_write(tree, "cgroup/cgroup.procs", "");
	tree_write(tree, "proc/meminfo", "MemTotal: 18446744073709551615 kB\n");
	tree_mkdir(tree, "sys");
	reading_open_tree(&reading, tree, "machine");
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(count_samples(s, "machine_cpu_cores", NULL), 0);
	assert_int_equal(count_samples(s, "machine_memory_bytes", NULL), 0);
	assert_int_equal(sample_integer(s, "machine_scrape_error", NULL, NULL), 1);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_hardware),
		cmocka_unit_test(reads_details),
		cmocka_unit_test(refuses_garbage),
		cmocka_unit_test(is_absent_where_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
