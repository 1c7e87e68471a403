/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls have series of their own: whatever happens, no series falls and their sum is all calls. */
#include "collector/probes/syscalls_shown.h"
#include "tests/support.h"

enum { ID = 7 };

struct told {
	uint64_t own[WIRE_CALL_WAITS];
	bool has_own[WIRE_CALL_WAITS];
	uint64_t other;
	unsigned n;
};

static struct told tell(struct shown_calls *all, const struct call_sums sums[])
{
	uint16_t made[WIRE_CALL_WAITS];
	unsigned n_made = 0;

	for (unsigned key = WIRE_CALL_WAITS; key-- > 0;)
		if (sums[key].calls)
			made[n_made++] = (uint16_t)key;

	const struct shown *shown = shown_calls_update(all, ID, sums, made, n_made);
	struct told told = { .n = shown->n };

	for (unsigned key = 0; key < WIRE_CALL_WAITS; key++)
		told.other += sums[key].calls;
	for (unsigned i = 0; i < shown->n; i++) {
		const struct shown_call *call = &shown->calls[i];

		assert_false(told.has_own[call->key]);
		told.has_own[call->key] = true;
		told.own[call->key] = sums[call->key].calls - call->before.calls;
		told.other -= told.own[call->key];
	}
	return told;
}

static void few_are_all_shown(void **state)
{
	struct shown_calls *all = shown_calls_new(SHOWN_MAX);
	struct call_sums sums[WIRE_CALL_WAITS] = { 0 };

	(void)state;
	for (unsigned key = 100; key < 120; key++)
		sums[key].calls = key;
	struct told told = tell(all, sums);
	assert_int_equal(told.n, 20);
	assert_int_equal(told.other, 0);
	assert_int_equal(told.own[100], 100);
	shown_calls_free(all);
	shown_calls_free(NULL);
}

/* The dearest are shown beside the most frequent. */
static void time_counts_too(void **state)
{
	struct shown_calls *all = shown_calls_new(SHOWN_MAX);
	struct call_sums sums[WIRE_CALL_WAITS] = { 0 };

	(void)state;
	for (unsigned key = 0; key < 60; key++)
		sums[key] = (struct call_sums){ .calls = 1000 - key, .ns = key, .timed = true };
	struct told told = tell(all, sums);
	assert_int_equal(told.n, 20);
	for (unsigned key = 0; key < 10; key++)
		assert_true(told.has_own[key] && told.has_own[59 - key]);
	assert_false(told.has_own[20]);
	shown_calls_free(all);
}

/* A call that was a part of "other" begins at 0, and leaves there what it had. */
static void nothing_falls_when_the_busiest_change(void **state)
{
	struct shown_calls *all = shown_calls_new(SHOWN_MAX);
	struct call_sums sums[WIRE_CALL_WAITS] = { 0 };
	struct told before = { 0 };

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 30; i++) {
			unsigned key = (round * 7 + i) % 300;

			sums[key].calls += (i + 1) * (round + 1) * 10;
			sums[key].ns += (uint64_t)(30 - i) * (round + 1) * 1000;
		}
		struct told told = tell(all, sums);
		assert_in_range(told.n, 20, SHOWN_MAX);
		assert_true(told.other >= before.other);
		for (unsigned key = 0; key < WIRE_CALL_WAITS; key++) {
			assert_true(told.has_own[key] || !before.has_own[key]);
			assert_true(told.own[key] >= before.own[key]);
		}
		before = told;
	}
	assert_int_equal(before.n, SHOWN_MAX);
	shown_calls_free(all);
}

/* What is new and busy at once has never been a part of "other": it has all its calls. */
static void new_calls_are_whole(void **state)
{
	struct shown_calls *all = shown_calls_new(SHOWN_MAX);
	struct call_sums sums[WIRE_CALL_WAITS] = { 0 };

	(void)state;
	for (unsigned key = 0; key < 30; key++)
		sums[key].calls = 10 + key;
	(void)tell(all, sums);
	sums[200].calls = 1000;
	sums[10].calls = 2000;
	struct told told = tell(all, sums);
	assert_int_equal(told.own[200], 1000);
	/* It was among the others: they keep what it had by now. */
	assert_true(told.has_own[10]);
	assert_int_equal(told.own[10], 0);
	shown_calls_free(all);
}

/* With few places the dearest has one beside the most frequent, and later ones fill what was left. */
static void places_are_kept_for_later(void **state)
{
	struct shown_calls *all = shown_calls_new(4);
	struct call_sums sums[WIRE_CALL_WAITS] = { 0 };

	(void)state;
	for (unsigned key = 0; key < 60; key++)
		sums[key] = (struct call_sums){ .calls = 1000 - key, .ns = key, .timed = true };
	struct told told = tell(all, sums);
	assert_int_equal(told.n, 2);
	assert_true(told.has_own[0] && told.has_own[59]);
	for (unsigned key = 30; key < 40; key++) {
		sums[key].calls += 1000 * key;
		told = tell(all, sums);
	}
	assert_int_equal(told.n, 4);
	assert_true(told.has_own[0] && told.has_own[59]);
	shown_calls_free(all);

	all = shown_calls_new(0);
	told = tell(all, sums);
	assert_int_equal(told.n, 0);
	shown_calls_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_are_all_shown),
		cmocka_unit_test(time_counts_too),
		cmocka_unit_test(nothing_falls_when_the_busiest_change),
		cmocka_unit_test(new_calls_are_whole),
		cmocka_unit_test(places_are_kept_for_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
