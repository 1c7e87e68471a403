/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no kernel writes is one error of the file's source, which names the file and the cgroup; what
 * only this kernel does not write is none. Either way the good lines are served.
 */
#include "tests/rows_support.h"

#define GROUP "cgroup/a.service"

struct text_case {
	const char *source, *file, *text;
	const char *name, *labels; /* a family that is served all the same; NULL: none */
	uint64_t value;
};

#define SECONDS	 "container_cpu_user_seconds_total"
#define RSS	 "container_memory_rss"
#define WRITES	 "container_fs_writes_total"
#define WAITING	 "container_pressure_cpu_waiting_seconds_total"
#define ON_SDA	 "device=8:0"
#define PRESSURE "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"

static const struct text_case bad[] = {
	{ "cpu", "cpu.stat", "usage_usec garbage\nuser_usec 5\n", SECONDS, "", 5 },
	{ "cpu", "cpu.stat", "usage_usec 18446744073709551616\nuser_usec 5\n", SECONDS, "", 5 },
	{ "cpu", "cpu.stat", "usage_usec -1\nuser_usec 5\n", SECONDS, "", 5 },
	{ "cpu", "cpu.stat", "usage_usec \nuser_usec 5\n", SECONDS, "", 5 },
	{ "cpu", "cpu.stat", "usage_usec\nuser_usec 5\n", SECONDS, "", 5 },
	{ "cpu", "cpu.stat", "user_usec 5\nusage_usec 12", SECONDS, "", 5 }, /* cut off */
	{ "cpu", "cpu.stat", "user_usec 5\nusage_us", SECONDS, "", 5 },
	{ "cpu", "cpu.stat", "user_usec 5\n\n", SECONDS, "", 5 },
	{ "cpu", "cpu.stat", "user_usec 5\ngarbage garbage\n", SECONDS, "", 5 },
	{ "cpu", "cpu.stat", "\xff\xfe\n", NULL, NULL, 0 },
	{ "cpu", "cpu.stat", "", NULL, NULL, 0 },
	{ "cpu", "cpu.max", "max\n", NULL, NULL, 0 },
	{ "cpu", "cpu.max", "max x\n", NULL, NULL, 0 },
	{ "cpu", "cpu.max", "-5 100000\n", "container_spec_cpu_period", "", 100000 },
	{ "cpu", "cpu.max", "", NULL, NULL, 0 },
	{ "cpu", "cpu.weight", "", NULL, NULL, 0 },
	{ "cpuset", "cpuset.cpus.effective", "0-\n", NULL, NULL, 0 },
	{ "memory", "memory.stat", "anon 1e3\nfile 2\n", "container_memory_cache", "", 2 },
	{ "memory", "memory.stat", "anon 1\n\xc3\xa4\n", RSS, "", 1 },
	{ "memory", "memory.events", "oom_kill many\nlow 3\n", "container_memory_events_low_total",
	  "", 3 },
	{ "memory", "memory.events", "", NULL, NULL, 0 },
	{ "io", "io.stat", "8:0 rbytes=x wios=4\n", WRITES, ON_SDA, 4 },
	{ "io", "io.stat", "8:0 wios=4 rbytes\n", WRITES, ON_SDA, 4 },
	{ "io", "io.stat", "8:0 wios=4 rbytes=18446744073709551616\n", WRITES, ON_SDA, 4 },
	{ "io", "io.stat", "8:0 wios=4\nsda rbytes=1 wios=5\n", WRITES, ON_SDA, 4 },
	{ "io", "io.stat", "8:0 wios=4\n8: rbytes=1 wios=5\n", WRITES, ON_SDA, 4 },
	{ "io", "io.stat", "8:0 wios=4\n:1 wios=5\n", WRITES, ON_SDA, 4 },
	{ "io", "io.stat", "8:0 wios=4\n8:1x wios=5\n", WRITES, ON_SDA, 4 },
	{ "io", "io.stat", "8:0 wios=4\n8:16 wios=5", WRITES, ON_SDA, 4 },
	{ "io", "io.stat", "8:0 wios=4\n8:16 new_key=garbage\n", WRITES, ON_SDA, 4 },
	{ "io", "io.stat", "\n8:0 wios=4\n", WRITES, ON_SDA, 4 },
	{ "io", "io.weight", "default 100\nsda 200\n", "container_io_weight", "", 100 },
	{ "io", "io.weight", "", NULL, NULL, 0 },
	{ "pressure", "cpu.pressure", PRESSURE "full avg10=0.00\n", WAITING, "", 7 },
	{ "pressure", "cpu.pressure", PRESSURE "full\n", WAITING, "", 7 },
	{ "pressure", "cpu.pressure", PRESSURE "garbage\n", WAITING, "", 7 },
	{ "pressure", "cpu.pressure", "some avg10=0 avg60=0.00 avg300=0.00 total=7\n", WAITING, "",
	  7 },
	{ "pressure", "cpu.pressure", "", NULL, NULL, 0 },
	{ "cgroup", "cgroup.stat", "nr_descendants x\nnr_dying_descendants 2\n",
	  "container_cgroup_dying_descendants", "", 2 },
	{ "cgroup", "cgroup.events", "populated yes\nfrozen 0\n", "container_cgroup_frozen", "",
	  0 },
	{ "pids", "pids.events", "max \n", NULL, NULL, 0 },
	{ "misc", "misc.current", "sev x\nsev_es 2\n", "container_misc_usage", "resource=sev_es",
	  2 },
};

static const struct text_case good[] = {
	{ "cpu", "cpu.stat", "newer_key 12\nuser_usec 5\n", SECONDS, "", 5 },
	{ "cpu", "cpu.stat", "user_usec 5\nnewer_key 99999999999999999999\n", SECONDS, "", 5 },
	{ "cpu", "cpu.stat", "user_usec 5\nuser_usec 6\n", SECONDS, "", 5 },
	{ "cpu", "cpu.stat", "user_usec 5\nnewer_limit max\nnewer_change -3\n", SECONDS, "", 5 },
	{ "cpu", "cpu.max", "max 100000\n", "container_spec_cpu_period", "", 100000 },
	{ "cpu", "cpu.uclamp.max", "max\n", NULL, NULL, 0 },
	{ "cpu", "cpu.uclamp.min", "12.50\n", "container_cpu_uclamp_min_ratio", "", 1250 },
	{ "cpuset", "cpuset.cpus.effective", "\n", "container_cpuset_effective_cpus", "", 0 },
	{ "io", "io.stat", "", NULL, NULL, 0 },
	{ "io", "io.stat", "8:0 ", NULL, NULL, 0 }, /* a device without numbers, 5.x and 6.x */
	{ "io", "io.stat", "8:16 \n8:32 8:0 wios=4\n", WRITES, ON_SDA, 4 },
	{ "io", "io.stat", "8:0 wios=4 newer=7 depth=max\n", WRITES, ON_SDA, 4 },
	{ "io", "io.stat", "(unknown) wios=5\n8:0 wios=4\n", WRITES, ON_SDA, 4 },
	{ "io", "io.max", "", NULL, NULL, 0 },
	{ "io", "io.max", "8:0 rbps=max wbps=max riops=max wiops=5\n",
	  "container_io_limit_operations_per_second", ON_SDA ",operation=Write", 5 },
	{ "io", "io.weight", "default 100\n8:0 200\n", "container_io_device_weight", ON_SDA, 200 },
	{ "pressure", "cpu.pressure", PRESSURE, WAITING, "", 7 },
	{ "pressure", "cpu.pressure", PRESSURE "newer avg10=0.00 total=9\n", WAITING, "", 7 },
	{ "pressure", "cpu.pressure", "some avg10=0.00 avg30=0.00 avg60=0.00 avg300=0.00 total=7\n",
	  WAITING, "", 7 },
	{ "misc", "misc.current", "", NULL, NULL, 0 },
	{ "rdma", "rdma.current", "mlx4_0 hca_handle=2 hca_object=5\n", "container_rdma_usage",
	  "device=mlx4_0,resource=hca_handle", 2 },
};

static const struct source_status *status_of(const struct scene *scene, const char *source)
{
	for (size_t i = 0; i < scene->snapshot->n_sources; i++)
		if (streq(scene->snapshot->sources[i].name, source))
			return &scene->snapshot->sources[i];
	fail_msg("no source %s", source);
	return NULL;
}

/* One file alone, read twice: places remember what stood there. Returns the source's errors. */
static uint64_t errors_with(const struct text_case *item, bool expect_reason)
{
	char metric[] = "container_cpu_uclamp_min_ratio",
	     other[] = "container_cpu_uclamp_max_ratio";
	char *metrics[] = { metric, other };
	struct scene scene = { .tree = tree_new() };
	cleanup_free char *name = xasprintf(GROUP "/%s", item->file);
	cleanup_free char *reason =
		xasprintf("%s of /a.service: not what the kernel writes there", item->file);
	uint64_t errors;

	tree_write(scene.tree, name, item->text);
	scene.options = options_for_tree(scene.tree);
	scene.options.metrics_enable = (struct string_list){ metrics, ARRAY_SIZE(metrics) };
	for (int reading = 1; reading <= 2; reading++) {
		scene_collect(&scene);
		if (item->name)
			expect_sample(&scene, item->name, "/a.service", item->labels, item->value);
		if (expect_reason) {
			const char *told = status_of(&scene, item->source)->reason;

			assert_non_null(told);
			assert_string_equal(told, reason);
		}
	}
	errors = status_of(&scene, item->source)->errors;
	scene_end(&scene);
	return errors;
}

static void not_from_a_kernel(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (errors_with(&bad[i], true) != 2)
			fail_msg("%s \"%s\" is no error", bad[i].file, bad[i].text);
}

static void from_other_kernels(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (errors_with(&good[i], false) != 0)
			fail_msg("%s \"%s\" is an error", good[i].file, good[i].text);
}

/* A line that was seen in one cgroup is no excuse for another's. */
static void each_cgroup_is_judged(void **state)
{
	struct scene scene = { .tree = tree_new() };
	const struct source_status *cpu;

	(void)state;
	tree_write(scene.tree, "cgroup/a.service/cpu.stat", "user_usec 5\nnewer_key 1\n");
	tree_write(scene.tree, "cgroup/b.service/cpu.stat", "user_usec 6\nnewer_key x\n");
	tree_write(scene.tree, "cgroup/c.service/cpu.stat", "user_usec 7\nnewer_key 1\n");
	scene.options = options_for_tree(scene.tree);
	scene_collect(&scene);
	cpu = status_of(&scene, "cpu");
	assert_int_equal(cpu->errors, 1);
	assert_string_equal(cpu->reason,
			    "cpu.stat of /b.service: not what the kernel writes there");
	expect_sample(&scene, SECONDS, "/b.service", "", 6);
	expect_sample(&scene, SECONDS, "/c.service", "", 7);
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_from_a_kernel),
		cmocka_unit_test(from_other_kernels),
		cmocka_unit_test(each_cgroup_is_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
