/* SPDX-License-Identifier: Apache-2.0 */
/* The captured trees of Debian 12's two kernels: every number against the file it came from. */
#include "tests/rows_support.h"

#define DOCKER_612                                                                                 \
	"/system.slice/"                                                                           \
	"docker-7d93842c697bb619f52fa5706052e4c827080d96c9bfd66165dad90a5eb1ae42.scope"

static void known_values(void **state)
{
	struct scene scene = { .options = options_for_tree("tests/fixtures/debian-6.12") };
	const char *at = DOCKER_612;

	(void)state;
	scene_collect(&scene);
	expect_sample(&scene, "container_cpu_usage_seconds_total", at, "cpu=total", 492166);
	expect_sample(&scene, "container_cpu_cfs_throttled_seconds_total", at, "", 297410);
	expect_sample(&scene, "container_spec_cpu_quota", at, "", 50000);
	expect_sample(&scene, "container_spec_cpu_period", at, "", 100000);
	expect_sample(&scene, "container_spec_cpu_shares", at, "", 2597);
	expect_sample(&scene, "container_cpu_effective_limit_cores", at, "", 500000000);
	expect_sample(&scene, "container_memory_usage_bytes", at, "", 413696);
	expect_sample(&scene, "container_memory_working_set_bytes", at, "", 413696 - 8192);
	expect_sample(&scene, "container_memory_failures_total", at,
		      "failure_type=pgfault,scope=hierarchy", 867);
	expect_sample(&scene, "container_spec_memory_limit_bytes", at, "", 67108864);
	expect_sample(&scene, "container_spec_memory_limit_bytes", "/", "", 2018140 * 1024L);
	expect_sample(&scene, "container_fs_reads_bytes_total", at, "device=/dev/vda", 57344);
	expect_sample(&scene, "container_blkio_device_usage_total", at,
		      "device=/dev/vda,major=254,minor=0,operation=Write", 4096);
	expect_sample(&scene, "container_threads_max", at, "", 100);
	expect_sample(&scene, "container_pressure_cpu_waiting_seconds_total", at, "", 222028);
	expect_sample(&scene, "container_pressure_cpu_waiting_ratio", at, "window=60s", 16);
	expect_sample(&scene, "container_cpuset_effective_cpus", at, "", 2);
	expect_sample(&scene, "container_hugetlb_usage_bytes", at, "pagesize=1GB", 0);
	/* The root has no memory.current: anon + file. Its limits are the machine's or none. */
	expect_sample(&scene, "container_memory_usage_bytes", "/", "", 93237248 + 319328256);
	expect_absent(&scene, "container_memory_effective_limit_bytes", "/", "");
	expect_absent(&scene, "container_cpu_cfs_periods_total", "/", "");
	expect_absent(&scene, "container_threads_max", "/kubepods.slice", "");
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_values) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
