/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of cgroups against the files of real ones on this kernel: counters lie between two readings of the
 * file, what stands still is the same, nothing falls however often the reader changes, and a file that says
 * something else ends it.
 */
#include <sys/mount.h>
#include <sys/resource.h>

#include "collector/log.h"
#include "tests/nest_support.h"

enum { ROUNDS = 100, FLIPS = 1000, RELOAD_EVERY = 51, WORK_US = 200000 };

static const char usage[] = "container_cpu_usage_seconds_total";

/* What is compared: all of records that this kernel has without controllers. */
static const struct compared {
	const char *metric, *labels, *file, *line, *key;
	bool counter, divided;
} all_compared[] = {
	{ usage, "cpu=total", "cpu.stat", "", "usage_usec ", true, false },
	{ "container_cpu_user_seconds_total", "", "cpu.stat", "", "user_usec ", true, true },
	{ "container_cpu_system_seconds_total", "", "cpu.stat", "", "system_usec ", true, true },
	{ "container_pressure_cpu_waiting_seconds_total", "", "cpu.pressure", "some",
	  "total=", true, false },
	{ "container_pressure_cpu_stalled_seconds_total", "", "cpu.pressure", "full",
	  "total=", true, false },
	{ "container_pressure_memory_waiting_seconds_total", "", "memory.pressure", "some",
	  "total=", true, false },
	{ "container_pressure_io_stalled_seconds_total", "", "io.pressure", "full", "total=", true,
	  false },
	{ "container_cgroup_populated", "", "cgroup.events", "", "populated ", false, false },
	{ "container_cgroup_frozen", "", "cgroup.events", "", "frozen ", false, false },
	{ "container_cgroup_descendants", "", "cgroup.stat", "", "nr_descendants ", false, false },
};

enum { COMPARED = ARRAY_SIZE(all_compared) };

static void read_files(const struct nest *nest, uint64_t values[LEVELS][COMPARED])
{
	for (int level = 0; level < LEVELS; level++)
		for (size_t i = 0; i < COMPARED; i++)
			values[level][i] = number_of(nest->directories[level], all_compared[i].file,
						     all_compared[i].line, all_compared[i].key);
}

static uint64_t sample_of(const struct nest *nest, int level, size_t i)
{
	const struct sample *sample = scene_sample(&nest->scene, all_compared[i].metric,
						   nest->paths[level], all_compared[i].labels);

	if (!sample)
		fail_msg("%s of %s is absent", all_compared[i].metric, nest->paths[level]);
	return sample->integer;
}

static void counters_lie_between(void **state)
{
	struct nest *nest = nest_new("records");
	uint64_t before[LEVELS][COMPARED], after[LEVELS][COMPARED];

	(void)state;
	burn(nest, 0);
	begin(nest);
	for (int round = 0; round < ROUNDS; round++) {
		/* Without averages there is more that a record stands for. */
		nest->scene.detail = round % 2 ? DETAIL_TEXT : DETAIL_ALL;
		read_files(nest, before);
		scene_collect(&nest->scene);
		read_files(nest, after);
		assert_int_equal(with_records(nest), LEVELS);
		for (int level = 0; level < LEVELS; level++)
			for (size_t i = 0; i < COMPARED; i++) {
				uint64_t value = sample_of(nest, level, i);

				if (value < before[level][i] ||
				    (value > after[level][i] && !all_compared[i].divided))
					fail_msg("%s of %s is %" PRIu64 ", was %" PRIu64
						 ", then %" PRIu64,
						 all_compared[i].metric, nest->paths[level], value,
						 before[level][i], after[level][i]);
			}
	}
	assert_true(after[0][0] > 0);
	assert_true(self(&nest->scene, "tallyman_cgroup_records_compared_total") > 0);
	assert_int_equal(self(&nest->scene, "tallyman_cgroup_records_wrong_total"), 0);
	nest_free(nest);
}

static void freeze(const struct nest *nest)
{
	write_to(nest->directories[0], "cgroup.freeze", "1");
	for (int i = 0; i < 1000; i++) {
		if (number_of(nest->directories[0], "cgroup.events", "", "frozen "))
			return;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	fail_msg("the groups do not freeze");
}

static void what_stands_still_is_equal(void **state)
{
	struct nest *nest = nest_new("records-still");
	uint64_t before[LEVELS][COMPARED];

	(void)state;
	burn(nest, 0);
	while (number_of(nest->directories[0], "cpu.stat", "", "usage_usec ") < WORK_US)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	freeze(nest);
	begin(nest);
	read_files(nest, before);
	scene_collect(&nest->scene);
	assert_int_equal(with_records(nest), LEVELS);
	for (int level = 0; level < LEVELS; level++) {
		for (size_t i = 0; i < COMPARED; i++)
			if (sample_of(nest, level, i) != before[level][i])
				fail_msg("%s of %s is %" PRIu64 ", not %" PRIu64,
					 all_compared[i].metric, nest->paths[level],
					 sample_of(nest, level, i), before[level][i]);
		assert_true(before[level][0] >= WORK_US);
	}
	nest_free(nest);
}

/*
 * Of groups without processes the record says so, and also of one that is threaded, whose file refuses to say; the
 * file of what comes into them later is read.
 */
static void nobody_is_in_it(void **state)
{
	static const char processes[] = "container_processes";
	struct nest *nest = nest_new("records-empty");
	const struct group *last = NULL;

	(void)state;
	begin(nest);
	write_to(nest->directories[LEVELS - 1], "cgroup.type", "threaded");
	scene_collect(&nest->scene);
	for_each_group(group, collector_hierarchy(nest->scene.collector))
		if (streq(group->path, nest->paths[LEVELS - 1]))
			last = group;
	assert_non_null(last);
	assert_false(last->threaded); /* which is what reading its file would have told */
	for (int level = 0; level < LEVELS - 1; level++)
		expect_sample(&nest->scene, processes, nest->paths[level], "", 0);
	assert_null(scene_sample(&nest->scene, processes, nest->paths[LEVELS - 1], ""));
	pid_t pid = fork();
	if (pid == 0) {
		write_to(nest->directories[0], "cgroup.procs", "0");
		pause();
	}
	while (!number_of(nest->directories[0], "cgroup.events", "", "populated "))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	scene_collect(&nest->scene);
	expect_sample(&nest->scene, processes, nest->paths[0], "", 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	nest_free(nest);
}

/* What is read meanwhile is read by files, as far as these are open. */
static void want_of_descriptors_passes(void **state)
{
	struct nest *nest = nest_new("records-want");
	struct rlimit before, none;

	(void)state;
	begin(nest);
	assert_int_equal(with_records(nest), LEVELS);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	scene_collect(&nest->scene);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(with_records(nest), 0);
	assert_string_equal(nest->scene.snapshot->files_reason, strerror(EMFILE));
	scene_collect(&nest->scene);
	assert_true(by_records(&nest->scene));
	assert_null(nest->scene.snapshot->files_reason);
	assert_int_equal(with_records(nest), LEVELS);
	nest_free(nest);
}

struct least {
	uint64_t values[LEVELS][COMPARED];
	unsigned by_records, by_files;
};

static void expect_no_fall(const struct nest *nest, struct least *least)
{
	for (int level = 0; level < LEVELS; level++)
		for (size_t i = 0; i < COMPARED; i++) {
			uint64_t value = sample_of(nest, level, i);

			if (all_compared[i].counter && value < least->values[level][i])
				fail_msg("%s of %s fell from %" PRIu64 " to %" PRIu64,
					 all_compared[i].metric, nest->paths[level],
					 least->values[level][i], value);
			least->values[level][i] = value;
		}
	least->by_records += by_records(&nest->scene);
	least->by_files += !by_records(&nest->scene);
}

/* As a reload does: another collector, which inherits. */
static void reload(struct nest *nest)
{
	struct collector *predecessor = nest->scene.collector;

	snapshot_unref(nest->scene.snapshot);
	nest->scene.snapshot = NULL;
	assert_int_equal(
		collector_new(&nest->scene.options, &nest->scene.counters, &nest->scene.collector),
		0);
	collector_inherit(nest->scene.collector, predecessor);
	collector_free(predecessor);
}

static void nothing_falls_when_the_reader_changes(void **state)
{
	struct nest *nest = nest_new("records-flip");
	struct least least = { 0 };

	(void)state;
	burn(nest, 0);
	begin(nest);
	for (int flip = 0; flip < FLIPS; flip++) {
		nest->scene.options.cgroups_fast_path = flip % 2 ? FAST_PATH_AUTO : FAST_PATH_OFF;
		nest->scene.detail = flip % 4 / 2 ? DETAIL_TEXT : DETAIL_ALL;
		if (flip % RELOAD_EVERY == 0)
			reload(nest);
		collector_start_probes(nest->scene.collector);
		scene_collect(&nest->scene);
		expect_no_fall(nest, &least);
	}
	assert_int_equal(least.by_records, FLIPS / 2);
	assert_int_equal(least.by_files, FLIPS / 2);
	nest_free(nest);
}

/*
 * In a mount namespace of our own, where one of the files is another; and with the outermost group as the root
 * of all, so that the ones within are the only ones of their depth.
 */
static void expect_end(const struct nest *nest, const char *path)
{
	cleanup_free char *target = xasprintf("%s/cpu.stat", nest->directories[1]);
	struct scene scene = { .options = nest->scene.options };

	scene.options.path_cgroupfs = nest->directories[0];
	scene.options.cgroups_include_id = (struct string_list){ 0 };
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount(path, target, NULL, MS_BIND, NULL), 0);
	scene_collect(&scene);
	assert_int_equal(self(&scene, "tallyman_cgroup_records_wrong_total"), 0);
	collector_start_probes(scene.collector);
	for (int i = 0; i < 3; i++) {
		scene_collect(&scene);
		assert_false(by_records(&scene));
		assert_true(self(&scene, "tallyman_cgroup_records_wrong_total") > 0);
		expect_sample(&scene, usage, "/in", "cpu=total", 77000000);
	}
	collector_start_probes(scene.collector); /* it is for good */
	scene_collect(&scene);
	assert_false(by_records(&scene));
	scene_close(&scene);
}

static void another_number_ends_it(void **state)
{
	struct nest *nest = nest_new("records-wrong");
	char path[] = "/tmp/tallyman-records-XXXXXX";
	cleanup_close int fd = mkstemp(path);
	static const char text[] = "usage_usec 77000000\nuser_usec 70000000\nsystem_usec 7000000\n"
				   "nice_usec 0\n";
	int status = 0;

	(void)state;
	burn(nest, BURNERS - 1);
	begin(nest);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	pid_t pid = fork();
	if (pid == 0) {
		expect_end(nest, path);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(path);
	nest_free(nest);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_lie_between),
		cmocka_unit_test(what_stands_still_is_equal),
		cmocka_unit_test(nothing_falls_when_the_reader_changes),
		cmocka_unit_test(nobody_is_in_it),
		cmocka_unit_test(want_of_descriptors_passes),
		cmocka_unit_test(another_number_ends_it),
	};

	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
