/* SPDX-License-Identifier: Apache-2.0 */
/* The probe of system calls against processes of known behaviour in groups of their own. */
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "bpf/wire_syscalls.h"
#include "collector/probes/probe.h"
#include "tests/calls_support.h"

enum { CALLS = 1000, FAILURES = 300 };

static void call_and_fail(void)
{
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	for (int i = 0; i < FAILURES; i++)
		syscall(SYS_close, -1);
	for (int i = 0; i < FAILURES / 3; i++)
		syscall(SYS_unlinkat, AT_FDCWD, "/nonexistent/file", 0);
}

static void calls_and_errors_are_exact(void **state)
{
	struct place *place = place_new("syscalls");

	(void)state;
	collect_with(place, call_and_fail);
	expect_sample(&place->scene, calls_total, place->path, "syscall=getppid", CALLS);
	expect_sample(&place->scene, calls_total, place->path, "syscall=close", FAILURES);
	expect_sample(&place->scene, errors_total, place->path, "errno=EBADF", FAILURES);
	expect_sample(&place->scene, errors_total, place->path, "errno=ENOENT", FAILURES / 3);
	expect_absent(&place->scene, errors_total, place->path, "errno=other");
	/* Whoever forks after the probe was attached is timed from the start, also if switched out. */
	expect_count(place, "syscall=getppid,class=process", CALLS);
	expect_count(place, "syscall=unlinkat,class=metadata", FAILURES / 3);
	collect_with(place, call_and_fail);
	expect_sample(&place->scene, calls_total, place->path, "syscall=getppid", 2 * CALLS);
	expect_count(place, "syscall=getppid,class=process", 2 * CALLS);
	place_free(place);
}

enum { SLEEPS = 5, SLEEP_MS = 20 };

static void sleep_often(void)
{
	struct timespec time = { .tv_nsec = SLEEP_MS * 1000000 };

	for (int i = 0; i < SLEEPS; i++)
		syscall(SYS_nanosleep, &time, NULL);
}

static void sleeping_is_waiting(void **state)
{
	struct place *place = place_new("syscalls-sleep");
	struct timespec before, after;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	collect_with(place, sleep_often);
	clock_gettime(CLOCK_MONOTONIC, &after);
	const struct histogram *histogram = histogram_of(place, "syscall=nanosleep,class=wait");
	assert_non_null(histogram);
	assert_int_equal(histogram_count(histogram), SLEEPS);
	/* None was shorter than 2^-6 s, which is 15.6 ms; together not longer than all this took. */
	assert_int_equal(histogram_cumulative(histogram, -6 * 8), 0);
	assert_true(histogram->sum >= SLEEPS * SLEEP_MS / 1e3);
	assert_true(histogram->sum <= (double)(after.tv_sec - before.tv_sec) +
					      (double)(after.tv_nsec - before.tv_nsec) / 1e9);
	assert_int_equal(value_of(place, "container_syscall_seconds_total", "syscall=nanosleep"),
			 (uint64_t)(histogram->sum * 1e9 + 0.5));
	place_free(place);
}

/* A child writes after a while, so whoever reads has to wait for it. */
static void answer_later(int fd, const void *data, size_t size)
{
	const struct timespec while_ms = { .tv_nsec = SLEEP_MS * 1000000 };

	if (fork() != 0)
		return;
	nanosleep(&while_ms, NULL);
	_exit(write(fd, data, size) == (ssize_t)size ? 0 : 1);
}

static void read_idle_things(void)
{
	uint64_t one = 1;
	char byte;
	int fds[2];

	if (pipe(fds) < 0)
		_exit(1);
	answer_later(fds[1], "x", 1);
	if (read(fds[0], &byte, 1) != 1)
		_exit(2);
	int event = eventfd(0, 0);
	answer_later(event, &one, sizeof(one));
	if (read(event, &one, sizeof(one)) != sizeof(one))
		_exit(3);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		_exit(4);
	answer_later(fds[1], "x", 1);
	if (recv(fds[0], &byte, 1, 0) != 1)
		_exit(5);
	int file = open("/proc/self/exe", O_RDONLY);
	for (int i = 0; i < FAILURES; i++)
		if (read(file, &byte, 1) != 1)
			_exit(6);
	while (wait(NULL) > 0)
		;
}

static void reading_what_is_idle_is_waiting(void **state)
{
	struct place *place = place_new("syscalls-idle");

	(void)state;
	collect_with(place, read_idle_things);
	expect_count(place, "syscall=read,class=wait", 2);
	expect_count(place, "syscall=recvfrom,class=wait", 1);
	expect_count(place, "syscall=recvfrom,class=network", 0);
	expect_count(place, "syscall=read,class=file_read", FAILURES);
	expect_sample(&place->scene, calls_total, place->path, "syscall=read", FAILURES + 2);
	assert_true(histogram_of(place, "syscall=read,class=wait")->sum > SLEEP_MS / 1e3);
	place_free(place);
}

enum { PROCESSES = 40 };

static void fork_and_exec(void)
{
	for (int i = 0; i < PROCESSES; i++) {
		char name[] = "true", *const args[] = { name, NULL };
		pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

		if (pid == 0) {
			syscall(SYS_execve, i % 2 ? "/bin/true" : "/nonexistent", args, args + 1);
			syscall(SYS_exit_group, 0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			_exit(1);
	}
}

/* The child of a fork comes out of the call too, and exec ends in another program: each is one call. */
static void forks_and_execs_count_once(void **state)
{
	struct place *place = place_new("syscalls-fork");

	(void)state;
	collect_with(place, fork_and_exec);
	expect_sample(&place->scene, calls_total, place->path, "syscall=clone", PROCESSES);
	expect_sample(&place->scene, calls_total, place->path, "syscall=execve", PROCESSES);
	expect_sample(&place->scene, calls_total, place->path, "syscall=wait4", PROCESSES);
	expect_count(place, "syscall=execve,class=process", PROCESSES);
	expect_count(place, "syscall=wait4,class=wait", PROCESSES);
	assert_true(value_of(place, errors_total, "errno=ENOENT") >= PROCESSES / 2);
	place_free(place);
}

static int alarm_fds[2];

static void on_alarm(int number)
{
	(void)number;
	if (write(alarm_fds[1], "x", 1) != 1)
		_exit(2);
}

static void be_interrupted(void)
{
	const struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	const struct itimerval timer = { .it_value.tv_usec = 20000 };
	char byte;

	if (pipe(alarm_fds) < 0 || sigaction(SIGALRM, &action, NULL) < 0 ||
	    setitimer(ITIMER_REAL, &timer, NULL) < 0 || read(alarm_fds[0], &byte, 1) != 1)
		_exit(1);
}

/* The kernel makes the call again after the signal: two calls that ended, and no error. */
static void restarts_are_no_errors(void **state)
{
	struct place *place = place_new("syscalls-signal");
	const struct family *family;

	(void)state;
	collect_with(place, be_interrupted);
	expect_sample(&place->scene, calls_total, place->path, "syscall=read", 2);
	expect_sample(&place->scene, calls_total, place->path, "syscall=rt_sigreturn", 1);
	expect_absent(&place->scene, calls_total, place->path, "syscall=unknown");
	family = snapshot_family(place->scene.snapshot, errors_total);
	for_each_sample(sample, family)
		assert_string_not_equal(sample->workload->path, place->path);
	place_free(place);
}

static void set_mode(struct place *place, enum probe_mode mode)
{
	place->scene.options.probe_syscalls = mode;
	collector_start_probes(place->scene.collector);
}

static void call_as_32_bit(void)
{
#ifdef __x86_64__
	for (int i = 0; i < FAILURES; i++) {
		long result = 20; /* getpid there, writev here */

		__asm__ volatile("int $0x80" : "+a"(result) : : "r8", "r9", "r10", "r11", "memory");
		if (result != getpid())
			_exit(1);
	}
#endif
}

static void calls_of_32_bits_have_no_wrong_name(void **state)
{
	struct place *place = place_new("syscalls-compat");
	int status = run_in(place->directory, call_as_32_bit);

	(void)state;
	scene_collect(&place->scene);
	expect_absent(&place->scene, calls_total, place->path, "syscall=writev");
	if (status != 0)
		printf("SKIP: this kernel takes no 32-bit system calls from 64-bit programs\n");
#ifdef __x86_64__
	else
		expect_sample(&place->scene, calls_total, place->path, "syscall=compat", FAILURES);
	set_mode(place, PROBE_COUNT);
	if (status == 0)
		collect_with(place, call_as_32_bit);
	expect_absent(&place->scene, calls_total, place->path, "syscall=writev");
	if (status == 0)
		expect_sample(&place->scene, calls_total, place->path, "syscall=compat",
			      2 * FAILURES);
#endif
	place_free(place);
	if (status != 0)
		skip();
}

/* Half of it is no multiple of the calls that a sample stands for: were all timed, it would be seen. */
enum { MANY = 32010 };
_Static_assert(MANY / 2 % WIRE_SAMPLING, "a multiple");

static void call_often(void)
{
	for (int i = 0; i < MANY / 2; i++) {
		syscall(SYS_getppid);
		syscall(SYS_getuid);
	}
}

/* Counts are exact in every mode; a sample stands for 16 calls, also of calls that take turns. */
static void modes_change_what_is_timed(void **state)
{
	struct place *place = place_new("syscalls-modes");
	const char *const labels = "syscall=getppid,class=process";

	(void)state;
	set_mode(place, PROBE_COUNT);
	collect_with(place, call_often);
	expect_sample(&place->scene, calls_total, place->path, "syscall=getppid", MANY / 2);
	expect_count(place, labels, 0);
	expect_absent(&place->scene, "container_syscall_seconds_total", place->path,
		      "syscall=getppid");
	/* Errors are not known then, also not those of before. */
	collect_with(place, call_and_fail);
	expect_sample(&place->scene, calls_total, place->path, "syscall=close", FAILURES);
	expect_absent(&place->scene, errors_total, place->path, "errno=EBADF");
	set_mode(place, PROBE_SAMPLED);
	collect_with(place, call_often);
	expect_sample(&place->scene, calls_total, place->path, "syscall=getppid", MANY + CALLS);
	expect_absent(&place->scene, errors_total, place->path, "errno=EBADF");
	/* The standard deviation is about 300. */
	uint64_t sampled = histogram_count(histogram_of(place, labels));
	assert_in_range(sampled, MANY / 2 - 2000, MANY / 2 + 2000);
	assert_int_equal(sampled % WIRE_SAMPLING, 0);
	set_mode(place, PROBE_FULL);
	collect_with(place, call_often);
	expect_sample(&place->scene, calls_total, place->path, "syscall=getppid",
		      MANY / 2 * 3 + CALLS);
	expect_count(place, labels, sampled + MANY / 2);
	set_mode(place, PROBE_COUNT);
	collect_with(place, sleep_often);
	expect_absent(&place->scene, "container_syscall_seconds_total", place->path,
		      "syscall=getppid");
	set_mode(place, PROBE_FULL);
	collect_with(place, sleep_often);
	expect_sample(&place->scene, calls_total, place->path, "syscall=nanosleep", 2 * SLEEPS);
	expect_count(place, "syscall=nanosleep,class=wait", SLEEPS);
	place_free(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_and_errors_are_exact),
		cmocka_unit_test(sleeping_is_waiting),
		cmocka_unit_test(reading_what_is_idle_is_waiting),
		cmocka_unit_test(forks_and_execs_count_once),
		cmocka_unit_test(restarts_are_no_errors),
		cmocka_unit_test(calls_of_32_bits_have_no_wrong_name),
		cmocka_unit_test(modes_change_what_is_timed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
