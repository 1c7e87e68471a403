/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The captured trees of Debian 12's two kernels: every sample against the file it came from, read here
 * a second time and in another way.
 */
#include "collector/sources/cgroup.h"
#include "tests/rows_support.h"

#define DOCKER_612                                                                                 \
	"/system.slice/"                                                                           \
	"docker-7d93842c697bb619f52fa5706052e4c827080d96c9bfd66165dad90a5eb1ae42.scope"

enum { SERIES_FROM_FILES_MAX = 120, TEXT_MAX = 16384 };

static const char *const trees[] = { "tests/fixtures/debian-6.1", "tests/fixtures/debian-6.12" };

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

static bool has_word(const char *list, const char *word)
{
	cleanup_free char *copy = xasprintf(" %s ", list);
	cleanup_free char *wanted = xasprintf(" %s ", word);

	return strstr(copy, wanted) != NULL;
}

/*
 * How often a number stands in a file where a plain row looks for it; the last one goes to *ret_value.
 * Whole lines through sscanf and strtok: slow, and nothing of the engine.
 */
static unsigned count_numbers(const char *path, const struct metric *metric, uint64_t *ret_value)
{
	cleanup_file FILE *file = fopen(path, "re");
	char text[TEXT_MAX];
	unsigned n = 0;

	while (file && fgets(text, sizeof(text), file)) {
		char *rest = NULL, *word = strtok_r(text, " \n", &rest), *value;
		const char *line = metric->from.line, *key = metric->from.key;

		if (!word)
			continue;
		if (!key) {
			n += sscanf(word, "%" SCNu64, ret_value) == 1;
			continue;
		}
		if (!line) {
			value = strtok_r(NULL, " \n", &rest);
			if (value && has_word(key, word))
				n += sscanf(value, "%" SCNu64, ret_value) == 1;
			continue;
		}
		if (!streq(line, "*") && !has_word(line, word))
			continue;
		while ((value = strtok_r(NULL, " \n", &rest))) {
			char *equals = strchr(value, '=');

			*equals = '\0';
			if (has_word(key, value))
				n += sscanf(equals + 1, "%" SCNu64, ret_value) == 1;
		}
	}
	return n;
}

/* Rows that are read as they stand, and whose keys are words. */
static bool is_simple(const struct metric *metric)
{
	int rule = metric->from.rule;

	return metric->from.file && !strpbrk(metric->from.file, "*/") &&
	       (rule == ROWS_PLAIN || rule == ROWS_TOTAL || rule == ROWS_OPERATION) &&
	       (!metric->from.key || !strpbrk(metric->from.key, "*#"));
}

/* The file that tells of a workload: crun's containers have theirs one group further down. */
static char *file_of(const char *tree, const struct workload *workload, const char *file)
{
	char *inner = xasprintf("%s/cgroup%s/container/%s", tree, workload->path, file);
	cleanup_free char *folder = xasprintf("%s/cgroup%s/container", tree, workload->path);

	if (access(folder, F_OK) == 0)
		return inner;
	free(inner);
	return xasprintf("%s/cgroup%s/%s", tree, workload->path, file);
}

static void compare_family(const char *tree, const struct snapshot *snapshot,
			   const struct family *family)
{
	for (uint32_t i = 0; i < snapshot->n_workloads; i++) {
		const struct workload *workload = &snapshot->workloads[i];
		cleanup_free char *path = file_of(tree, workload, family->metric->from.file);
		uint64_t value = 0, got = 0;
		unsigned expected, n = 0;

		if (workload->inside)
			continue;
		expected = count_numbers(path, family->metric, &value);
		for_each_sample(sample, family) {
			if (sample->workload != workload)
				continue;
			got = sample->integer;
			n++;
		}
		if (n != expected || got != value)
			fail_msg("%s of %s: %u samples, the last %" PRIu64
				 "; the file has %u, the last %" PRIu64,
				 family->metric->name, path, n, got, expected, value);
	}
}

/* Every row, the optional ones too. */
static void all_values(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(trees); t++) {
		struct scene scene = { .options = options_for_tree(trees[t]) };
		char *names[1024];
		size_t compared = 0;

		scene.options.metrics_enable.items = names;
		for (size_t i = 0; i < n_sources; i++)
			for (size_t m = 0; m < sources[i]->n_metrics; m++)
				if (sources[i]->metrics[m].optional)
					names[scene.options.metrics_enable.n++] =
						(char *)sources[i]->metrics[m].name;
		scene_collect(&scene);
		for (size_t i = 0; i < scene.snapshot->n_families; i++) {
			const struct family *family = &scene.snapshot->families[i];

			if (family->left_out || family->metric->scope != SCOPE_WORKLOAD ||
			    !is_simple(family->metric))
				continue;
			compare_family(trees[t], scene.snapshot, family);
			compared += family->n_samples > 0;
		}
		print_message("%s: %zu families equal the files\n", trees[t], compared);
		assert_true(compared > 80);
		expect_sample(&scene, "container_memory_numa_bytes", "/kubepods.slice",
			      "type=anon,node=0", t ? 110592 : 106496);
		expect_sample(&scene, "container_hugetlb_numa_bytes", "/kubepods.slice",
			      "pagesize=2MB,node=0", 0);
		scene_end(&scene);
	}
}

/* Of one workload, in text, by default: from files, every source that is on included. */
static size_t count_series(const struct snapshot *snapshot, const struct workload *workload)
{
	size_t n = 0, families = 0;

	for (size_t i = 0; i < n_sources; i++) {
		for (size_t m = 0; m < sources[i]->n_metrics; m++) {
			const struct family *family = &snapshot->families[families++];

			if (family->left_out || family->metric->only_in_api || sources[i]->optional)
				continue;
			for_each_sample(sample, family)
				n += sample->workload == workload;
		}
	}
	return n;
}

static void series_budget(void **state)
{
	struct scene scene = { .options = options_for_tree("tests/fixtures/debian-6.12") };
	size_t most = 0;

	(void)state;
	scene_collect(&scene);
	for (uint32_t i = 0; i < scene.snapshot->n_workloads; i++) {
		const struct workload *workload = &scene.snapshot->workloads[i];
		size_t n = count_series(scene.snapshot, workload);

		print_message("%3zu series: %s\n", n, workload->path);
		most = n > most ? n : most;
	}
	assert_in_range(most, 60, SERIES_FROM_FILES_MAX);
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(all_values),
		cmocka_unit_test(series_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
