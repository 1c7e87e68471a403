/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/events.h"

#include "tests/support.h"

static void keeps_what_it_is_given(void **state)
{
	struct events *events = events_new();
	char name[] = "web";
	struct event event = { .type = EVENT_GONE, .time_ms = 7, .name = name, .count = 3 };

	(void)state;
	assert_true(events_last(events) < events_first(events));
	assert_null(events_find(events, 0));
	assert_null(events_find(events, 1));
	assert_int_equal(events_add(events, &event), 1);
	name[0] = 'x'; /* a copy is kept */
	const struct event *kept = events_find(events, 1);
	assert_non_null(kept);
	assert_string_equal(kept->name, "web");
	assert_string_equal(kept->pod, "");
	assert_string_equal(kept->runtime, "");
	assert_int_equal(kept->count, 3);
	assert_int_equal(kept->time_ms, 7);
	assert_null(events_find(events, 2));
	assert_null(events_find(events, 1 + EVENTS_MAX));
	events_free(events);
	events_free(NULL);
}

static void drops_the_oldest(void **state)
{
	struct events *events = events_new();

	(void)state;
	for (uint64_t i = 1; i <= EVENTS_MAX + 10; i++) {
		cleanup_free char *path = xasprintf("/%ju", (uintmax_t)i);
		const struct event event = { .path = path };

		assert_int_equal(events_add(events, &event), i);
	}
	assert_int_equal(events_first(events), 11);
	assert_int_equal(events_last(events), EVENTS_MAX + 10);
	assert_null(events_find(events, 10));
	assert_string_equal(events_find(events, 11)->path, "/11");
	assert_string_equal(events_find(events, EVENTS_MAX + 10)->path, "/4106");
	events_free(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_it_is_given),
		cmocka_unit_test(drops_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
