/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a group's files. Measured on kernel 6.18: pread on a kept descriptor costs a third of
 * open + read + close and half of openat + read + close; what is read in every scrape is kept open.
 */
#include "collector/cgroups.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

enum {
	FIRST_BUFFER = 16 * 1024,
	LAST_READ = 4096 - 256,
	KEPT_FILE_BYTES =
		4096 + 256 + 192 + 128, /* seq_file's page, file, kernfs_open_file, seq_file */
	KEPT_DIRECTORY_BYTES = 256,	/* struct file */
};

/*
 * The files that every scrape reads and that are dear to open. Six, because each costs 4.6 kB of kernel
 * memory: 30 MB for 1,000 workloads is what an operator would still not mind, and memory.current as a
 * seventh would make them 33.
 */
static const char *const kept_files[HIERARCHY_KEPT_MAX] = {
	"cpu.stat", "memory.stat", "io.stat", "cpu.pressure", "memory.pressure", "io.pressure",
};

unsigned hierarchy_file(struct hierarchy *hierarchy, const char *name)
{
	for (unsigned i = 0; i < hierarchy->n_files; i++)
		if (streq(hierarchy->files[i], name))
			return i;
	assert(hierarchy->n_files < HIERARCHY_FILES_MAX);
	unsigned file = hierarchy->n_files++;
	hierarchy->files[file] = name;
	for (size_t i = 0; i < ARRAY_SIZE(kept_files); i++)
		if (streq(name, kept_files[i]))
			hierarchy->place[file] = (uint8_t)(i + 1);
	return file;
}

size_t hierarchy_fd_memory(const struct hierarchy *hierarchy)
{
	return hierarchy->open_fds * KEPT_FILE_BYTES + hierarchy->open_dirs * KEPT_DIRECTORY_BYTES;
}

static void close_kept(struct hierarchy *hierarchy, struct group *group)
{
	for (size_t i = 0; i < ARRAY_SIZE(group->kept); i++) {
		if (group->kept[i] >= 0) {
			close(group->kept[i]);
			group->kept[i] = -1;
			hierarchy->open_fds--;
		}
	}
}

static void close_directory(struct hierarchy *hierarchy, struct group *group)
{
	if (group->dirfd < 0)
		return;
	close(group->dirfd);
	group->dirfd = -1;
	hierarchy->open_dirs--;
}

void group_close_files(struct hierarchy *hierarchy, struct group *group)
{
	close_kept(hierarchy, group);
	close_directory(hierarchy, group);
}

/*
 * No descriptor is left: gives back half of the kept files, or half of the directories when no file
 * is kept, and keeps no more than that until the next walk.
 */
static void shed(struct hierarchy *hierarchy)
{
	size_t files = hierarchy->open_fds / 2, directories = hierarchy->open_dirs / 2;
	bool has_files = hierarchy->open_fds > 0;

	hierarchy->fd_exhausted++;
	if (has_files)
		hierarchy->fd_budget = files;
	else
		hierarchy->dir_budget = directories;
	for (size_t i = hierarchy->n_groups; i-- > 0;) {
		if (has_files && hierarchy->open_fds > files)
			close_kept(hierarchy, hierarchy->groups[i]);
		if (i && !has_files && hierarchy->open_dirs > directories) /* the root's stays */
			close_directory(hierarchy, hierarchy->groups[i]);
	}
}

static int open_at(int dirfd, const char *name, int flags)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags);

	return fd < 0 ? -errno : fd;
}

static bool is_exhausted(int err)
{
	return err == -EMFILE || err == -ENFILE;
}

/* Beneath the parent by name where the parent is open: a path may be longer than PATH_MAX. */
static int open_directory(const struct hierarchy *hierarchy, const struct group *group)
{
	if (group->parent->dirfd >= 0)
		return open_at(group->parent->dirfd, group->name, O_DIRECTORY);
	return open_at(hierarchy->root_fd, group->path + 1, O_DIRECTORY);
}

int group_directory(struct hierarchy *hierarchy, struct group *group, bool *ret_own)
{
	*ret_own = false;
	if (group->dirfd >= 0)
		return group->dirfd;
	int fd = open_directory(hierarchy, group);
	if (is_exhausted(fd)) {
		shed(hierarchy);
		fd = open_directory(hierarchy, group);
	}
	if (fd < 0)
		return fd;
	if (hierarchy->open_dirs < hierarchy->dir_budget) {
		group->dirfd = fd;
		hierarchy->open_dirs++;
	} else {
		*ret_own = true;
	}
	return fd;
}

/* Reads from the start to the end, growing the buffer. */
static ssize_t read_all(struct hierarchy *hierarchy, int fd)
{
	size_t length = 0;

	if (!hierarchy->buffer) {
		hierarchy->buffer_size = FIRST_BUFFER;
		hierarchy->buffer = xmalloc(hierarchy->buffer_size);
	}
	for (;;) {
		size_t room = hierarchy->buffer_size - length - 1;
		ssize_t n = pread(fd, hierarchy->buffer + length, room, (off_t)length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		length += (size_t)n;
		/*
		 * kernfs hands out a whole file in one read when there is room for it, but for files
		 * of many records (cgroup.procs) it stops before its page is full: only a read that
		 * leaves room for a record in a page tells that nothing is left.
		 */
		if (n == 0 || (length == (size_t)n && n < LAST_READ))
			break;
		if (length >= GROUP_FILE_MAX)
			return -EFBIG;
		if (hierarchy->buffer_size - length < 4097) {
			hierarchy->buffer_size *= 2;
			hierarchy->buffer = xrealloc(hierarchy->buffer, hierarchy->buffer_size);
		}
	}
	hierarchy->buffer[length] = '\0';
	return (ssize_t)length;
}

static int open_once(struct hierarchy *hierarchy, struct group *group, unsigned file)
{
	bool own = false;
	int dirfd = group_directory(hierarchy, group, &own);

	if (dirfd < 0)
		return dirfd;
	int fd = open_at(dirfd, hierarchy->files[file], O_NONBLOCK);
	if (own)
		close(dirfd);
	return fd;
}

/* Opens a file anew; *ret_close tells whether the caller closes it, or the group keeps it. */
static int open_file(struct hierarchy *hierarchy, struct group *group, unsigned file,
		     bool *ret_close)
{
	int fd = open_once(hierarchy, group, file);

	if (is_exhausted(fd)) { /* shedding may have closed the group's own directory: start anew */
		shed(hierarchy);
		fd = open_once(hierarchy, group, file);
	}
	if (fd < 0)
		return fd;
	*ret_close = !hierarchy->place[file] || !(group->workload || group->is_delegate) ||
		     hierarchy->open_fds >= hierarchy->fd_budget;
	if (!*ret_close) {
		group->kept[hierarchy->place[file] - 1] = fd;
		hierarchy->open_fds++;
	}
	return fd;
}

ssize_t group_read(struct hierarchy *hierarchy, struct group *group, unsigned file,
		   const char **ret_text)
{
	uint64_t *absent = &group->absent[file / 64], bit = UINT64_C(1) << (file % 64);
	int fd = hierarchy->place[file] ? group->kept[hierarchy->place[file] - 1] : -1;
	bool transient = false;

	if (*absent & bit)
		return -ENOENT;
	if (fd < 0) {
		fd = open_file(hierarchy, group, file, &transient);
		if (fd == -ENOENT)
			*absent |= bit;
		if (fd < 0)
			return fd;
	}
	ssize_t length = read_all(hierarchy, fd);
	if (transient)
		close(fd);
	/* PSI is off, and stays off until the next boot; a threaded group says it of its processes. */
	if (length == -EOPNOTSUPP && strstr(hierarchy->files[file], ".pressure"))
		*absent |= bit;
	if (length < 0)
		return length;
	if (group->parent)
		hierarchy->readable[file / 64] |= bit;
	*ret_text = hierarchy->buffer;
	return length;
}
