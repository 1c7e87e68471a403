/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a CPU against /proc/PID/schedstat, which is the same to the nanosecond. Children stop
 * themselves before and after they burn, so that nothing of them moves while numbers are compared.
 */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/probe_scene.h"

#define WAIT	  "container_cpu_runqueue_wait_seconds"
#define DISTURBED "container_cpu_disturbed_seconds_total"
#define THROTTLED "container_cpu_throttled_wait_seconds_total"

enum { BURN_MS = 300, CHILDREN_MAX = 4, BUSY_CPUS = 2, SLOT_GONE_S = 11 };

struct place {
	struct probe_scene groups;
	int cpus[BUSY_CPUS];
};

static void find_cpus(int cpus[BUSY_CPUS])
{
	cpu_set_t set;
	int n = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < BUSY_CPUS; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[n++] = cpu;
	for (; n < BUSY_CPUS; n++)
		cpus[n] = cpus[0];
}

static struct place *place_new(void)
{
	static const char *const names[2] = { "victim", "hog" };
	struct place *place = xcalloc(1, sizeof(*place));

	find_cpus(place->cpus);
	probe_scene_start(&place->groups, names, "runqueue");
	return place;
}

static void place_free(struct place *place)
{
	probe_scene_end(&place->groups);
	free(place);
}

static void pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(pid, sizeof(set), &set), 0);
}

static void burn(long ms)
{
	struct timespec now;

	do {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	} while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < ms);
}

/* What a kernel has switched without telling is told with the next waits. */
static void settle(void)
{
	for (int i = 0; i < 5; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static void wait_stopped(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
}

/* Stands stopped in the directory; once continued burns, and stops again. */
static pid_t child_new(const char *directory, long ms)
{
	cleanup_free char *procs = xasprintf("%s/cgroup.procs", directory);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0) {
		wait_stopped(pid);
		return pid;
	}
	FILE *file = fopen(procs, "we");

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || !file || fprintf(file, "0\n") < 0 ||
	    fclose(file) != 0)
		_exit(1);
	raise(SIGSTOP);
	burn(ms);
	settle();
	raise(SIGSTOP);
	_exit(0);
}

static void child_end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Time on a CPU [0] and waiting for one [1], in ns. */
static uint64_t schedstat(pid_t pid, int field)
{
	cleanup_free char *path = xasprintf("/proc/%d/schedstat", (int)pid);
	cleanup_file FILE *file = fopen(path, "re");
	uint64_t fields[2];

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%" SCNu64 " %" SCNu64, &fields[0], &fields[1]), 2);
	return fields[field];
}

static double waited_ns(struct place *place, const char *path)
{
	scene_collect(&place->groups.scene);
	const struct sample *sample = scene_sample(&place->groups.scene, WAIT, path, "");

	return sample ? sample->histogram->sum * 1e9 : 0;
}

/* All of a family's samples of a workload together. */
static double total_ns(const struct place *place, const char *name, const char *path)
{
	const struct family *family = snapshot_family(place->groups.scene.snapshot, name);
	double total = 0;

	assert_non_null(family);
	for_each_sample(sample, family)
		if (streq(sample->workload->path, path))
			total += (double)sample->integer;
	return total;
}

/* Each wait is charged to somebody, once. */
static void expect_whole(struct place *place, const char *path)
{
	double waited = waited_ns(place, path),
	       told = total_ns(place, DISTURBED, path) + total_ns(place, THROTTLED, path);

	if (told < waited - 1000 || told > waited + 1000)
		fail_msg("%s waited %.0f ns, of which %.0f are charged", path, waited, told);
}

static void expect_near(double value, double expected)
{
	if (value < expected * 0.999 || value > expected * 1.001)
		fail_msg("%.0f ns counted, schedstat has %.0f", value, expected);
}

static void test_equals_schedstat_and_names_the_hog(void **state)
{
	(void)state;
	struct place *place = place_new();
	pid_t victim = child_new(place->groups.directories[0], BURN_MS);
	pid_t hog = child_new(place->groups.directories[1], 1000 * 1000L);
	double before = waited_ns(place, place->groups.paths[0]);
	uint64_t delay = schedstat(victim, 1);

	pin(victim, place->cpus[0]);
	pin(hog, place->cpus[0]);
	kill(hog, SIGCONT);
	kill(victim, SIGCONT);
	wait_stopped(victim);
	kill(hog, SIGSTOP);
	wait_stopped(hog);
	expect_near(waited_ns(place, place->groups.paths[0]) - before,
		    (double)(schedstat(victim, 1) - delay));
	expect_whole(place, place->groups.paths[0]);
	expect_whole(place, place->groups.paths[1]);
	cleanup_free char *by = xasprintf("by=%s", place->groups.paths[1]);
	const struct sample *named =
		scene_sample(&place->groups.scene, DISTURBED, place->groups.paths[0], by);

	/*
	 * They have shared the CPU: the victim has waited about as long for the hog as it ran. The time of a
	 * run leaves out interrupts and what the hypervisor took within it, a wait does not.
	 */
	assert_non_null(named);
	assert_in_range(named->integer, BURN_MS * 1000000L / 4, schedstat(hog, 0) / 4 * 5);
	child_end(victim);
	child_end(hog);
	place_free(place);
}

/* What a group has waited for whom. */
static uint64_t charged_to(const struct place *place, int group, const char *by)
{
	cleanup_free char *labels = xasprintf("by=%s", by);
	const struct sample *sample =
		scene_sample(&place->groups.scene, DISTURBED, place->groups.paths[group], labels);

	assert_non_null(sample);
	return sample->integer;
}

/* What the rest rose by then would be a disturbance that never was. */
static void test_a_hog_that_is_gone_leaves_nothing_to_the_rest(void **state)
{
	(void)state;
	struct place *place = place_new();
	pid_t victim = child_new(place->groups.directories[0], BURN_MS);
	pid_t hog = child_new(place->groups.directories[1], 1000 * 1000L);

	pin(victim, place->cpus[0]);
	pin(hog, place->cpus[0]);
	kill(hog, SIGCONT);
	kill(victim, SIGCONT);
	wait_stopped(victim);
	child_end(hog);
	scene_collect(&place->groups.scene);
	uint64_t named = charged_to(place, 0, place->groups.paths[1]);
	uint64_t rest = charged_to(place, 0, "other");
	assert_true(named > BURN_MS * 1000000L / 4);
	assert_int_equal(rmdir(place->groups.directories[1]), 0);
	scene_collect(&place->groups.scene);
	assert_in_range(charged_to(place, 0, "other"), rest, rest + named / 10);
	child_end(victim);
	place_free(place);
}

/* The group that is called hog, which sorts first, is the victim here: the other one finds no room. */
static void test_a_hog_that_is_not_exported_leaves_nothing_either(void **state)
{
	(void)state;
	struct place *place = place_new();
	pid_t victim = child_new(place->groups.directories[1], BURN_MS);
	pid_t hog = child_new(place->groups.directories[0], 1000 * 1000L);

	pin(victim, place->cpus[0]);
	pin(hog, place->cpus[0]);
	kill(hog, SIGCONT);
	kill(victim, SIGCONT);
	wait_stopped(victim);
	child_end(hog);
	scene_collect(&place->groups.scene);
	uint64_t named = charged_to(place, 1, place->groups.paths[0]);
	uint64_t rest = charged_to(place, 1, "other");
	assert_true(named > BURN_MS * 1000000L / 4);
	place->groups.scene.options.cgroups_max = 1;
	scene_collect(&place->groups.scene);
	assert_in_range(charged_to(place, 1, "other"), rest, rest + named / 10);
	child_end(victim);
	place_free(place);
}

/* Waiting tasks that are moved to the other CPU begin to wait anew there. */
static void test_counts_what_was_waited_on_the_cpu_before(void **state)
{
	(void)state;
	struct place *place = place_new();
	pid_t children[CHILDREN_MAX];
	double before, expected = 0;

	for (int i = 0; i < CHILDREN_MAX; i++)
		children[i] = child_new(place->groups.directories[0], BURN_MS);
	before = waited_ns(place, place->groups.paths[0]);
	for (int i = 0; i < CHILDREN_MAX; i++)
		expected -= (double)schedstat(children[i], 1);
	for (int i = 0; i < CHILDREN_MAX; i++)
		kill(children[i], SIGCONT);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < CHILDREN_MAX; i++)
			pin(children[i], place->cpus[(round + i) % BUSY_CPUS]);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	for (int i = 0; i < CHILDREN_MAX; i++) {
		wait_stopped(children[i]);
		expected += (double)schedstat(children[i], 1);
	}
	expect_near(waited_ns(place, place->groups.paths[0]) - before, expected);
	expect_whole(place, place->groups.paths[0]);
	for (int i = 0; i < CHILDREN_MAX; i++)
		child_end(children[i]);
	place_free(place);
}

/* The kernel moves four busy tasks between two CPUs as it likes. */
static void test_counts_tasks_that_the_scheduler_moves(void **state)
{
	(void)state;
	struct place *place = place_new();
	pid_t children[CHILDREN_MAX];
	double before, expected = 0;

	for (int i = 0; i < CHILDREN_MAX; i++)
		children[i] = child_new(place->groups.directories[0], BURN_MS);
	before = waited_ns(place, place->groups.paths[0]);
	for (int i = 0; i < CHILDREN_MAX; i++)
		expected -= (double)schedstat(children[i], 1);
	for (int i = 0; i < CHILDREN_MAX; i++)
		kill(children[i], SIGCONT);
	for (int i = 0; i < CHILDREN_MAX; i++) {
		wait_stopped(children[i]);
		expected += (double)schedstat(children[i], 1);
	}
	expect_near(waited_ns(place, place->groups.paths[0]) - before, expected);
	for (int i = 0; i < CHILDREN_MAX; i++)
		child_end(children[i]);
	place_free(place);
}

/* A real-time task has no run queue of its group's that it waits in, but the same clock. */
static void test_counts_real_time_tasks_and_programs_executed(void **state)
{
	(void)state;
	struct place *place = place_new();
	cleanup_free char *procs = xasprintf("%s/cgroup.procs", place->groups.directories[0]);
	cleanup_free char *script = xasprintf("echo $$ > %s; kill -STOP $$; i=0; "
					      "while [ $i -lt 100000 ]; do i=$((i+1)); done; "
					      "exec sh -c 'i=0; while [ $i -lt 100000 ]; do "
					      "i=$((i+1)); done; kill -STOP $$'",
					      procs);
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(1);
	}
	wait_stopped(child);
	pin(child, place->cpus[0]);
	(void)sched_setscheduler(child, SCHED_RR, &(struct sched_param){ .sched_priority = 1 });
	double before = waited_ns(place, place->groups.paths[0]);
	uint64_t delay = schedstat(child, 1);

	kill(child, SIGCONT);
	wait_stopped(child);
	expect_near(waited_ns(place, place->groups.paths[0]) - before,
		    (double)(schedstat(child, 1) - delay));
	expect_whole(place, place->groups.paths[0]);
	child_end(child);
	place_free(place);
}

/* What waited in a group that a container made, and that is gone, stays counted for the container. */
static void test_keeps_what_a_group_inside_has_waited(void **state)
{
	(void)state;
	struct place *place = place_new();
	cleanup_free char *name = xasprintf("docker-%064d.scope", 7);
	cleanup_free char *container = xasprintf("%s/%s", place->groups.directories[0], name);
	cleanup_free char *inside = xasprintf("%s/inside", container);
	cleanup_free char *path = xasprintf("%s/%s", place->groups.paths[0], name);

	assert_int_equal(mkdir(container, 0755), 0);
	assert_int_equal(mkdir(inside, 0755), 0);
	pid_t victim = child_new(inside, BURN_MS);
	pid_t hog = child_new(place->groups.directories[1], 1000 * 1000L);

	pin(victim, place->cpus[0]);
	pin(hog, place->cpus[0]);
	kill(hog, SIGCONT);
	kill(victim, SIGCONT);
	wait_stopped(victim);
	double waited = waited_ns(place, path);
	expect_whole(place, path);
	double charged = total_ns(place, DISTURBED, path);
	assert_true(charged > 0);
	child_end(victim);
	assert_int_equal(rmdir(inside), 0);
	for (int second = 0; second <= SLOT_GONE_S; second++) {
		assert_true(waited_ns(place, path) >= waited);
		assert_true(total_ns(place, DISTURBED, path) >= charged);
		nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
	}
	child_end(hog);
	assert_int_equal(rmdir(container), 0);
	place_free(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_schedstat_and_names_the_hog),
		cmocka_unit_test(test_a_hog_that_is_gone_leaves_nothing_to_the_rest),
		cmocka_unit_test(test_a_hog_that_is_not_exported_leaves_nothing_either),
		cmocka_unit_test(test_counts_what_was_waited_on_the_cpu_before),
		cmocka_unit_test(test_counts_tasks_that_the_scheduler_moves),
		cmocka_unit_test(test_counts_real_time_tasks_and_programs_executed),
		cmocka_unit_test(test_keeps_what_a_group_inside_has_waited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
