/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>

#include "collector/cleanup.h"
#include "collector/options/options.h"
#include "collector/procfs/proc_stat.h"

/* What <procfs>/self names is our own pid as that file system's namespace numbers it. */
static int check_namespace(int procfs)
{
	char self[32];
	ssize_t n = readlinkat(procfs, "self", self, sizeof(self) - 1);

	struct statfs fs;

	if (n <= 0) /* not for us to see, or a fixture tree */
		return fstatfs(procfs, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC ? -EXDEV : 0;
	self[n] = '\0';
	return strtol(self, NULL, 10) == getpid() ? 0 : -EXDEV;
}

int procfs_open(const struct options *options, int *ret_fd, const char **ret_reason)
{
	cleanup_close int fd = open(options->path_procfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		*ret_reason = "the process file system cannot be opened";
		return -errno;
	}
	if (check_namespace(fd) < 0) {
		*ret_reason =
			"the process file system shows another pid namespace than ours: run in "
			"the host's pid namespace";
		return -EXDEV;
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int file_read_at(int dirfd, const char *path, size_t max, struct buffer *buffer)
{
	/* O_NONBLOCK: a fixture, or a bind mount, may have put a FIFO there. */
	cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	buffer->length = 0;
	for (;;) {
		char *to = buffer_reserve(buffer, 4096);
		ssize_t n = read(fd, to, buffer->capacity - buffer->length - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			buffer->data[buffer->length] = '\0';
			return 0;
		}
		buffer->length += (size_t)n;
		if (buffer->length > max)
			return -EFBIG;
	}
}

int procfs_read(int procfs, int32_t pid, const char *file, size_t max, struct buffer *buffer)
{
	char path[64];

	snprintf(path, sizeof(path), "%" PRId32 "/%s", pid, file);
	return file_read_at(procfs, path, max, buffer);
}

int procfs_stat(int procfs, int32_t pid, struct proc_stat *ret)
{
	char path[32];

	snprintf(path, sizeof(path), "%" PRId32 "/stat", pid);
	return proc_stat_read_at(procfs, path, ret);
}

int procfs_netns(int procfs, int32_t pid, uint64_t *ret_inode)
{
	char path[32], link[64];

	snprintf(path, sizeof(path), "%" PRId32 "/ns/net", pid);
	ssize_t n = readlinkat(procfs, path, link, sizeof(link) - 1);
	if (n < 0)
		return -errno;
	link[n] = '\0';
	uint64_t inode;
	if (sscanf(link, "net:[%" SCNu64 "]", &inode) != 1)
		return -EBADMSG;
	*ret_inode = inode;
	return 0;
}
