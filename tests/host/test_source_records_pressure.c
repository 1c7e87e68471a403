/* SPDX-License-Identifier: Apache-2.0 */
/* Pressure in records: as reading the file would make it, and none where the file is hidden. */
#include "collector/log.h"
#include "tests/nest_support.h"

enum { FOLDINGS = 20 };

static void signal_all(const struct nest *nest, int number)
{
	for (int i = 0; i < BURNERS; i++)
		assert_int_equal(kill(nest->pids[i], number), 0);
}

/* So long that the kernel folds some of it by itself, and some not. */
static void compete(const struct nest *nest, uint64_t milliseconds)
{
	signal_all(nest, SIGCONT);
	nanosleep(&(struct timespec){ .tv_nsec = (long)milliseconds * 1000000 }, NULL);
	signal_all(nest, SIGSTOP);
	/* Until none of them is on a CPU any more. */
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

/* Reading the file folds: so the record comes first, and what it says is what the file says then. */
static void stalls_are_folded(void **state)
{
	struct nest *nest = nest_new("records-stalls");
	static const char some[] = "container_pressure_cpu_waiting_seconds_total";
	cpu_set_t one;
	uint64_t before = 0;

	(void)state;
	burn(nest, 0);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	for (int i = 0; i < BURNERS; i++)
		assert_int_equal(sched_setaffinity(nest->pids[i], sizeof(one), &one), 0);
	begin(nest);
	nest->scene.detail = DETAIL_TEXT;
	for (int round = 0; round < FOLDINGS; round++) {
		compete(nest, 100);
		scene_collect(&nest->scene);
		for (int level = 0; level < LEVELS; level++) {
			const struct sample *told =
				scene_sample(&nest->scene, some, nest->paths[level], "");
			uint64_t after = number_of(nest->directories[level], "cpu.pressure", "some",
						   "total=");

			assert_non_null(told);
			assert_int_equal(told->integer, after);
			if (level == 0)
				assert_true(after > before);
			if (level == 0)
				before = after;
		}
	}
	nest_free(nest);
}

/* What other groups have is not taken for what one has whose pressure is hidden: it has none, until it is shown again. */
static void pressure_is_hidden(void **state)
{
	static const char waiting[] = "container_pressure_io_waiting_seconds_total";
	struct nest *nest = nest_new("records-hidden");

	(void)state;
	begin(nest);
	assert_non_null(scene_sample(&nest->scene, waiting, nest->paths[1], ""));
	for (int hidden = 1; hidden >= 0; hidden--) {
		write_to(nest->directories[1], "cgroup.pressure", hidden ? "0" : "1");
		for_each_group(group, collector_hierarchy(nest->scene.collector))
			memset(group->absent, 0, sizeof(group->absent)); /* as after a while */
		scene_collect(&nest->scene);
		assert_int_equal(with_records(nest), LEVELS);
		for (int level = 0; level < LEVELS; level++)
			if (!scene_sample(&nest->scene, waiting, nest->paths[level], "") !=
			    (hidden && level == 1))
				fail_msg("pressure of %s, hidden %d", nest->paths[level], hidden);
	}
	assert_int_equal(self(&nest->scene, "tallyman_cgroup_records_wrong_total"), 0);
	nest_free(nest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stalls_are_folded),
		cmocka_unit_test(pressure_is_hidden),
	};

	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
