/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No counter of a workload falls, whatever comes and goes within it: groups that work and vanish between
 * two looks, are emptied and removed, and whose slots are taken back while others are watched.
 */
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>

#include "collector/clock.h"
#include "tests/calls_support.h"

enum { SECONDS = 14, CALLS = 500, SEEN_MAX = 4096 }; /* a slot is taken back after 10 s */

struct seen {
	char *key;
	double value;
};

struct watch {
	struct seen seen[SEEN_MAX];
	unsigned n;
};

static void see(struct watch *watch, char *key, double value)
{
	for (unsigned i = 0; i < watch->n; i++) {
		if (!streq(watch->seen[i].key, key))
			continue;
		if (value < watch->seen[i].value)
			fail_msg("%s fell from %.17g to %.17g", key, watch->seen[i].value, value);
		watch->seen[i].value = value;
		free(key);
		return;
	}
	assert_true(watch->n < SEEN_MAX);
	watch->seen[watch->n++] = (struct seen){ key, value };
}

static unsigned look_at(struct watch *watch, const struct place *place, const struct family *family)
{
	const struct metric *metric = family->metric;
	unsigned n = 0;

	for_each_sample(sample, family) {
		if (!sample->workload || !streq(sample->workload->path, place->path))
			continue;
		cleanup_free char *labels = sample_labels(metric, sample);

		n++;
		if (metric->type == METRIC_HISTOGRAM) {
			see(watch, xasprintf("%s_count{%s}", metric->name, labels),
			    (double)histogram_count(sample->histogram));
			see(watch, xasprintf("%s_sum{%s}", metric->name, labels),
			    sample->histogram->sum);
		} else {
			see(watch, xasprintf("%s{%s}", metric->name, labels),
			    (double)sample->integer);
		}
	}
	return n;
}

/* Also that nothing which was there is gone. */
static unsigned look(struct watch *watch, struct place *place)
{
	unsigned samples = 0;

	scene_collect(&place->scene);
	for (size_t i = 0; i < n_sources; i++) {
		if (!sources[i]->probe)
			continue;
		for (size_t k = 0; k < sources[i]->n_metrics; k++) {
			const struct metric *metric = &sources[i]->metrics[k];
			const struct family *family =
				snapshot_family(place->scene.snapshot, metric->name);

			if (family && metric->scope != SCOPE_HOST && metric->type != METRIC_GAUGE &&
			    metric->value != VALUE_REAL)
				samples += look_at(watch, place, family);
		}
	}
	return samples;
}

/* Something for each probe. */
static void work(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_close, -1);
	for (int i = 0; i < 20; i++) {
		nanosleep(&moment, NULL);
		sched_yield();
	}
	pid_t pid = fork();
	if (pid == 0)
		execl("/bin/false", "false", NULL);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		_exit(1);
}

static char *nested_new(const char *within, int n)
{
	char *directory = xasprintf("%s/nested-%d", within, n);

	assert_int_equal(mkdir(directory, 0755), 0);
	assert_int_equal(run_in(directory, work), 0);
	return directory;
}

static void nested_end(char *directory)
{
	assert_int_equal(rmdir(directory), 0);
	free(directory);
}

static void nothing_falls(void **state)
{
	struct place *place = place_new("never-fall");
	struct watch *watch = xcalloc(1, sizeof(*watch));
	/* What is within a machine is not a workload of its own. */
	cleanup_free char *machine = xasprintf("%s/machine-tallyman.scope", place->directory);
	uint64_t end = clock_monotonic_ns() + SECONDS * UINT64_C(1000000000);
	unsigned samples = 0, rounds = 0;

	(void)state;
	assert_int_equal(mkdir(machine, 0755), 0);
	free(place->path);
	place->path = xstrdup(machine + strlen(own_groups_root()));
	while (rounds < 3 || clock_monotonic_ns() < end) {
		char *watched = nested_new(machine, 2 * (int)rounds);
		unsigned now = look(watch, place);

		assert_true(now >= samples);
		samples = now;
		nested_end(watched);
		(void)look(watch, place);
		nested_end(nested_new(machine, 2 * (int)rounds + 1)); /* between two looks */
		assert_true(look(watch, place) >= samples);
		rounds++;
		nanosleep(&(struct timespec){ .tv_nsec = 500000000 }, NULL);
	}
	assert_true(samples > 10);
	/* Each event is there once: those of groups that were never seen, too. */
	expect_sample(&place->scene, calls_total, place->path, "syscall=getppid",
		      2 * (uint64_t)rounds * CALLS);
	expect_sample(&place->scene, errors_total, place->path, "errno=EBADF",
		      2 * (uint64_t)rounds * CALLS);
	expect_sample(&place->scene, "container_exits_total", place->path,
		      "code=1,signal=", 2 * (uint64_t)rounds);
	for (unsigned i = 0; i < watch->n; i++)
		free(watch->seen[i].key);
	free(watch);
	assert_int_equal(rmdir(machine), 0);
	place_free(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_falls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
