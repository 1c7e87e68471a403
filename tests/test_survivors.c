/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that outlive cgroups, over passes as lifecycle.c would make them. */
#include "tests/survivors_support.h"

/* What was there before us is no news. */
static void starts_at_zero(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 7, C(10, "web", 5));
	expect(w, "web", 0, 0);
	expect(w, "/", 0, 0);
	expect(w, "/s", 0, 0);
	PASS(w, 15, 7, C(10, "web", 5));
	PASS(w, 15, 7, C(10, "web", 5));
	expect(w, "web", 0, 0);
	expect(w, "/", 0, 0);
	assert_int_equal(events_last(w->events), 0);
}

static void counts_the_living(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, C(10, "web", 0));
	PASS(w, 15, 2, C(10, "web", 2));
	expect(w, "web", 2, 0);
	expect(w, "/s", 0, 0); /* a sum over all rows counts none twice */
	expect(w, "/", 0, 0);
	assert_int_equal(count_events(w, EVENT_OOM_KILL), 1);
}

/* A pass in which nobody was killed need not read the numbers again; what it would need was never read. */
static void recalls_what_it_was_told(void **state)
{
	struct world *w = *state;
	struct sighting slice = { .id = SLICE }, whole = { .id = 10, .whole = true },
			part = { .id = 10 }, fresh = { .id = 11, .whole = true };

	PASS(w, 0, 0, C(10, "web", 0));
	PASS(w, 15, 2, C(10, "web", 2));
	assert_true(survivors_recall(w->survivors, &whole));
	assert_int_equal(whole.kills, 2);
	assert_true(survivors_recall(w->survivors, &slice));
	assert_true(slice.has_own);
	assert_int_equal(slice.kills, 2);
	assert_int_equal(slice.own, 0);
	assert_false(survivors_recall(w->survivors, &part));
	assert_false(survivors_recall(w->survivors, &fresh));
	struct sighting again = container(10, "web", 0);
	assert_true(survivors_recall(w->survivors, &again));
	PASS(w, 15, 2, again, );
	PASS(w, 15, 3, C(10, "web", 3));
	expect(w, "web", 3, 0);
}

/* A cgroup that turns out to be a container a pass later has a start, and so has its next run. */
static void tells_of_a_start_when_it_is_known(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, );
	for (uint64_t id = 10; id < 12; id++) {
		struct sighting plain = container(id, "", 0);

		plain.key.kind = KIND_OTHER;
		plain.key.name = "/s/c";
		plain.restarts = false;
		PASS(w, 15, 0, plain, );
		assert_int_equal(count_events(w, EVENT_STARTED), id == 10 ? 0 : 1);
		PASS(w, 15, 0, C(id, "job", 0));
		assert_int_equal(count_events(w, EVENT_STARTED), 1);
		assert_int_equal(count_events(w, EVENT_RESTARTED), id - 10);
		expect(w, "job", 0, id - 10);
		PASS(w, 15, 0, );
	}
	assert_int_equal(count_events(w, EVENT_GONE), 2);
}

/* Killed and started anew between two passes: exactly one kill, exactly one restart. */
static void finds_a_kill_in_the_parent(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, C(10, "web", 0) C(11, "db", 0));
	PASS(w, 15, 1, C(12, "web", 0) C(11, "db", 0));
	expect(w, "web", 1, 1);
	expect(w, "db", 0, 0);
	for (int i = 0; i < 5; i++)
		PASS(w, 15, 1, C(12, "web", 0) C(11, "db", 0));
	expect(w, "web", 1, 1);
	assert_int_equal(survivors_unattributed(w->survivors), 0);
	assert_int_equal(count_events(w, EVENT_GONE), 1);
	assert_int_equal(count_events(w, EVENT_RESTARTED), 1);
}

/* Seen with its kill, then gone: it is in both numbers, and counted once. */
static void counts_once_what_it_saw_before(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, C(10, "web", 0));
	PASS(w, 15, 1, C(10, "web", 1));
	PASS(w, 15, 1, );
	PASS(w, 15, 1, C(12, "web", 0));
	expect(w, "web", 1, 1);
	expect(w, "/s", 0, 0);
}

/* Runs that came and went between two passes: their kills are the parent's, their number the runtime's. */
static void counts_runs_that_nobody_saw(void **state)
{
	struct world *w = *state;
	struct sighting first = container(10, "web", 0), fourth = container(13, "web", 0);

	first.attempt = 2;
	fourth.attempt = 5;
	PASS(w, 0, 0, first, );
	PASS(w, 15, 3, fourth, );
	expect(w, "web", 3, 3);
}

/* The parent was read, then the container was killed and went before it was read itself. */
static void waits_for_what_vanishes_while_it_is_read(void **state)
{
	struct world *w = *state;
	struct sighting unreadable = container(10, "web", 0);

	unreadable.has_kills = false;
	PASS(w, 0, 0, C(10, "web", 0));
	PASS(w, 15, 1, unreadable, );
	expect(w, "/s", 0, 0);
	PASS(w, 1, 1, );
	expect(w, "web", 1, 0);
	expect(w, "/s", 0, 0);
	assert_int_equal(survivors_unattributed(w->survivors), 0);
}

/* A child read later than its parent may be ahead of it: no harm. */
static void bears_a_child_ahead_of_its_parent(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, C(10, "web", 0) C(11, "db", 0));
	PASS(w, 15, 0, C(10, "web", 1));
	PASS(w, 15, 1, C(10, "web", 1));
	PASS(w, 15, 1, C(10, "web", 1));
	expect(w, "web", 1, 0);
	assert_null(find(w, "db"));
	expect(w, "/s", 0, 0);
}

static void asks_the_runtime_who_was_killed(void **state)
{
	struct world *w = *state;

	w->state_error = 0;
	w->killed = "b";
	PASS(w, 0, 0, C(10, "a", 0) C(11, "b", 0) C(12, "c", 0));
	PASS(w, 15, 1, );
	expect(w, "b", 1, 0);
	assert_null(find(w, "a"));
	expect(w, "/s", 0, 0);
}

/* Nobody can tell: the parent's row has it after a while, and it is counted as such. */
static void leaves_to_the_parent_what_nobody_can_tell(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, C(10, "a", 0) C(11, "b", 0));
	PASS(w, 15, 1, );
	expect(w, "/s", 0, 0);
	PASS(w, 4, 1, );
	expect(w, "/s", 1, 0);
	assert_int_equal(survivors_unattributed(w->survivors), 1);
	PASS(w, 15, 1, C(12, "a", 0) C(13, "b", 0));
	expect(w, "a", 0, 1);
	expect(w, "b", 0, 1);
}

/* One that ended well is not suspected of what comes later. */
static void acquits_who_went_before(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, C(10, "a", 0) C(11, "b", 0));
	PASS(w, 1, 0, C(11, "b", 0));
	PASS(w, 1, 1, );
	expect(w, "b", 1, 0);
	assert_null(find(w, "a"));
}

static void tells_own_kills_of_inner_groups(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, C(10, "a", 0));
	begin(w, 15);
	see_slices(w, 2, 2);
	see(w, container(10, "a", 0));
	end(w);
	expect(w, "/s", 2, 0);
	expect(w, "a", 0, 0);
	assert_int_equal(survivors_unattributed(w->survivors), 0);
}

static struct sighting in_pod(uint64_t id, const char *name, uint64_t kills)
{
	struct sighting s = container(id, "", kills);

	s.parent = POD;
	s.key.namespace = "shop";
	s.key.pod = "web-1";
	s.key.container = name;
	s.container_id = name;
	return s;
}

static struct sighting pod(uint64_t kills, uint64_t own)
{
	struct sighting s = container(POD, "", kills);

	s.key = (struct survivor_key){ KIND_POD, "", "shop", "web-1", "" };
	s.restarts = s.whole = false;
	s.has_own = true;
	s.own = own;
	s.container_id = "";
	return s;
}

/* A whole pod at once: the slice's number is followed down to the container. */
static void follows_a_pod_that_is_gone(void **state)
{
	struct world *w = *state;
	struct sighting pause = in_pod(21, "", 0);

	pause.key = (struct survivor_key){ KIND_POD, "", "shop", "web-1", "" };
	pause.helper = true;
	pause.restarts = false;
	PASS(w, 0, 0, pod(0, 0), in_pod(20, "api", 0), pause, );
	PASS(w, 15, 1, );
	expect(w, "api", 1, 0);
	assert_int_equal(survivors_unattributed(w->survivors), 0);
	PASS(w, 15, 1, pod(0, 0), );
	expect(w, "api", 1, 0);
}

/* Names come late: nothing is counted under an id that will never be seen again. */
static void waits_for_names(void **state)
{
	struct world *w = *state;
	struct sighting early = container(12, "0123abcd", 1);

	PASS(w, 0, 0, C(10, "web", 0));
	PASS(w, 1, 0, );
	early.known = false;
	PASS(w, 1, 1, early, );
	assert_null(find(w, "0123abcd"));
	PASS(w, 1, 1, C(12, "web", 1));
	expect(w, "web", 1, 1);
	/* One that has no name after a while is called as it is. */
	early = container(13, "4567abcd", 0);
	early.known = false;
	PASS(w, 1, 1, C(12, "web", 1) early, );
	assert_null(find(w, "4567abcd"));
	PASS(w, 11, 1, C(12, "web", 1) early, );
	expect(w, "4567abcd", 0, 0);
}

/* Gone before its name was known; the runtime's file still has it. */
static void learns_a_name_from_the_end(void **state)
{
	struct world *w = *state;
	struct sighting early = container(12, "0123abcd", 0);

	PASS(w, 0, 0, );
	early.known = false;
	PASS(w, 1, 0, early, );
	w->state_error = 0;
	w->state = (struct last_state){ .has_exit_code = true, .exit_code = 137 };
	w->state.name = (char *)"job";
	PASS(w, 1, 1, );
	expect(w, "job", 1, 0);
	assert_true(find(w, "job")->has_exit_code);
	assert_int_equal(find(w, "job")->exit_code, 137);
	PASS(w, 20, 1, );
	expect(w, "job", 1, 0);
}

static void tells_exit_codes(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, C(10, "web", 0));
	assert_false(find(w, "web")->has_exit_code);
	PASS(w, 1, 1, ); /* the runtime has not written it yet */
	expect(w, "web", 1, 0);
	assert_false(find(w, "web")->has_exit_code);
	w->state_error = 0;
	w->state = (struct last_state){ .has_exit_code = true, .exit_code = 137 };
	PASS(w, 2, 1, );
	assert_true(find(w, "web")->has_exit_code);
	PASS(w, 1, 1, C(11, "web", 0));
	expect(w, "web", 1, 1);
	for (uint64_t i = events_first(w->events); i <= events_last(w->events); i++) {
		const struct event *event = events_find(w->events, i);

		if (event->type == EVENT_OOM_KILL)
			continue;
		assert_true(event->type == EVENT_GONE || event->type == EVENT_RESTARTED);
		assert_true(event->has_exit_code);
		assert_int_equal(event->exit_code, 137);
		assert_string_equal(event->name, "web");
	}
}

/* A new key stands at 0 for a while, so that increase() sees what came before its first scrape. */
static void settles_at_zero(void **state)
{
	struct world *w = *state;

	w->pass.settle_ms = 60 * SECOND_MS;
	PASS(w, 0, 0, );
	PASS(w, 15, 1, C(10, "job", 1));
	expect(w, "job", 0, 0);
	PASS(w, 15, 1, );
	expect(w, "job", 0, 0);
	PASS(w, 60, 1, );
	expect(w, "job", 1, 0);
	/* From then on, at once. */
	PASS(w, 15, 2, C(11, "job", 1));
	expect(w, "job", 2, 1);
}

/* Nothing to tell: not shown while it is gone, but its restart is one, and starts from 0 again. */
static void hides_what_has_nothing_to_tell(void **state)
{
	struct world *w = *state;

	w->pass.settle_ms = 60 * SECOND_MS;
	PASS(w, 0, 0, C(10, "web", 0));
	PASS(w, 100, 0, );
	assert_null(find(w, "web"));
	PASS(w, 100, 0, C(11, "web", 0));
	expect(w, "web", 0, 0);
	PASS(w, 60, 0, C(11, "web", 0));
	expect(w, "web", 0, 1);
}

static void forgets_in_time(void **state)
{
	struct world *w = *state;

	w->pass.remember_ms = 600 * SECOND_MS;
	PASS(w, 0, 0, C(10, "web", 0));
	PASS(w, 15, 1, );
	PASS(w, 590, 1, );
	expect(w, "web", 1, 0);
	PASS(w, 15, 1, );
	assert_null(find(w, "web"));
	assert_int_equal(survivors_forgotten(w->survivors), 0);
}

static void bounds_its_memory(void **state)
{
	struct world *w = *state;
	const unsigned n = 11000;

	PASS(w, 0, 0, );
	for (unsigned i = 0; i < n; i += 1000) {
		begin(w, 1);
		see_slices(w, 0, 0);
		for (unsigned j = i; j < i + 1000; j++) {
			cleanup_free char *name = xasprintf("job-%u", j);

			see(w, container(100 + j, name, 0));
		}
		end(w);
	}
	PASS(w, 1, 0, );
	PASS(w, 20, 0, );
	PASS(w, 1, 0, );
	assert_int_equal(survivors_forgotten(w->survivors), n - 10000);
}

/* Two with one name are one series; a third run is the restart of the one that has ended. */
static void bears_two_of_one_name(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, C(10, "web", 0) C(11, "web", 0));
	PASS(w, 1, 2, C(10, "web", 1) C(11, "web", 1));
	expect(w, "web", 2, 0);
	PASS(w, 1, 2, C(10, "web", 1));
	expect(w, "web", 2, 0);
	PASS(w, 1, 2, C(10, "web", 1) C(12, "web", 0));
	expect(w, "web", 2, 1);
}

static void leaves_out_what_a_filter_excludes(void **state)
{
	struct world *w = *state;
	struct sighting hidden = container(10, "web", 0);

	hidden.excluded = true;
	PASS(w, 0, 0, hidden, );
	PASS(w, 15, 1, );
	PASS(w, 15, 1, );
	assert_null(find(w, "web"));
	expect(w, "/s", 0, 0);
	assert_int_equal(events_last(w->events), 0);
}

/* Whatever happens, every kill of the kernel's stands on one row, and on one only. */
static void loses_nothing_in_a_storm(void **state)
{
	struct world *w = *state;
	struct {
		uint64_t id, kills;
		bool alive;
	} slots[20] = { 0 };
	uint64_t next_id = 100, kills = 0, sum = 0, restarts = 0;
	unsigned random = 42;

	PASS(w, 0, 0, );
	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
			switch (rand_r(&random) % 8) {
			case 0: /* one more, or one that is killed and gone */
			case 1:
				if (slots[i].alive)
					kills++;
				restarts += !slots[i].alive && slots[i].id;
				slots[i].alive = !slots[i].alive;
				slots[i].id = slots[i].alive ? next_id++ : slots[i].id;
				slots[i].kills = 0;
				break;
			case 2: /* a process of it is killed */
				kills += slots[i].alive;
				slots[i].kills += slots[i].alive;
				break;
			case 3: /* ends by itself */
				slots[i].alive = false;
				break;
			}
		}
		begin(w, 1 + (uint64_t)rand_r(&random) % 5);
		see_slices(w, kills, 0);
		for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
			cleanup_free char *name = xasprintf("c%zu", i);

			if (slots[i].alive)
				see(w, container(slots[i].id, name, slots[i].kills));
		}
		end(w);
	}
	PASS(w, 5, kills, );
	PASS(w, 5, kills, );
	for (size_t i = 0; i < w->n_shown; i++) {
		sum += w->shown[i].s.oom_kills;
		restarts -= w->shown[i].s.restarts;
	}
	assert_true(kills > 1000);
	assert_int_equal(sum, kills);
	assert_int_equal(restarts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(starts_at_zero),
		TEST(counts_the_living),
		TEST(recalls_what_it_was_told),
		TEST(tells_of_a_start_when_it_is_known),
		TEST(finds_a_kill_in_the_parent),
		TEST(counts_once_what_it_saw_before),
		TEST(counts_runs_that_nobody_saw),
		TEST(waits_for_what_vanishes_while_it_is_read),
		TEST(bears_a_child_ahead_of_its_parent),
		TEST(asks_the_runtime_who_was_killed),
		TEST(leaves_to_the_parent_what_nobody_can_tell),
		TEST(acquits_who_went_before),
		TEST(tells_own_kills_of_inner_groups),
		TEST(follows_a_pod_that_is_gone),
		TEST(waits_for_names),
		TEST(learns_a_name_from_the_end),
		TEST(tells_exit_codes),
		TEST(settles_at_zero),
		TEST(hides_what_has_nothing_to_tell),
		TEST(forgets_in_time),
		TEST(bounds_its_memory),
		TEST(bears_two_of_one_name),
		TEST(leaves_out_what_a_filter_excludes),
		TEST(loses_nothing_in_a_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
