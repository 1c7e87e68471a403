/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/oom_limits.h"

#include "tests/support.h"

enum { CONTAINER = 30, POD = 20, ROOT = 1 };

static const uint64_t MS = 1000000;

static struct wire_victim victim(uint64_t time_ns, uint64_t container, uint64_t pod)
{
	return (struct wire_victim){
		.event = { .type = WIRE_VICTIM, .time_ns = time_ns, .id = CONTAINER },
		.levels = { { CONTAINER, container }, { POD, pod }, { ROOT, 0 } },
	};
}

static void judge(struct oom_limits *limits, const struct wire_victim *told,
		  enum limit_scope expected, uint64_t expected_id)
{
	uint64_t id = 0;

	assert_int_equal(oom_limits_judge(limits, told, &id), expected);
	assert_int_equal(id, expected_id);
}

static void test_who_has_risen(void **state)
{
	struct oom_limits *limits = oom_limits_new();
	struct wire_victim told;

	(void)state;
	oom_limits_note(limits, POD, 4); /* before us */
	told = victim(1000 * MS, 1, 4);
	judge(limits, &told, LIMIT_CGROUP, CONTAINER);
	told = victim(2000 * MS, 1, 5);
	judge(limits, &told, LIMIT_CGROUP, POD);
	told = victim(3000 * MS, 1, 5);
	judge(limits, &told, LIMIT_MACHINE, 0);
	told = victim(4000 * MS, 2, 6);
	judge(limits, &told, LIMIT_UNKNOWN, 0);
	oom_limits_free(limits);
}

/* memory.oom.group: one time out of memory, several victims. */
static void test_several_at_once(void **state)
{
	struct oom_limits *limits = oom_limits_new();
	struct wire_victim told = victim(1000 * MS, 0, 1);

	(void)state;
	judge(limits, &told, LIMIT_CGROUP, POD);
	told = victim(1001 * MS, 0, 1);
	judge(limits, &told, LIMIT_CGROUP, POD);
	told = victim(2000 * MS, 0, 1);
	judge(limits, &told, LIMIT_MACHINE, 0);
	oom_limits_free(limits);
}

/* Ids may come back on fixtures; what is not known at all is not guessed. */
static void test_forgotten_and_unknown(void **state)
{
	struct oom_limits *limits = oom_limits_new();
	struct wire_victim told = victim(1000 * MS, 3, 0);

	(void)state;
	judge(limits, &told, LIMIT_CGROUP, CONTAINER);
	oom_limits_forget(limits, CONTAINER);
	told = victim(2000 * MS, 1, 0);
	judge(limits, &told, LIMIT_CGROUP, CONTAINER);
	told = (struct wire_victim){ 0 };
	judge(limits, &told, LIMIT_UNKNOWN, 0);
	oom_limits_free(limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_has_risen),
		cmocka_unit_test(test_several_at_once),
		cmocka_unit_test(test_forgotten_and_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
