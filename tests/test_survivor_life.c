/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of single runs between passes, as follow.c hands it on. */
#include <math.h>
#include <signal.h>

#include "collector/workloads/stages.h"
#include "tests/survivors_support.h"

static const struct event *the_event(const struct world *w, enum event_type type)
{
	const struct event *found = NULL;

	for (uint64_t i = events_first(w->events); i <= events_last(w->events); i++) {
		const struct event *event = events_find(w->events, i);

		if (event->type != type)
			continue;
		assert_null(found);
		found = event;
	}
	assert_non_null(found);
	return found;
}

static uint64_t ms_to_ns(uint64_t ms)
{
	return ms * 1000000;
}

/* The kernel tells of each victim before its kill is read; what it has not told of is counted in one. */
static void tells_who_was_killed(void **state)
{
	struct world *w = *state;
	char limit[] = "/s";
	const struct victim victim = {
		.known = true, .process = "hog", .scope = LIMIT_CGROUP, .limit = limit
	};

	PASS(w, 0, 0, C(10, "web", 0));
	survivors_blame(w->survivors, 10, &victim);
	limit[1] = 'x'; /* a copy is kept */
	PASS(w, 15, 3, C(10, "web", 3));
	expect(w, "web", 3, 0);
	assert_int_equal(count_events(w, EVENT_OOM_KILL), 2);
	const struct event *told = events_find(w->events, events_last(w->events) - 1);
	assert_string_equal(told->victim.process, "hog");
	assert_string_equal(told->victim.limit, "/s");
	assert_int_equal(told->count, 1);
	told = events_find(w->events, events_last(w->events));
	assert_false(told->victim.known);
	assert_int_equal(told->count, 2);
}

/* Who is gone with nothing to tell is not shown. */
static uint64_t kills_of(const struct world *w, const char *name)
{
	const struct survivor *s = find(w, name);

	return s ? s->oom_kills : 0;
}

/* Who is gone and was called by the kernel is charged, whoever else is gone. */
static void charges_whom_the_kernel_called(void **state)
{
	struct world *w = *state;
	const struct victim victim = { .known = true, .process = "hog" };

	PASS(w, 0, 0, C(10, "web", 0) C(11, "db", 0) C(12, "job", 0));
	survivors_blame(w->survivors, 11, &victim);
	survivors_blame(w->survivors, 11, &victim);
	survivors_remove(w->survivors, 11, ms_to_ns(w->pass.now_ms));
	survivors_remove(w->survivors, 12, ms_to_ns(w->pass.now_ms));
	PASS(w, 1, 2, C(10, "web", 0));
	assert_int_equal(kills_of(w, "db"), 2);
	assert_int_equal(kills_of(w, "job"), 0);
	for (int i = 0; i < 20; i++)
		PASS(w, 1, 2, C(10, "web", 0));
	assert_int_equal(kills_of(w, "db"), 2);
	assert_int_equal(kills_of(w, "job"), 0);
	expect(w, "/s", 0, 0);
}

/* A kill above may be a living child's whose number was read a moment before: the gone one is not blamed. */
static void guesses_late_where_the_kernel_tells(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, C(10, "web", 0) C(11, "db", 0));
	survivors_remove(w->survivors, 11, ms_to_ns(w->pass.now_ms));
	PASS(w, 0, 1, C(10, "web", 0));
	assert_int_equal(kills_of(w, "db"), 0);
	PASS(w, 0, 1, C(10, "web", 1));
	expect(w, "web", 1, 0);
	PASS(w, 2, 1, C(10, "web", 1));
	assert_int_equal(kills_of(w, "db"), 0);
	PASS(w, 1, 2, C(10, "web", 1)); /* nobody was called */
	survivors_remove(w->survivors, 10, ms_to_ns(w->pass.now_ms));
	PASS(w, 0, 2, );
	PASS(w, 2, 2, );
	expect(w, "web", 2, 0);
}

/* The kernel's word may come after its number was read. */
static void names_a_victim_late(void **state)
{
	struct world *w = *state;
	char limit[] = "/s";
	const struct victim victim = { .known = true, .process = "hog", .limit = limit };

	PASS(w, 0, 0, C(10, "web", 0));
	PASS(w, 15, 1, C(10, "web", 1));
	survivors_blame(w->survivors, 10, &victim);
	assert_string_equal(the_event(w, EVENT_OOM_KILL)->victim.process, "hog");
	assert_string_equal(the_event(w, EVENT_OOM_KILL)->victim.limit, "/s");
	assert_string_equal(the_event(w, EVENT_OOM_KILL)->name, "web");
	PASS(w, 15, 2, C(10, "web", 2));
	assert_int_equal(count_events(w, EVENT_OOM_KILL), 2);
	assert_false(events_find(w->events, events_last(w->events))->victim.known);
	begin(w, 15); /* too late to be that one's */
	survivors_blame(w->survivors, 10, &victim);
	see_slices(w, 3, 0);
	see(w, container(10, "web", 3));
	end(w);
	assert_int_equal(count_events(w, EVENT_OOM_KILL), 3);
	assert_true(events_find(w->events, events_last(w->events))->victim.known);
	expect(w, "web", 3, 0);
}

struct counted {
	uint64_t count[N_STAGES];
	double sum[N_STAGES];
};

static void count(void *context, enum workload_kind kind, const char *image, enum stage stage,
		  const struct histogram *histogram)
{
	struct counted *counted = context;

	assert_int_equal(kind, KIND_CONTAINER);
	assert_string_equal(image, "demo");
	counted->count[stage] = histogram_count(histogram);
	counted->sum[stage] = histogram->sum;
}

static void expect_stages(const struct stages *stages, const double wanted[N_STAGES])
{
	struct snapshot *snapshot = snapshot_new();
	struct counted counted = { 0 };

	stages_read(stages, snapshot, count, &counted);
	for (unsigned i = 0; i < N_STAGES; i++) {
		assert_int_equal(counted.count[i], 1);
		assert_true(fabs(counted.sum[i] - wanted[i]) < 1e-9);
	}
	snapshot_unref(snapshot);
}

/* Made, first program, first socket; a stop signal, the end of its first process, its removal. */
static void tells_of_each_stage(void **state)
{
	struct world *w = *state;
	struct stages *stages = stages_new();
	uint64_t made;

	w->pass.stages = stages;
	PASS(w, 0, 0, );
	made = w->pass.now_ms;
	PASS(w, 1, 0, C(10, "web", 0));
	survivors_resume(w->survivors, &w->pass);
	survivors_reach(w->survivors, 10, LIFE_MADE, ms_to_ns(made));
	survivors_reach(w->survivors, 10, LIFE_EXECUTED, ms_to_ns(made + 250));
	survivors_reach(w->survivors, 10, LIFE_LISTENS, ms_to_ns(made + 500));
	survivors_reach(w->survivors, 10, LIFE_LISTENS, ms_to_ns(made + 900)); /* a second one */
	end(w);
	assert_true(the_event(w, EVENT_EXECUTED)->seconds == 0.25);
	assert_true(the_event(w, EVENT_LISTENING)->seconds == 0.5);
	begin(w, 5);
	survivors_exit(w->survivors, 10, ms_to_ns(made + 4000), ms_to_ns(made + 1000), SIGKILL);
	survivors_remove(w->survivors, 10, ms_to_ns(made + 4500));
	see_slices(w, 0, 0);
	end(w);
	const struct event *exited = the_event(w, EVENT_EXITED);
	assert_true(exited->seconds == 3);
	assert_int_equal(exited->signal, SIGKILL);
	assert_int_equal(exited->exit_code, 128 + SIGKILL);
	assert_int_equal(the_event(w, EVENT_GONE)->cgroup_id, 10);
	expect_stages(stages, (const double[N_STAGES]){ [STAGE_EXEC] = 0.25,
							[STAGE_LISTEN] = 0.5,
							[STAGE_EXIT] = 3,
							[STAGE_REMOVED] = 3.5 });
	stages_free(stages);
}

/* What was there before us has no beginning, and without a stop signal an end takes no time. */
static void tells_nothing_that_it_has_not_seen(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, C(10, "web", 0));
	begin(w, 5);
	survivors_exit(w->survivors, 10, ms_to_ns(w->pass.now_ms), 0, 3 << 8);
	survivors_exit(w->survivors, 11, ms_to_ns(w->pass.now_ms), 0, 0); /* nobody's */
	survivors_remove(w->survivors, 10, ms_to_ns(w->pass.now_ms));
	survivors_reach(w->survivors, 11, LIFE_MADE, ms_to_ns(w->pass.now_ms));
	see_slices(w, 0, 0);
	end(w);
	assert_int_equal(count_events(w, EVENT_EXECUTED), 0);
	const struct event *exited = the_event(w, EVENT_EXITED);
	assert_false(exited->has_seconds || exited->has_signal);
	assert_int_equal(exited->exit_code, 3);
}

static void live_a_moment(struct world *w, uint64_t id)
{
	w->pass.now_ms += 10;
	survivors_resume(w->survivors, &w->pass);
	see(w, container(id, "job", 0));
	survivors_remove(w->survivors, id, ms_to_ns(w->pass.now_ms));
	end(w);
}

/* The first of them is no restart, though it has ended when its start is told. */
static void tells_a_start_before_its_end(void **state)
{
	struct world *w = *state;

	PASS(w, 0, 0, );
	live_a_moment(w, 10);
	assert_int_equal(count_events(w, EVENT_STARTED), 1);
	assert_int_equal(count_events(w, EVENT_RESTARTED), 0);
	assert_true(the_event(w, EVENT_STARTED)->number < the_event(w, EVENT_GONE)->number);
	live_a_moment(w, 11);
	live_a_moment(w, 12);
	assert_int_equal(count_events(w, EVENT_STARTED), 1);
	assert_int_equal(count_events(w, EVENT_RESTARTED), 2);
	assert_int_equal(count_events(w, EVENT_GONE), 3);
	expect(w, "job", 0, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tells_who_was_killed),
		TEST(charges_whom_the_kernel_called),
		TEST(guesses_late_where_the_kernel_tells),
		TEST(names_a_victim_late),
		TEST(tells_of_each_stage),
		TEST(tells_a_start_before_its_end),
		TEST(tells_nothing_that_it_has_not_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
