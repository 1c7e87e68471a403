/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <dirent.h>
#include <uthash.h>

#include "bench/support/reads.h"
#include "collector/cleanup.h"
#include "collector/memory.h"

/* A shorter read than a page less a record is the last one: as in collector/group_files.c. */
enum { BUFFER_BYTES = 256 * 1024, LAST_READ = 4096 - 256 };

struct directory {
	const char *path;
	int fd;
	UT_hash_handle hh;
};

size_t reads_prepare(struct reads *reads)
{
	struct directory *directories = NULL, *d, *next;
	size_t missing = 0;

	for (size_t i = 0; i < reads->n; i++) {
		struct read_one *one = &reads->items[i];

		if (one->kind == READ_KEPT) {
			one->fd = open(one->name, O_RDONLY | O_CLOEXEC);
			missing += one->fd < 0;
		}
		if (!one->directory)
			continue;
		HASH_FIND_STR(directories, one->directory, d);
		if (!d) {
			d = xcalloc(1, sizeof(*d));
			d->path = one->directory;
			d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			missing += d->fd < 0;
			HASH_ADD_KEYPTR(hh, directories, d->path, strlen(d->path), d);
		}
		one->dirfd = d->fd;
	}
	HASH_ITER(hh, directories, d, next) {
		HASH_DEL(directories, d);
		free(d);
	}
	return missing;
}

static bool read_kept(int fd, char *buffer)
{
	off_t at = 0;
	ssize_t n;

	do {
		n = pread(fd, buffer, BUFFER_BYTES, at);
		at += n;
	} while (n >= LAST_READ);
	return n >= 0;
}

static bool read_opened(const struct read_one *one, char *buffer)
{
	int fd = openat(one->dirfd, one->name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	do
		n = read(fd, buffer, BUFFER_BYTES);
	while (n >= LAST_READ);
	close(fd);
	return n >= 0;
}

static bool list(const struct read_one *one, char *buffer)
{
	int fd = openat(one->dirfd, one->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	do
		n = getdents64(fd, buffer, BUFFER_BYTES);
	while (n > 0);
	close(fd);
	return n == 0;
}

size_t reads_replay(const struct reads *reads)
{
	cleanup_free char *buffer = xmalloc(BUFFER_BYTES);
	size_t failed = 0;

	for (size_t i = 0; i < reads->n; i++) {
		const struct read_one *one = &reads->items[i];
		bool ok = false;

		switch (one->kind) {
		case READ_KEPT:
			ok = read_kept(one->fd, buffer);
			break;
		case READ_OPEN:
			ok = read_opened(one, buffer);
			break;
		case READ_LIST:
			ok = list(one, buffer);
			break;
		case READ_LINK:
		case N_READ_KINDS:
			ok = readlinkat(one->dirfd, one->name, buffer, BUFFER_BYTES) >= 0;
			break;
		}
		failed += !ok;
	}
	return failed;
}
