/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/support/work.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/support/figure.h"
#include "collector/cleanup.h"
#include "collector/memory.h"

/* Of one burst, which is to end before somebody else has a turn. */
enum { CALLS = 2000, STEPS = 200, READS = 20, CONNECTIONS = 10, SIGNALS = 500, BESIDE = 51 };

enum { BLOCK = 4096, DISK_SIZE = 1 << 20 };

double work_getppid(void *context)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC);

	(void)context;
	for (int i = 0; i < CALLS; i++)
		(void)syscall(SYS_getppid);
	return (double)(clock_ns(CLOCK_MONOTONIC) - start) / CALLS;
}

int neighbour_start(pid_t *ret_pid)
{
	cpu_set_t set;

	/* Both before all others, or they would seldom run at the same time. */
	if (setpriority(PRIO_PROCESS, 0, -20) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		CPU_ZERO(&set);
		CPU_SET(1, &set);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sched_setaffinity(0, sizeof(set), &set) < 0)
			_exit(1);
		for (;;)
			(void)syscall(SYS_getppid);
	}
	*ret_pid = pid;
	return 0;
}

void neighbour_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)setpriority(PRIO_PROCESS, 0, 0);
}

double work_getppid_beside(void *context)
{
	double bursts[BESIDE];

	for (int i = 0; i < BESIDE; i++)
		bursts[i] = work_getppid(context);
	return median(bursts, BESIDE);
}

/* The other end of the ping-pong: it ends when its pipe is closed. */
static void echo(const struct pipes *pipes)
{
	char byte;

	close(pipes->to[1]);
	while (read(pipes->to[0], &byte, 1) == 1)
		if (write(pipes->from[1], &byte, 1) != 1)
			break;
	_exit(0);
}

int pipes_open(struct pipes *pipes)
{
	if (pipe2(pipes->to, O_CLOEXEC) < 0 || pipe2(pipes->from, O_CLOEXEC) < 0)
		return -errno;
	pipes->child = fork();
	if (pipes->child == 0)
		echo(pipes);
	close(pipes->to[0]);
	return pipes->child < 0 ? -errno : 0;
}

void pipes_close(struct pipes *pipes)
{
	close(pipes->to[1]);
	(void)waitpid(pipes->child, NULL, 0);
	close(pipes->from[0]);
	close(pipes->from[1]);
}

double work_pingpong(void *context)
{
	const struct pipes *pipes = context;
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	char byte = 0;

	for (int i = 0; i < STEPS; i++)
		if (write(pipes->to[1], &byte, 1) != 1 || read(pipes->from[0], &byte, 1) != 1)
			return 0;
	return (double)(clock_ns(CLOCK_MONOTONIC) - start) / (2 * STEPS);
}

static int open_direct(const char *path, int *ret_fd)
{
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* The device is given back when its last descriptor is closed. */
static int open_loop(int *ret_fd)
{
	cleanup_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	cleanup_close int memory = memfd_create("tallyman-bench", MFD_CLOEXEC);
	struct loop_config config = { .fd = (uint32_t)memory, .info.lo_flags = LO_FLAGS_AUTOCLEAR };

	if (control < 0 || memory < 0 || ftruncate(memory, DISK_SIZE) < 0)
		return -errno;
	int number = ioctl(control, LOOP_CTL_GET_FREE);
	if (number < 0)
		return -errno;
	cleanup_free char *path = xasprintf("/dev/loop%d", number);
	cleanup_close int loop = open(path, O_RDWR | O_CLOEXEC);
	if (loop < 0 || ioctl(loop, LOOP_CONFIGURE, &config) < 0)
		return -errno;
	return open_direct(path, ret_fd);
}

int disk_open(int *ret_fd)
{
	const char *path = getenv("BENCH_DISK");

	return path ? open_direct(path, ret_fd) : open_loop(ret_fd);
}

double work_read(void *context)
{
	static _Alignas(BLOCK) char block[BLOCK];
	const int *fd = context;
	uint64_t start = clock_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < READS; i++)
		if (pread(*fd, block, BLOCK, (off_t)i * BLOCK) != BLOCK)
			return 0;
	return (double)(clock_ns(CLOCK_MONOTONIC) - start) / READS;
}

int listener_open(struct listener *listener)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener->fd < 0 || bind(listener->fd, (struct sockaddr *)&address, size) < 0 ||
	    listen(listener->fd, CONNECTIONS) < 0 ||
	    getsockname(listener->fd, (struct sockaddr *)&address, &size) < 0)
		return -errno;
	listener->port = address.sin_port;
	return 0;
}

/* The client resets it, so that no address is kept for a minute. */
static int connect_once(const struct listener *listener)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = listener->port,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct linger reset = { .l_onoff = 1 };
	cleanup_close int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (client < 0 || setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0 ||
	    connect(client, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	cleanup_close int server = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	return server < 0 ? -errno : 0;
}

double work_connect(void *context)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < CONNECTIONS; i++)
		if (connect_once(context) < 0)
			return 0;
	return (double)(clock_ns(CLOCK_MONOTONIC) - start) / CONNECTIONS;
}

double work_signal(void *context)
{
	uint64_t start;

	(void)context;
	signal(SIGUSR1, SIG_IGN);
	start = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < SIGNALS; i++)
		(void)kill(getpid(), SIGUSR1);
	return (double)(clock_ns(CLOCK_MONOTONIC) - start) / SIGNALS;
}
