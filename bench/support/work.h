/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations that probes see, in bursts: each returns the nanoseconds of one of them. For
 * bench/probes.c alone; what is opened is closed by its function or by the end of the program.
 */
#pragma once

#include <sys/types.h>

/* getppid(), the least that a system call does. */
double work_getppid(void *context);

/*
 * The same beside a process of the same cgroup that does nothing else on CPU 1, as long as it lives: it ends
 * with us. The median of bursts, for the least one may be without it.
 */
int neighbour_start(pid_t *ret_pid);
void neighbour_stop(pid_t pid);
double work_getppid_beside(void *context);

/* A byte goes through a pipe to another process on this CPU and one comes back: two changes of task. */
struct pipes {
	int to[2], from[2];
	pid_t child;
};
int pipes_open(struct pipes *pipes);
void pipes_close(struct pipes *pipes);
/* `context` is a struct pipes. */
double work_pingpong(void *context);

/*
 * A direct read of 4 KiB from a block device: $BENCH_DISK, such as /dev/nullb0 of the module null_blk, or a
 * loop device over memory, which goes when it is closed. *ret_fd is the context of work_read().
 */
int disk_open(int *ret_fd);
double work_read(void *context);

/* A TCP connection over loopback, made, accepted, closed by both ends. */
struct listener {
	int fd;
	unsigned short port;
};
int listener_open(struct listener *listener);
/* `context` is a struct listener. */
double work_connect(void *context);

/* A signal to itself, which it ignores. */
double work_signal(void *context);
