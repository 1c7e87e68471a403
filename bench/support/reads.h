/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process reads between two messages, seen from outside with ptrace(2), and doing the same
 * reads again without looking at what comes back: the control of the scrape benchmark.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

enum read_kind {
	READ_KEPT, /* pread on a descriptor that is kept open */
	READ_OPEN, /* open, read, close */
	READ_LIST, /* open a directory, list it, close */
	READ_LINK, /* readlink */
	N_READ_KINDS,
};

/* One file, once, however often it was read. */
struct read_one {
	enum read_kind kind;
	char *directory; /* whose descriptor is kept; NULL: name is a full path */
	char *name;
	int dirfd, fd; /* of the replay */
};

struct reads {
	struct read_one *items;
	size_t n, size;
	size_t count[N_READ_KINDS];
	size_t repeated; /* reads of a file that had been read in the same pass */
	size_t syscalls; /* all that the process made */
	size_t failed;	 /* opens that failed */
};

/*
 * Watches pid, which waits for a byte from `command`, until it writes to `reply` (its descriptor
 * number): all files that it reads but those in the lists of directories below `walked`.
 */
struct reads *reads_record(pid_t pid, int command, int reply, const char *walked);
/* Opens what the watched process keeps open. The number of files that are not there any more. */
size_t reads_prepare(struct reads *reads);
/* Reads everything once. The number of files that could not be read. */
size_t reads_replay(const struct reads *reads);
