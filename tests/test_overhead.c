/* SPDX-License-Identifier: Apache-2.0 */
/* When probes do less, and more again. The costs are made up, the decision is the real one. */
#include <errno.h>

#include "collector/clock.h"
#include "collector/probes/overhead.h"
#include "tests/support.h"

static int set_mode(void *state, enum probe_mode mode)
{
	(void)state;
	(void)mode;
	return 0;
}

static const struct probe adjustable = { .set_mode = set_mode };
static const struct probe fixed = { 0 };

static void set_share(struct load *load, const struct probe *probe, double share)
{
	load->probe = probe;
	load->state = load;
	load->ticks = OVERHEAD_TICKS;
	for (unsigned i = 0; i < OVERHEAD_TICKS; i++)
		load->shares[i] = share;
}

static struct overhead *scene(double budget)
{
	struct overhead *overhead = overhead_new(3, 4);

	overhead->budget = budget;
	return overhead;
}

static void the_dearest_that_can_does_less(void **state)
{
	struct overhead *overhead = scene(0.02);
	enum probe_mode mode;
	unsigned probe;

	(void)state;
	set_share(&overhead->loads[0], &adjustable, 0.006);
	set_share(&overhead->loads[1], &adjustable, 0.007);
	set_share(&overhead->loads[2], &fixed, 0.006);
	assert_int_equal(overhead_decide(overhead, &probe, &mode), -ENOENT); /* 1.9 % */
	set_share(&overhead->loads[2], &fixed, 0.008);
	assert_int_equal(overhead_decide(overhead, &probe, &mode), 0); /* 2.1 % */
	assert_int_equal(probe, 1);
	assert_int_equal(mode, PROBE_SAMPLED);
	overhead->loads[1].mode = PROBE_COUNT; /* the lowest of a budget's steps: never off */
	assert_int_equal(overhead_decide(overhead, &probe, &mode), 0);
	assert_int_equal(probe, 0);
	overhead->loads[0].mode = PROBE_COUNT;
	assert_int_equal(overhead_decide(overhead, &probe, &mode), -ENOENT);
	overhead_free(overhead);
}

static void it_waits_for_a_whole_average(void **state)
{
	struct overhead *overhead = scene(0.02);
	enum probe_mode mode;
	unsigned probe;

	(void)state;
	set_share(&overhead->loads[0], &adjustable, 0.5);
	overhead->loads[0].ticks = OVERHEAD_TICKS - 1;
	assert_int_equal(overhead_decide(overhead, &probe, &mode), -ENOENT);
	overhead->loads[0].ticks = OVERHEAD_TICKS;
	assert_int_equal(overhead_decide(overhead, &probe, &mode), 0);
	overhead->budget = 0; /* no limit */
	assert_int_equal(overhead_decide(overhead, &probe, &mode), -ENOENT);
	overhead_free(overhead);
}

/* At 100,000 events a second on four CPUs 200 ns more are half a percent more. */
static void more_again_only_when_calm_and_cheap(void **state)
{
	struct overhead *overhead = scene(0.02);
	struct load *load = &overhead->loads[0];
	enum probe_mode mode;
	unsigned probe;

	(void)state;
	set_share(load, &adjustable, 0.005);
	load->mode = PROBE_SAMPLED;
	load->event_ns[PROBE_FULL] = 400;
	load->event_ns[PROBE_SAMPLED] = 200;
	load->events_per_s = 100000;
	load->calm = OVERHEAD_CALM_TICKS - 1;
	assert_int_equal(overhead_decide(overhead, &probe, &mode), -ENOENT);
	load->calm = OVERHEAD_CALM_TICKS;
	assert_int_equal(overhead_decide(overhead, &probe, &mode), 0);
	assert_int_equal(mode, PROBE_FULL);
	load->events_per_s = 200000; /* 1.5 % then: not below three quarters of 2 % */
	assert_int_equal(overhead_decide(overhead, &probe, &mode), -ENOENT);
	load->wanted = PROBE_SAMPLED; /* the user wants no more */
	load->events_per_s = 1;
	assert_int_equal(overhead_decide(overhead, &probe, &mode), -ENOENT);
	overhead_free(overhead);
}

/* What the next step would cost is that of the mode that it really goes to. */
static void a_mode_that_is_not_there_tells_nothing(void **state)
{
	struct overhead *overhead = scene(0.02);
	struct load *load = &overhead->loads[0];
	enum probe_mode mode;
	unsigned probe;

	(void)state;
	set_share(load, &adjustable, 0.001);
	load->mode = PROBE_COUNT;
	load->event_ns[PROBE_FULL] = 1000;
	load->event_ns[PROBE_COUNT] = 50;
	load->events_per_s = 100000; /* 2.4 % of four CPUs then */
	load->calm = OVERHEAD_CALM_TICKS;
	assert_int_equal(overhead_decide(overhead, &probe, &mode), -ENOENT);
	load->events_per_s = 20000;
	assert_int_equal(overhead_decide(overhead, &probe, &mode), 0);
	overhead_free(overhead);
}

static void step_to(void *context, unsigned probe, enum probe_mode from, enum probe_mode to,
		    double share)
{
	enum probe_mode *mode = context;

	(void)probe;
	(void)from;
	(void)share;
	*mode = to;
}

/* However much the probes cost: the limit was taken away while one did less. */
static void no_limit_is_calm(void **state)
{
	struct overhead *overhead = scene(0);
	struct attachment attachment = { 0 };
	struct probe_parts parts = { .attachment = &attachment };
	enum probe_mode mode = PROBE_SAMPLED;

	(void)state;
	set_share(&overhead->loads[0], &adjustable, 0.5);
	overhead->loads[0].state = &parts;
	overhead->loads[0].mode = PROBE_SAMPLED;
	for (unsigned i = 0; i < OVERHEAD_CALM_TICKS; i++) {
		assert_int_equal(mode, PROBE_SAMPLED);
		overhead->last_tick_ns = 1; /* long ago */
		overhead->last_window_ns = clock_monotonic_ns();
		(void)overhead_go_on(overhead, step_to, &mode);
	}
	assert_int_equal(mode, PROBE_FULL);
	overhead_free(overhead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dearest_that_can_does_less),
		cmocka_unit_test(it_waits_for_a_whole_average),
		cmocka_unit_test(more_again_only_when_calm_and_cheap),
		cmocka_unit_test(a_mode_that_is_not_there_tells_nothing),
		cmocka_unit_test(no_limit_is_calm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
