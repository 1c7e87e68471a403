/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes of system calls and of lifetimes against processes that make counting hard: numbers that are
 * given again, changes of the CPU, exec and signals within a call, 32-bit calls, storms. No time is
 * expected, but that what calls took together cannot be more than what passed around them.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "collector/clock.h"
#include "tests/calls_support.h"

/* What a process of the group tells us. */
static struct told {
	uint64_t wall_ns; /* around all its calls that are looked at */
	unsigned interrupted;
} * told;

static int share(void **state)
{
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*state = told;
	return told == MAP_FAILED ? -1 : 0;
}

static int unshare_told(void **state)
{
	return munmap(*state, sizeof(*told));
}

/* All calls were timed, and together took no longer than what was told. */
static void expect_timed(const struct place *place, const char *labels, uint64_t count)
{
	expect_count(place, labels, count);
	assert_true(histogram_of(place, labels)->sum <= (double)told->wall_ns / 1e9);
}

/* Without pid: our own; raw, as glibc keeps a number that we may have set. */
static char state_of(pid_t pid)
{
	char path[64], text[512] = "", *after;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file))
		_exit(70);
	fclose(file);
	after = strrchr(text, ')');
	return after ? after[2] : '?';
}

static void wait_asleep(pid_t pid)
{
	while (state_of(pid) != 'S')
		sched_yield();
}

enum { AGAIN = 20, NAPS = 3 };

static void sleep_ms(long ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	syscall(SYS_nanosleep, &time, NULL);
}

/* The child with this number, or with any when it is 0; -1 when another has it. */
static pid_t fork_as(pid_t number)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
			set_tid, set_tid_size;
	} arguments = { .exit_signal = SIGCHLD };

	if (number)
		arguments.set_tid = (uint64_t)(uintptr_t)&number;
	arguments.set_tid_size = number ? 1 : 0;
	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static void end_as(pid_t pid, int signal)
{
	if ((signal && kill(pid, signal) < 0) || waitpid(pid, NULL, 0) != pid)
		_exit(71);
}

/* One is killed in the middle of a call that lasts; the next has its number and makes short ones. */
static void take_numbers_again(void)
{
	for (int i = 0; i < AGAIN;) {
		pid_t first = fork_as(0), second;

		if (first == 0) {
			syscall(SYS_pause);
			syscall(SYS_exit_group, 0);
		}
		wait_asleep(first);
		end_as(first, SIGKILL);
		second = fork_as(first);
		if (second == 0) {
			uint64_t began = clock_monotonic_ns();

			for (int n = 0; n < NAPS; n++)
				sleep_ms(1);
			told->wall_ns += clock_monotonic_ns() - began;
			syscall(SYS_exit_group, 2);
		}
		if (second < 0 && errno == EEXIST)
			continue;
		if (second != first)
			_exit(72);
		end_as(second, 0);
		i++;
	}
}

static void numbers_may_be_given_again(void **state)
{
	struct place *place = place_new("calls-pid");

	(void)state;
	collect_with(place, take_numbers_again);
	expect_sample(&place->scene, calls_total, place->path, "syscall=nanosleep", AGAIN * NAPS);
	expect_timed(place, "syscall=nanosleep,class=wait", AGAIN * NAPS);
	expect_sample(&place->scene, "container_exits_total", place->path, "code=2,signal=", AGAIN);
	place_free(place);
}

enum { MOVES = 200 };

static bool find_two_cpus(int cpus[2])
{
	cpu_set_t set;
	int n = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[n++] = cpu;
	return n == 2;
}

/* Each of these calls ends on another CPU than it began on. */
static void move_about(void)
{
	uint64_t began = clock_monotonic_ns();
	int cpus[2];

	if (!find_two_cpus(cpus))
		_exit(77);
	for (int i = 0; i < MOVES; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpus[i % 2], &set);
		if (syscall(SYS_sched_setaffinity, 0, sizeof(set), &set) < 0)
			_exit(1);
		syscall(SYS_getppid);
	}
	told->wall_ns = clock_monotonic_ns() - began;
}

static void calls_may_end_on_another_cpu(void **state)
{
	struct place *place = place_new("calls-move");
	int cpus[2];

	(void)state;
	if (!find_two_cpus(cpus)) {
		printf("SKIP: there is one CPU\n");
		place_free(place);
		skip();
	}
	collect_with(place, move_about);
	expect_sample(&place->scene, calls_total, place->path, "syscall=sched_setaffinity", MOVES);
	expect_timed(place, "syscall=sched_setaffinity,class=process", MOVES);
	expect_timed(place, "syscall=getppid,class=process", MOVES);
	place_free(place);
}

enum { THREADS = 3 };

static pid_t waiting[THREADS];

static void *wait_in_a_call(void *place)
{
	__atomic_store_n((pid_t *)place, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	syscall(SYS_pause);
	return NULL;
}

static void *become_another(void *nothing)
{
	char name[] = "true", *const arguments[] = { name, NULL };

	(void)nothing;
	for (int i = 0; i < THREADS; i++) {
		while (!__atomic_load_n(&waiting[i], __ATOMIC_SEQ_CST))
			sched_yield();
		wait_asleep(waiting[i]);
	}
	syscall(SYS_execve, "/bin/true", arguments, arguments + 1);
	_exit(1);
}

static void exec_beside_others(void)
{
	pthread_t thread;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, wait_in_a_call, &waiting[i]) != 0)
			_exit(2);
	if (pthread_create(&thread, NULL, become_another, NULL) != 0)
		_exit(2);
	(void)pthread_join(thread, NULL);
	_exit(3);
}

/* The thread gets its process's number, and the others end within their calls. */
static void exec_ends_the_calls_of_others(void **state)
{
	struct place *place = place_new("calls-exec");

	(void)state;
	collect_with(place, exec_beside_others);
	expect_sample(&place->scene, calls_total, place->path, "syscall=execve", 1);
	expect_count(place, "syscall=execve,class=process", 1);
	expect_sample(&place->scene, calls_total, place->path, "syscall=pause", THREADS);
	expect_sample(&place->scene, "container_execs_total", place->path, "", 1);
	expect_sample(&place->scene, "container_exits_total", place->path, "code=0,signal=", 1);
	place_free(place);
}

enum { BATCHES = 25, BATCH = 40 };

/* By a small program: to copy one with sanitizers takes long. */
static void storm(void)
{
	cleanup_free char *script = xasprintf("for i in $(seq %d); do for n in $(seq %d); do "
					      "(exit 3) & done; wait; done",
					      BATCHES, BATCH);

	execl("/bin/sh", "sh", "-c", script, NULL);
	_exit(1);
}

static void storms_of_forks_are_counted(void **state)
{
	const uint64_t substitutions = BATCHES + 1;
	struct place *place = place_new("calls-storm");

	(void)state;
	collect_with(place, storm);
	/* A signal lets the kernel begin a fork anew, which is a call of its own. */
	const uint64_t forks = value_of(place, calls_total, "syscall=clone");
	assert_true(forks >= BATCHES * BATCH + substitutions);
	expect_count(place, "syscall=clone,class=process", forks);
	expect_sample(&place->scene, "container_exits_total", place->path,
		      "code=other,signal=", BATCHES * BATCH);
	expect_sample(&place->scene, "container_exits_total", place->path,
		      "code=0,signal=", substitutions + 1);
	expect_sample(&place->scene, "container_execs_total", place->path, "", substitutions + 1);
	place_free(place);
}

static void on_signal(int number)
{
	(void)number;
}

enum { INTERRUPTIONS = 20, STOPS = 3 };

/* The next alarm comes if one was too early. */
static void be_interrupted_often(void)
{
	const struct sigaction action = { .sa_handler = on_signal };
	const struct itimerval timer = { { 0, 5000 }, { 0, 5000 } }, none = { 0 };
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;

	if (fd < 0 || sigaction(SIGALRM, &action, NULL) < 0 ||
	    setitimer(ITIMER_REAL, &timer, NULL) < 0)
		_exit(1);
	while (told->interrupted < INTERRUPTIONS)
		if (syscall(SYS_epoll_pwait, fd, &event, 1, -1, NULL, 0) < 0 && errno == EINTR)
			told->interrupted++;
	if (setitimer(ITIMER_REAL, &none, NULL) < 0)
		_exit(2);
}

static void sleep_through_stops(void)
{
	const struct sigaction action = { .sa_handler = on_signal };
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		if (sigaction(SIGUSR1, &action, NULL) < 0)
			syscall(SYS_exit_group, 1);
		sleep_ms(3600 * 1000);
		syscall(SYS_exit_group, 0);
	}
	for (int i = 0; i < STOPS; i++) {
		wait_asleep(pid);
		if (kill(pid, SIGSTOP) < 0 || waitpid(pid, NULL, WUNTRACED) != pid ||
		    kill(pid, SIGCONT) < 0)
			_exit(2);
	}
	wait_asleep(pid);
	end_as(pid, SIGUSR1);
}

static void signals_end_calls_once(void **state)
{
	struct place *place = place_new("calls-signals");

	(void)state;
	collect_with(place, be_interrupted_often);
	expect_sample(&place->scene, calls_total, place->path, "syscall=epoll_pwait",
		      INTERRUPTIONS);
	expect_count(place, "syscall=epoll_pwait,class=wait", INTERRUPTIONS);
	expect_sample(&place->scene, errors_total, place->path, "errno=EINTR", INTERRUPTIONS);
	/* What the kernel goes on with has a name of its own, and what it repeats is no error. */
	collect_with(place, sleep_through_stops);
	expect_sample(&place->scene, calls_total, place->path, "syscall=nanosleep", 1);
	expect_sample(&place->scene, calls_total, place->path, "syscall=restart_syscall", STOPS);
	expect_sample(&place->scene, errors_total, place->path, "errno=EINTR", INTERRUPTIONS);
	expect_absent(&place->scene, errors_total, place->path, "errno=other");
	place_free(place);
}

enum { COMPAT_FORKS = 20 };

static void fork_as_32_bit(void)
{
#ifdef __x86_64__
	for (int i = 0; i < COMPAT_FORKS; i++) {
		long result = 2; /* fork there, open here */

		__asm__ volatile("int $0x80" : "+a"(result) : : "r8", "r9", "r10", "r11", "memory");
		if (result == 0)
			syscall(SYS_exit_group, 0);
		if (result < 0)
			_exit(1);
		end_as((pid_t)result, 0);
	}
#endif
}

static void forks_of_32_bits_count_once(void **state)
{
	struct place *place = place_new("calls-compat");
	int status = run_in(place->directory, fork_as_32_bit);

	(void)state;
	scene_collect(&place->scene);
#ifdef __x86_64__
	if (status == 0)
		expect_sample(&place->scene, calls_total, place->path, "syscall=compat",
			      COMPAT_FORKS);
#endif
	place_free(place);
	if (status != 0) {
		printf("SKIP: this kernel takes no 32-bit system calls from 64-bit programs\n");
		skip();
	}
}

enum { SYNCS = 30 };

static void sync_often(void)
{
	char path[] = "/var/tmp/tallyman-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	uint64_t began = clock_monotonic_ns();

	if (fd < 0 || unlink(path) < 0)
		_exit(1);
	for (int i = 0; i < SYNCS; i++) {
		if (pwrite(fd, path, sizeof(path), i) < 0 || fsync(fd) < 0)
			_exit(2);
		if (i % 3 == 0 && fdatasync(fd) < 0)
			_exit(3);
	}
	told->wall_ns = clock_monotonic_ns() - began;
}

static void syncs_are_timed(void **state)
{
	struct place *place = place_new("calls-sync");

	(void)state;
	collect_with(place, sync_often);
	expect_sample(&place->scene, calls_total, place->path, "syscall=fsync", SYNCS);
	expect_timed(place, "syscall=fsync,class=sync", SYNCS);
	expect_timed(place, "syscall=fdatasync,class=sync", SYNCS / 3);
	place_free(place);
}

enum { CALLS = 1000 };

static void call_often(void)
{
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
}

/* On hybrid hosts most processes are in the root of cgroup2: theirs is the root's alone. */
static void the_root_has_its_own(void **state)
{
	struct place *place = place_new("calls-root");
	char every[] = "/.*";

	(void)state;
	free(place->include[0]);
	place->include[0] = xstrdup(every);
	scene_close(&place->scene);
	scene_collect(&place->scene);
	collector_start_probes(place->scene.collector);
	assert_int_equal(run_in(own_groups_root(), call_often), 0);
	scene_collect(&place->scene);
	const struct sample *of_root =
		scene_sample(&place->scene, latency, "/", "syscall=getppid,class=process");
	assert_non_null(of_root);
	assert_true(histogram_count(of_root->histogram) >= CALLS);
	expect_count(place, "syscall=getppid,class=process", 0);
	place_free(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_may_be_given_again, share, unshare_told),
		cmocka_unit_test_setup_teardown(calls_may_end_on_another_cpu, share, unshare_told),
		cmocka_unit_test(exec_ends_the_calls_of_others),
		cmocka_unit_test(storms_of_forks_are_counted),
		cmocka_unit_test_setup_teardown(signals_end_calls_once, share, unshare_told),
		cmocka_unit_test(forks_of_32_bits_count_once),
		cmocka_unit_test_setup_teardown(syncs_are_timed, share, unshare_told),
		cmocka_unit_test(the_root_has_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
