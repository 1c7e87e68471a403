/* SPDX-License-Identifier: Apache-2.0 */
/* The probe of system calls beside strace, which counts the same calls of the same program by itself. */
#include <signal.h>

#include "tests/calls_support.h"

/* Stands stopped in the group; then reads a whole directory. */
static pid_t start_program(const struct place *place)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		cleanup_free char *procs = xasprintf("%s/cgroup.procs", place->directory);
		int fd = open(procs, O_WRONLY | O_CLOEXEC);
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, "0", 1) != 1 || null < 0 || dup2(null, 1) < 0 ||
		    dup2(null, 2) < 0)
			_exit(99);
		raise(SIGSTOP);
		execl("/bin/ls", "ls", "-lR", "/etc", "/nonexistent", NULL);
		_exit(98);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static pid_t start_strace(pid_t program, const char *report)
{
	cleanup_free char *number = xasprintf("%d", (int)program);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		execlp("strace", "strace", "-qq", "-c", "-o", report, "-p", number, NULL);
		_exit(77);
	}
	return pid;
}

static bool is_traced(pid_t pid)
{
	cleanup_free char *path = xasprintf("/proc/%d/status", (int)pid);
	cleanup_file FILE *file = fopen(path, "re");
	char line[256];
	int tracer = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			return tracer != 0;
	return false;
}

/* Until strace has it; false when strace has ended. */
static bool wait_traced(pid_t program, pid_t strace)
{
	while (!is_traced(program)) {
		if (waitpid(strace, NULL, WNOHANG) == strace)
			return false;
		usleep(1000);
	}
	return true;
}

/* Of all classes: a call that has waited may be of another one. */
static uint64_t timed(const struct place *place, const char *call)
{
	uint64_t n = 0;

	for_each_sample(sample, snapshot_family(place->scene.snapshot, latency))
		if (streq(sample->workload->path, place->path) &&
		    (!call || streq(sample->labels[0], call)))
			n += histogram_count(sample->histogram);
	return n;
}

static uint64_t sum_of(const struct place *place, const char *name)
{
	uint64_t n = 0;

	for_each_sample(sample, snapshot_family(place->scene.snapshot, name))
		if (streq(sample->workload->path, place->path))
			n += sample->integer;
	return n;
}

struct counted {
	char name[32];
	uint64_t calls, errors, before;
};

enum { CALLS_MAX = 64 };

/* "% time, seconds, usecs/call, calls, errors (or nothing), syscall". */
static unsigned read_report(const char *path, struct counted counted[CALLS_MAX])
{
	cleanup_file FILE *file = fopen(path, "re");
	char line[256], last[2][32];
	unsigned n = 0;

	assert_non_null(file);
	while (n < CALLS_MAX && fgets(line, sizeof(line), file)) {
		struct counted *call = &counted[n];
		int words = sscanf(line, "%*f %*f %*u %" SCNu64 " %31s %31s", &call->calls, last[0],
				   last[1]);

		if (words < 2)
			continue;
		call->errors = words == 3 ? strtoull(last[0], NULL, 10) : 0;
		memcpy(call->name, last[words - 2], sizeof(call->name));
		if (!streq(call->name, "total"))
			n++;
	}
	return n;
}

struct sums {
	uint64_t calls, errors, timed;
};

static struct sums sums_of(const struct place *place)
{
	return (struct sums){ sum_of(place, calls_total), sum_of(place, errors_total),
			      timed(place, NULL) };
}

static void compare(struct place *place, const char *report, pid_t program, pid_t strace)
{
	static const char *const made_before[] = { "write", "openat", "dup2", NULL };
	struct counted counted[CALLS_MAX] = { 0 };
	struct sums told = { 0 }, before, after;
	uint64_t first[ARRAY_SIZE(made_before)] = { 0 };
	int status = 0;

	scene_collect(&place->scene);
	before = sums_of(place);
	for (int i = 0; made_before[i]; i++)
		first[i] = timed(place, made_before[i]);
	assert_int_equal(kill(program, SIGCONT), 0);
	assert_int_equal(waitpid(program, &status, 0), program);
	assert_int_equal(WEXITSTATUS(status), 2); /* what is not there */
	assert_int_equal(waitpid(strace, NULL, 0), strace);
	scene_collect(&place->scene);
	after = sums_of(place);
	unsigned n = read_report(report, counted);
	assert_true(n > 10);
	for (unsigned k = 0; k < n; k++) {
		uint64_t was = 0;

		for (int i = 0; made_before[i]; i++)
			was += streq(counted[k].name, made_before[i]) ? first[i] : 0;
		if (timed(place, counted[k].name) - was != counted[k].calls)
			fail_msg("%s: %" PRIu64 ", strace has %" PRIu64, counted[k].name,
				 timed(place, counted[k].name) - was, counted[k].calls);
		told.calls += counted[k].calls;
		told.errors += counted[k].errors;
	}
	assert_true(told.calls > 500 && told.errors > 0);
	assert_int_equal(after.calls - before.calls, told.calls);
	assert_int_equal(after.timed - before.timed, told.calls);
	assert_int_equal(after.errors - before.errors, told.errors);
}

static void strace_counts_the_same(void **state)
{
	struct place *place = place_new("calls-strace");
	char *tree = tree_new();
	cleanup_free char *report = xasprintf("%s/report", tree);
	pid_t program = start_program(place);
	pid_t strace = start_strace(program, report);
	bool traced = wait_traced(program, strace);

	(void)state;
	if (traced)
		compare(place, report, program, strace);
	else
		kill(program, SIGKILL);
	if (!traced)
		assert_int_equal(waitpid(program, NULL, 0), program);
	tree_remove(tree);
	place_free(place);
	if (!traced) {
		printf("SKIP: strace is not there, or may not trace\n");
		skip();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strace_counts_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
