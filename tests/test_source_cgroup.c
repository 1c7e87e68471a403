/* SPDX-License-Identifier: Apache-2.0 */
/* The engine over scratch trees: formats, limits of ancestors, sentinels. */
#include "tests/rows_support.h"

#define SLICE	  "cgroup/a.slice"
#define LEAF	  SLICE "/b.service"
#define AT_SLICE  "/a.slice"
#define AT_LEAF	  "/a.slice/b.service"
#define U64_MAX	  "18446744073709551615"
#define U64_OVER  "18446744073709551616"
#define READS	  "container_fs_reads_bytes_total"
#define IO_BYTES  "container_io_limit_bytes_per_second"
#define EFFECTIVE "container_memory_effective_limit_bytes"

static int set_up(void **state)
{
	struct scene *scene = xcalloc(1, sizeof(*scene));

	scene->tree = tree_new();
	tree_mkdir(scene->tree, LEAF);
	scene->options = options_for_tree(scene->tree);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	scene_end(scene);
	free(scene);
	return 0;
}

/* One file of the leaf, read anew. */
static void give(struct scene *scene, const char *file, const char *text)
{
	cleanup_free char *name = xasprintf(LEAF "/%s", file);

	tree_write(scene->tree, name, text);
	scene_close(scene); /* forgets that the file was absent */
	scene_collect(scene);
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		bool present;
		uint64_t value;
	} cases[] = {
		{ "0\n", true, 0 },
		{ "42\n", true, 42 },
		{ U64_MAX "\n", true, UINT64_MAX },
		{ U64_OVER "\n", false, 0 },
		{ "99999999999999999999999999\n", false, 0 },
		{ "max\n", false, 0 },
		{ "-1\n", false, 0 },
		{ "+1\n", false, 0 },
		{ " 1\n", false, 0 },
		{ "1x\n", false, 0 },
		{ "0x10\n", false, 0 },
		{ "1.5\n", false, 0 },
		{ "garbage\n", false, 0 },
		{ "\n", false, 0 },
		{ "", false, 0 },
		{ "12", false, 0 }, /* cut off: it may have been 123 */
		{ "12\n13\n", true, 12 },
		{ "\xff\xfe\n", false, 0 },
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		give(scene, "pids.current", cases[i].text);
		if (cases[i].present)
			expect_sample(scene, "container_threads", AT_LEAF, "", cases[i].value);
		else
			expect_absent(scene, "container_threads", AT_LEAF, "");
	}
}

static void flat_keyed(void **state)
{
	struct scene *scene = *state;

	give(scene, "cpu.stat",
	     "usage_usec 1\nnew_key 7\nuser_usec max\nuser_usec 5\nsystem_usec 3 \n"
	     "usage_usec 9\nnice_usec\nusage_usecs 4\n\n");
	expect_sample(scene, "container_cpu_usage_seconds_total", AT_LEAF, "cpu=total", 1);
	expect_absent(scene, "container_cpu_user_seconds_total", AT_LEAF, "");
	expect_sample(scene, "container_cpu_system_seconds_total", AT_LEAF, "", 3);
	expect_absent(scene, "container_cpu_nice_seconds_total", AT_LEAF, "");
	/* A cut file keeps what is whole. */
	give(scene, "cpu.stat", "usage_usec 10\nuser_usec 20\nsystem_usec 3");
	expect_sample(scene, "container_cpu_usage_seconds_total", AT_LEAF, "cpu=total", 10);
	expect_sample(scene, "container_cpu_user_seconds_total", AT_LEAF, "", 20);
	expect_absent(scene, "container_cpu_system_seconds_total", AT_LEAF, "");
}

/* The places where words stood last are of no account when another file has them elsewhere. */
static void order_changes(void **state)
{
	struct scene *scene = *state;

	tree_write(scene->tree, SLICE "/memory.stat", "anon 1\nfile 2\nslab 3\nsock 4\n");
	tree_write(scene->tree, LEAF "/memory.stat",
		   "sock 40\nanonymous 9\nfile 20\nanon 10\nextra 1\nslab 30\n");
	for (int i = 0; i < 2; i++) {
		scene_collect(scene);
		expect_sample(scene, "container_memory_rss", AT_SLICE, "", 1);
		expect_sample(scene, "container_memory_sock_bytes", AT_SLICE, "", 4);
		expect_sample(scene, "container_memory_rss", AT_LEAF, "", 10);
		expect_sample(scene, "container_memory_cache", AT_LEAF, "", 20);
		expect_sample(scene, "container_memory_slab_bytes", AT_LEAF, "", 30);
		expect_sample(scene, "container_memory_sock_bytes", AT_LEAF, "", 40);
	}
}

static void cfs_only_with_quota(void **state)
{
	struct scene *scene = *state;

	give(scene, "cpu.stat", "usage_usec 1\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n");
	expect_absent(scene, "container_cpu_cfs_periods_total", AT_LEAF, "");
	give(scene, "cpu.max", "max 100000\n");
	expect_absent(scene, "container_cpu_cfs_periods_total", AT_LEAF, "");
	expect_absent(scene, "container_spec_cpu_quota", AT_LEAF, "");
	expect_sample(scene, "container_spec_cpu_period", AT_LEAF, "", 100000);
	give(scene, "cpu.max", "150000 100000\n");
	expect_sample(scene, "container_cpu_cfs_periods_total", AT_LEAF, "", 0);
	expect_sample(scene, "container_spec_cpu_quota", AT_LEAF, "", 150000);
	expect_sample(scene, "container_cpu_effective_limit_cores", AT_LEAF, "", 1500000000);
	give(scene, "cpu.max", "150000 0\n");
	expect_absent(scene, "container_cpu_effective_limit_cores", AT_LEAF, "");
	give(scene, "cpu.max", U64_MAX " 1\n");
	expect_absent(scene, "container_cpu_effective_limit_cores", AT_LEAF, "");
	give(scene, "cpu.max", "150000");
	expect_absent(scene, "container_spec_cpu_quota", AT_LEAF, "");
}

static void cpu_shares(void **state)
{
	struct scene *scene = *state;

	give(scene, "cpu.weight", "1\n");
	expect_sample(scene, "container_spec_cpu_shares", AT_LEAF, "", 2);
	give(scene, "cpu.weight", "39\n");
	expect_sample(scene, "container_spec_cpu_shares", AT_LEAF, "", 998);
	give(scene, "cpu.weight", "10000\n");
	expect_sample(scene, "container_spec_cpu_shares", AT_LEAF, "", 262144);
	give(scene, "cpu.weight", "0\n"); /* SCHED_IDLE */
	expect_absent(scene, "container_spec_cpu_shares", AT_LEAF, "");
	expect_sample(scene, "container_cpu_weight", AT_LEAF, "", 0);
}

static void nested_keyed(void **state)
{
	struct scene *scene = *state;

	tree_write(scene->tree, "sys/dev/block/8:0/uevent", "MAJOR=8\nMINOR=0\nDEVNAME=sda\n");
	tree_write(scene->tree, "sys/dev/block/8:16/uevent", "DEVNAME=bad\"name\n");
	give(scene, "io.stat",
	     "7:7 \n7:6 8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=70\n"
	     "8:16 wios=9 rbytes=max wbytes= wios=8 =3 rbytes\n"
	     "8:0 rbytes=100\n"
	     "253:1 rbytes=11");
	expect_sample(scene, READS, AT_LEAF, "device=/dev/sda", 1);
	expect_sample(scene, "container_fs_writes_total", AT_LEAF, "device=/dev/sda", 4);
	expect_sample(scene, "container_fs_discards_total", AT_LEAF, "device=/dev/sda", 6);
	expect_sample(scene, "container_fs_io_cost_usage_seconds_total", AT_LEAF, "device=/dev/sda",
		      70);
	expect_sample(scene, "container_blkio_device_usage_total", AT_LEAF,
		      "device=/dev/sda,major=8,minor=0,operation=Read", 1);
	expect_absent(scene, READS, AT_LEAF, "device=8:16");
	expect_sample(scene, "container_fs_writes_total", AT_LEAF, "device=8:16", 9);
	expect_absent(scene, READS, AT_LEAF, "device=253:1");
	/* The device's name is looked up in every collection. */
	tree_write(scene->tree, "sys/dev/block/8:0/uevent", "DEVNAME=sdz\n");
	scene_collect(scene);
	expect_sample(scene, READS, AT_LEAF, "device=/dev/sdz", 1);
}

static void io_limits(void **state)
{
	struct scene *scene = *state;

	give(scene, "io.max", "8:0 rbps=1000 wbps=max riops=max wiops=50\n");
	give(scene, "io.weight", "default 100\n8:0 200\n");
	expect_sample(scene, IO_BYTES, AT_LEAF, "device=8:0,operation=Read", 1000);
	expect_absent(scene, IO_BYTES, AT_LEAF, "device=8:0,operation=Write");
	expect_sample(scene, "container_io_limit_operations_per_second", AT_LEAF,
		      "device=8:0,operation=Write", 50);
	expect_sample(scene, "container_io_weight", AT_LEAF, "", 100);
	expect_sample(scene, "container_io_device_weight", AT_LEAF, "device=8:0", 200);
	expect_absent(scene, "container_io_device_weight", AT_LEAF, "device=default");
}

static void pressure(void **state)
{
	struct scene *scene = *state;
	const char *waiting = "container_pressure_cpu_waiting_ratio";

	give(scene, "cpu.pressure",
	     "some avg10=8.09 avg60=100.00 avg300=5.2 total=19256166\n"
	     "some avg10=1.00 avg60=1.00 avg300=1.00 total=1\n"
	     "full avg10=0.00 avg60=-1.00 avg300=0.00 total=0\n");
	expect_sample(scene, "container_pressure_cpu_waiting_seconds_total", AT_LEAF, "", 19256166);
	expect_sample(scene, "container_pressure_cpu_stalled_seconds_total", AT_LEAF, "", 0);
	expect_sample(scene, waiting, AT_LEAF, "window=10s", 809);
	expect_sample(scene, waiting, AT_LEAF, "window=60s", 10000);
	expect_absent(scene, waiting, AT_LEAF, "window=300s");
	expect_absent(scene, "container_pressure_cpu_stalled_ratio", AT_LEAF, "window=60s");
	assert_true(snapshot_family(scene->snapshot, waiting)->metric->only_in_api);
}

static void resources(void **state)
{
	struct scene *scene = *state;

	give(scene, "misc.current", "sev 3\nsev_es 0\n");
	give(scene, "misc.max", "sev max\nsev_es 10\n");
	give(scene, "misc.events", "sev.max 4\nsev_es.max 0\n.max 3\n");
	give(scene, "rdma.current", "mlx4_0 hca_handle=2 hca_object=2000\n");
	give(scene, "rdma.max", "mlx4_0 hca_handle=max hca_object=3000\n");
	expect_sample(scene, "container_misc_usage", AT_LEAF, "resource=sev", 3);
	expect_absent(scene, "container_misc_limit", AT_LEAF, "resource=sev");
	expect_sample(scene, "container_misc_limit", AT_LEAF, "resource=sev_es", 10);
	expect_sample(scene, "container_misc_events_max_total", AT_LEAF, "resource=sev", 4);
	expect_sample(scene, "container_rdma_usage", AT_LEAF, "device=mlx4_0,resource=hca_handle",
		      2);
	expect_absent(scene, "container_rdma_limit", AT_LEAF, "device=mlx4_0,resource=hca_handle");
	expect_sample(scene, "container_rdma_limit", AT_LEAF, "device=mlx4_0,resource=hca_object",
		      3000);
}

static void cpu_lists(void **state)
{
	struct scene *scene = *state;
	const char *name = "container_cpuset_effective_cpus";

	give(scene, "cpuset.cpus.effective", "0-3,8,10-11\n");
	expect_sample(scene, name, AT_LEAF, "", 7);
	give(scene, "cpuset.cpus.effective", "\n");
	expect_sample(scene, name, AT_LEAF, "", 0);
	give(scene, "cpuset.cpus.effective", "3-1\n");
	expect_absent(scene, name, AT_LEAF, "");
	give(scene, "cpuset.cpus.effective", "0-\n");
	expect_absent(scene, name, AT_LEAF, "");
	give(scene, "cpuset.cpus.effective", "0-3");
	expect_absent(scene, name, AT_LEAF, "");
	give(scene, "cpuset.cpus.effective", "");
	expect_absent(scene, name, AT_LEAF, "");
}

static void working_set(void **state)
{
	struct scene *scene = *state;
	const char *name = "container_memory_working_set_bytes";

	give(scene, "memory.current", "100\n");
	expect_absent(scene, name, AT_LEAF, "");
	give(scene, "memory.stat", "anon 1\nfile 2\ninactive_file 30\n");
	expect_sample(scene, name, AT_LEAF, "", 70);
	give(scene, "memory.stat", "anon 1\nfile 2\ninactive_file 300\n");
	expect_sample(scene, name, AT_LEAF, "", 0);
	/* Only the root stands in for a missing memory.current. */
	tree_write(scene->tree, "cgroup/memory.stat", "anon 10\nfile 20\ninactive_file 5\n");
	tree_write(scene->tree, SLICE "/memory.stat", "anon 10\nfile 20\ninactive_file 5\n");
	scene_close(scene);
	scene_collect(scene);
	expect_sample(scene, name, "/", "", 25);
	expect_sample(scene, "container_memory_usage_bytes", "/", "", 30);
	expect_absent(scene, name, AT_SLICE, "");
}

static void effective_limits(void **state)
{
	struct scene *scene = *state;

	tree_mkdir(scene->tree, LEAF "/c.scope");
	tree_write(scene->tree, SLICE "/memory.max", "1000\n");
	tree_write(scene->tree, LEAF "/memory.max", "max\n");
	tree_write(scene->tree, LEAF "/c.scope/memory.max", "2000\n");
	tree_write(scene->tree, SLICE "/cpu.max", "200000 100000\n");
	tree_write(scene->tree, LEAF "/cpu.max", "50000 100000\n");
	tree_write(scene->tree, LEAF "/pids.max", "70\n");
	scene_collect(scene);
	expect_absent(scene, EFFECTIVE, "/", "");
	expect_sample(scene, EFFECTIVE, AT_SLICE, "", 1000);
	expect_sample(scene, EFFECTIVE, AT_LEAF, "", 1000);
	expect_sample(scene, EFFECTIVE, AT_LEAF "/c.scope", "", 1000);
	expect_absent(scene, "container_spec_memory_limit_bytes", AT_LEAF, "");
	expect_sample(scene, "container_cpu_effective_limit_cores", AT_SLICE, "", 2000000000);
	expect_sample(scene, "container_cpu_effective_limit_cores", AT_LEAF, "", 500000000);
	expect_absent(scene, "container_pids_effective_limit", AT_SLICE, "");
	expect_sample(scene, "container_pids_effective_limit", AT_LEAF "/c.scope", "", 70);
}

/* Filters hide a cgroup, not its limits. */
static void limits_of_hidden_ancestors(void **state)
{
	struct scene *scene = *state;
	char pattern[] = "/.*\\.scope", *include[] = { pattern };

	scene->options.cgroups_include_id = (struct string_list){ include, 1 };
	tree_mkdir(scene->tree, LEAF "/c.scope");
	tree_mkdir(scene->tree, LEAF "/d.scope");
	tree_mkdir(scene->tree, "cgroup/e.slice/f.scope");
	tree_write(scene->tree, SLICE "/memory.max", "1000\n");
	tree_write(scene->tree, LEAF "/memory.max", "3000\n");
	tree_write(scene->tree, LEAF "/d.scope/memory.max", "500\n");
	scene_collect(scene);
	expect_sample(scene, EFFECTIVE, AT_LEAF "/c.scope", "", 1000);
	expect_sample(scene, EFFECTIVE, AT_LEAF "/d.scope", "", 500);
	expect_absent(scene, EFFECTIVE, "/e.slice/f.scope", "");
	assert_int_equal(snapshot_family(scene->snapshot, EFFECTIVE)->n_samples, 2);
}

static void sentinels(void **state)
{
	struct scene *scene = *state;

	tree_write(scene->tree, LEAF "/memory.max", "max\n");
	tree_write(scene->tree, LEAF "/memory.swap.max", "9223372036854771712\n");
	tree_write(scene->tree, LEAF "/memory.low", "max\n");
	tree_write(scene->tree, LEAF "/memory.high", "max\n");
	tree_write(scene->tree, LEAF "/pids.max", "max\n");
	scene_collect(scene);
	expect_absent(scene, "container_spec_memory_limit_bytes", AT_LEAF, "");
	expect_absent(scene, "container_spec_memory_swap_limit_bytes", AT_LEAF, "");
	expect_absent(scene, "container_threads_max", AT_LEAF, "");
	scene_close(scene);
	scene->options.compat_cadvisor_sentinels = true;
	scene_collect(scene);
	expect_sample(scene, "container_spec_memory_limit_bytes", AT_LEAF, "", 0);
	expect_sample(scene, "container_spec_memory_swap_limit_bytes", AT_LEAF, "", 0);
	expect_sample(scene, "container_spec_memory_reservation_limit_bytes", AT_LEAF, "", 0);
	expect_sample(scene, "container_threads_max", AT_LEAF, "", 0);
	expect_absent(scene, "container_memory_high_bytes", AT_LEAF, "");
	expect_absent(scene, EFFECTIVE, AT_LEAF, "");
	expect_absent(scene, "container_spec_memory_limit_bytes", AT_SLICE, "");
}

static void optional_rows(void **state)
{
	struct scene *scene = *state;
	char percpu[] = "container_memory_percpu_bytes";
	char subsystems[] = "container_cgroup_subsystems";
	char *names[] = { percpu, subsystems };

	tree_write(scene->tree, LEAF "/memory.stat", "anon 1\npercpu 5\n");
	tree_write(scene->tree, LEAF "/cgroup.stat",
		   "nr_descendants 1\nnr_subsys_cpu 2\nnr_dying_subsys_cpu 3\nnr_subsys_ 4\n");
	scene_collect(scene);
	expect_absent(scene, names[0], AT_LEAF, "");
	scene_close(scene);
	scene->options.metrics_enable = (struct string_list){ names, ARRAY_SIZE(names) };
	scene_collect(scene);
	expect_sample(scene, names[0], AT_LEAF, "", 5);
	expect_sample(scene, names[1], AT_LEAF, "controller=cpu", 2);
	assert_int_equal(snapshot_family(scene->snapshot, names[1])->n_samples, 1);
}

/* A machine limits the root's memory only where the controller is on v2. */
static void limits_of_the_root(void **state)
{
	struct scene *scene = *state;
	const char *limit = "container_spec_memory_limit_bytes";

	tree_write(scene->tree, "proc/meminfo", "MemTotal:        1000 kB\nSwapTotal: 10 kB\n");
	scene_collect(scene);
	expect_absent(scene, limit, "/", "");
	scene_close(scene);
	tree_write(scene->tree, "cgroup/memory.stat", "anon 1\nfile 2\n");
	scene_collect(scene);
	expect_sample(scene, limit, "/", "", 1024000);
	expect_sample(scene, "container_spec_memory_swap_limit_bytes", "/", "", 10240);
	expect_absent(scene, EFFECTIVE, "/", "");
	expect_absent(scene, limit, AT_SLICE, "");
}

/* The engine itself minds the deadline. */
static void deadline(void **state)
{
	struct scene *scene = *state;
	struct collection collection = { .options = &scene->options };
	const struct source *source = NULL;
	const char *reason;
	void *opened;

	scene_collect(scene);
	for (size_t i = 0; i < n_sources; i++)
		if (streq(sources[i]->name, "pids"))
			source = sources[i];
	assert_non_null(source);
	collection.hierarchy = collector_hierarchy(scene->collector);
	collection.snapshot = snapshot_new();
	assert_int_equal(source->open(&scene->options, &opened, &reason), 0);
	struct family *families = xcalloc(source->n_metrics, sizeof(*families));
	for (size_t i = 0; i < source->n_metrics; i++)
		families[i].metric = &source->metrics[i];
	collection.snapshot->n_workloads = scene->snapshot->n_workloads;
	assert_int_equal(source->collect(opened, &collection, families), 0);
	collection.deadline_ns = 1;
	assert_int_equal(source->collect(opened, &collection, families), -ETIME);
	source->close(opened);
	free(families);
	snapshot_unref(collection.snapshot);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(numbers),
		CASE(flat_keyed),
		CASE(order_changes),
		CASE(cfs_only_with_quota),
		CASE(cpu_shares),
		CASE(nested_keyed),
		CASE(io_limits),
		CASE(pressure),
		CASE(resources),
		CASE(cpu_lists),
		CASE(working_set),
		CASE(effective_limits),
		CASE(limits_of_hidden_ancestors),
		CASE(sentinels),
		CASE(optional_rows),
		CASE(limits_of_the_root),
		CASE(deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
