/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

static int ask_kernel(int root_fd, const char *path, int flags, enum follow follow)
{
	struct open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS |
			   (follow == FOLLOW_NONE ? RESOLVE_NO_SYMLINKS : 0),
	};
	long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* One name, which is not a link: O_PATH would open the link itself, O_DIRECTORY call it no directory. */
static int open_name(int dir_fd, const char *name, int flags)
{
	struct stat st;

	if (streq(name, ".."))
		return -ELOOP;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	int fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && !S_ISLNK(st.st_mode))
		return fd;
	close(fd); /* it was exchanged for a link in between */
	return -ELOOP;
}

static int walk(int root_fd, const char *path, int flags)
{
	cleanup_free char *copy = xstrdup(path);
	cleanup_close int dir_fd = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *save, *name = strtok_r(copy, "/", &save);

	if (dir_fd < 0)
		return -errno;
	if (!name)
		return open_name(dir_fd, ".", flags);
	for (char *next; (next = strtok_r(NULL, "/", &save)); name = next) {
		int fd = open_name(dir_fd, name, O_PATH | O_DIRECTORY);

		if (fd < 0)
			return fd;
		close(dir_fd);
		dir_fd = fd;
	}
	return open_name(dir_fd, name, flags);
}

int open_beneath(int root_fd, const char *path, int flags, enum follow follow)
{
	int fd;

	while (*path == '/')
		path++;
	fd = ask_kernel(root_fd, *path ? path : ".", flags, follow);
	if (fd != -ENOSYS)
		return fd;
	fd = walk(root_fd, path, flags);
	if (fd != -ELOOP || follow != FOLLOW_TRUSTED)
		return fd;
	fd = openat(root_fd, path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
