/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <unistd.h>
#include <cmocka.h>

#include "collector/worker.h"

struct counting_job {
	struct worker_job job;
	pthread_t ran_on;
	int order, done_order;
	int *runs, *dones;
};

static void count_run(struct worker *worker, struct worker_job *job)
{
	struct counting_job *counting = (struct counting_job *)job;

	(void)worker;
	counting->ran_on = pthread_self();
	counting->order = ++*counting->runs;
}

static void count_done(struct worker_job *job)
{
	struct counting_job *counting = (struct counting_job *)job;

	counting->done_order = ++*counting->dones;
}

static void wait_for(struct worker *worker)
{
	while (worker_pending(worker)) {
		struct pollfd poll_fd = { .fd = worker_fd(worker), .events = POLLIN };

		assert_int_equal(poll(&poll_fd, 1, -1), 1);
		worker_dispatch(worker);
	}
}

static void test_jobs_run_in_order_off_the_loop(void **state)
{
	struct worker *worker = NULL;
	struct counting_job jobs[100];
	int runs = 0, dones = 0;

	(void)state;
	assert_int_equal(worker_new("test", true, &worker), 0);
	for (int i = 0; i < 100; i++) {
		jobs[i] = (struct counting_job){
			.job = { .run = count_run, .done = count_done },
			.runs = &runs,
			.dones = &dones,
		};
		worker_submit(worker, &jobs[i].job);
	}
	wait_for(worker);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(jobs[i].order, i + 1);
		assert_int_equal(jobs[i].done_order, i + 1);
		assert_false(jobs[i].job.cancelled);
		assert_false(pthread_equal(jobs[i].ran_on, pthread_self()));
	}
	worker_free(worker);
}

struct blocking_job {
	struct worker_job job;
	atomic_bool started;
	bool done, saw_stop;
};

static void block_run(struct worker *worker, struct worker_job *job)
{
	struct blocking_job *blocking = (struct blocking_job *)job;

	blocking->started = true;
	while (!worker_stopping(worker))
		usleep(1000);
	blocking->saw_stop = true;
}

static void block_done(struct worker_job *job)
{
	((struct blocking_job *)job)->done = true;
}

static void test_free_ends_the_running_job_and_cancels_the_rest(void **state)
{
	struct blocking_job first = { .job = { .run = block_run, .done = block_done } };
	struct blocking_job second = { .job = { .run = block_run, .done = block_done } };
	struct worker *worker = NULL;

	(void)state;
	assert_int_equal(worker_new("test", false, &worker), 0);
	worker_submit(worker, &first.job);
	worker_submit(worker, &second.job);
	while (!first.started)
		usleep(1000);
	worker_free(worker);
	assert_true(first.done && first.saw_stop && !first.job.cancelled);
	assert_true(second.done && !second.started && second.job.cancelled);
	worker_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs_run_in_order_off_the_loop),
		cmocka_unit_test(test_free_ends_the_running_job_and_cancels_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
