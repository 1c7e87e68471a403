/* SPDX-License-Identifier: Apache-2.0 */
/* Recording; the replay is in reads_replay.c. */
#include "bench/support/reads.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <uthash.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

enum { FDS_MAX = 65536, PATH_BYTES = 8192 };

/* A descriptor that was opened while we watched. */
struct opened {
	char *path;	 /* in full */
	char *directory; /* whose kept descriptor it was opened with; or NULL */
};

struct seen {
	char *key;
	UT_hash_handle hh;
};

struct recorder {
	pid_t pid;
	const char *walked;
	struct opened *opened; /* by descriptor */
	struct seen *seen;
	struct reads *reads;
};

static char *path_of(const struct recorder *r, uint64_t fd)
{
	cleanup_free char *link = xasprintf("/proc/%d/fd/%d", (int)r->pid, (int)fd);
	char path[PATH_BYTES];
	ssize_t n = readlink(link, path, sizeof(path));

	return xstrndup(path, n > 0 ? (size_t)n : 0);
}

static char *string_of(const struct recorder *r, uint64_t address)
{
	cleanup_free char *memory = xasprintf("/proc/%d/mem", (int)r->pid);
	cleanup_close int fd = open(memory, O_RDONLY | O_CLOEXEC);
	char text[PATH_BYTES] = "";

	if (pread(fd, text, sizeof(text) - 1, (off_t)address) <
	    0) /* may end at the end of a page */
		for (size_t i = 0; i < sizeof(text) - 1; i++)
			if (pread(fd, text + i, 1, (off_t)(address + i)) != 1 || !text[i])
				break;
	return xstrdup(text);
}

static void add(struct recorder *r, enum read_kind kind, const char *directory, const char *path)
{
	struct reads *reads = r->reads;
	cleanup_free char *key = xasprintf("%d %s", kind == READ_LIST || kind == READ_LINK, path);
	struct seen *seen;

	HASH_FIND_STR(r->seen, key, seen);
	if (seen) {
		reads->repeated++;
		return;
	}
	seen = xcalloc(1, sizeof(*seen));
	seen->key = xstrdup(key);
	HASH_ADD_KEYPTR(hh, r->seen, seen->key, strlen(seen->key), seen);
	if (reads->n == reads->size) {
		reads->size = reads->size ? reads->size * 2 : 1024;
		reads->items = xreallocarray(reads->items, reads->size, sizeof(*reads->items));
	}
	const char *name = directory ? path + strlen(directory) + 1 : path;
	reads->items[reads->n++] = (struct read_one){
		.kind = kind,
		.directory = directory ? xstrdup(directory) : NULL,
		.name = xstrdup(name),
		.dirfd = AT_FDCWD,
		.fd = -1,
	};
	reads->count[kind]++;
}

static void forget(struct recorder *r, uint64_t fd)
{
	if (fd >= FDS_MAX)
		return;
	free(r->opened[fd].path);
	free(r->opened[fd].directory);
	r->opened[fd] = (struct opened){ 0 };
}

static void note_open(struct recorder *r, const uint64_t args[], int64_t fd)
{
	uint64_t dirfd = args[0];

	if (fd < 0 || fd >= FDS_MAX) {
		r->reads->failed++;
		return;
	}
	forget(r, (uint64_t)fd);
	r->opened[fd].path = path_of(r, (uint64_t)fd);
	/* A descriptor opened in this pass is no kept directory: the replay takes the full path. */
	if ((int)dirfd != AT_FDCWD && dirfd < FDS_MAX && !r->opened[dirfd].path) {
		char *directory = path_of(r, dirfd);
		size_t length = strlen(directory);

		if (strncmp(r->opened[fd].path, directory, length) == 0 &&
		    r->opened[fd].path[length] == '/')
			r->opened[fd].directory = directory;
		else
			free(directory);
	}
}

static void note_read(struct recorder *r, uint64_t fd, int64_t length)
{
	if (fd >= FDS_MAX || length < 0)
		return;
	if (!r->opened[fd].path) {
		cleanup_free char *path = path_of(r, fd);

		if (*path == '/') /* else a pipe */
			add(r, READ_KEPT, NULL, path);
	} else if (length > 0 || r->opened[fd].directory) {
		add(r, READ_OPEN, r->opened[fd].directory, r->opened[fd].path);
	}
}

static void note_list(struct recorder *r, uint64_t fd)
{
	if (fd < FDS_MAX && r->opened[fd].path &&
	    strncmp(r->opened[fd].path, r->walked, strlen(r->walked)) != 0)
		add(r, READ_LIST, r->opened[fd].directory, r->opened[fd].path);
}

static void note_link(struct recorder *r, const uint64_t args[], int64_t length)
{
	cleanup_free char *name = string_of(r, args[1]);
	cleanup_free char *directory = NULL;
	cleanup_free char *path = NULL;

	if (length < 0)
		return;
	if (*name != '/' && (int)args[0] != AT_FDCWD) {
		directory = path_of(r, args[0]);
		path = xasprintf("%s/%s", directory, name);
	} else {
		path = xstrdup(name);
	}
	add(r, READ_LINK, directory, path);
}

static void note(struct recorder *r, const struct __ptrace_syscall_info *entry, int64_t result)
{
	uint64_t args[6];

	memcpy(args, entry->entry.args, sizeof(args));
	r->reads->syscalls++;
	switch (entry->entry.nr) {
	case SYS_openat:
	case SYS_openat2:
		note_open(r, args, result);
		break;
	case SYS_read:
	case SYS_pread64:
		note_read(r, args[0], result);
		break;
	case SYS_getdents64:
		note_list(r, args[0]);
		break;
	case SYS_readlinkat:
		note_link(r, args, result);
		break;
	case SYS_close:
		forget(r, args[0]);
		break;
	default:
		break;
	}
}

static void wait_stopped(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
		errx(1, "the watched process ended");
}

static void watch(struct recorder *r, int reply)
{
	struct __ptrace_syscall_info entry = { 0 }, info;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, r->pid, 0, 0) < 0)
			err(1, "ptrace");
		wait_stopped(r->pid);
		if (ptrace(PTRACE_GET_SYSCALL_INFO, r->pid, sizeof(info), &info) < 0)
			err(1, "ptrace");
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
			entry = info;
			if (entry.entry.nr == SYS_write && (int)entry.entry.args[0] == reply)
				return;
		} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && entry.op) {
			note(r, &entry, info.exit.rval);
		}
	}
}

struct reads *reads_record(pid_t pid, int command, int reply, const char *walked)
{
	struct recorder r = {
		.pid = pid,
		.walked = walked,
		.opened = xcalloc(FDS_MAX, sizeof(struct opened)),
		.reads = xcalloc(1, sizeof(struct reads)),
	};
	struct seen *seen, *next;

	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
		err(1, "cannot watch what the collector reads");
	wait_stopped(pid);
	if (write(command, "c", 1) != 1)
		err(1, "write");
	watch(&r, reply);
	ptrace(PTRACE_DETACH, pid, 0, 0);
	for (uint64_t fd = 0; fd < FDS_MAX; fd++)
		forget(&r, fd);
	free(r.opened);
	HASH_ITER(hh, r.seen, seen, next) {
		HASH_DEL(r.seen, seen);
		free(seen->key);
		free(seen);
	}
	return r.reads;
}
