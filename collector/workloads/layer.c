/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>

#include "collector/beneath.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/memory.h"

enum {
	DEPTH_MAX = 128,     /* one descriptor each */
	LINKS_MAX = 1 << 20, /* hard-linked inodes that are remembered: 16 MiB */
	STRIDE = 256,	     /* entries between two looks at the clock */
};

#define XFS_MAGIC      0x58465342
#define ZFS_MAGIC      0x2fc12fc1
#define BCACHEFS_MAGIC 0xca451a4e

/* Inode numbers of one device that were counted: open addressing, 0 is free. */
struct inode_set {
	uint64_t *slots;
	size_t n, size;
};

struct walk {
	const struct layer_limits *limits;
	struct layer_usage usage;
	struct inode_set links;
	uint64_t entries, start_ns;
	DIR *stack[DEPTH_MAX];
	unsigned depth;
};

static uint64_t *find_slot(const struct inode_set *set, uint64_t inode)
{
	size_t i = (size_t)(inode * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (set->size - 1);

	while (set->slots[i] && set->slots[i] != inode)
		i = (i + 1) & (set->size - 1);
	return &set->slots[i];
}

static void grow(struct inode_set *set)
{
	struct inode_set larger = { .n = set->n, .size = set->size ? set->size * 2 : 1024 };

	larger.slots = xcalloc(larger.size, sizeof(*larger.slots));
	for (size_t i = 0; i < set->size; i++)
		if (set->slots[i])
			*find_slot(&larger, set->slots[i]) = set->slots[i];
	free(set->slots);
	*set = larger;
}

/* Whether the inode is new; -E2BIG when too many are known. */
static int add_inode(struct inode_set *set, uint64_t inode)
{
	if (set->n * 2 >= set->size)
		grow(set);
	uint64_t *slot = find_slot(set, inode);
	if (*slot)
		return 0;
	if (set->n == LINKS_MAX)
		return -E2BIG;
	*slot = inode;
	set->n++;
	return 1;
}

/* Only file systems that are known to be local: the rest may block for as long as they like. */
static bool is_local(int fd)
{
	static const unsigned long magics[] = { EXT4_SUPER_MAGIC,      XFS_MAGIC,
						BTRFS_SUPER_MAGIC,     F2FS_SUPER_MAGIC,
						TMPFS_MAGIC,	       ZFS_MAGIC,
						OVERLAYFS_SUPER_MAGIC, BCACHEFS_MAGIC };
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if ((unsigned long)fs.f_type == magics[i])
			return true;
	return false;
}

/* Waits until so many entries are due, and looks whether to stop. */
static int keep_pace(const struct walk *walk)
{
	const struct layer_limits *limits = walk->limits;

	if (limits->stopped && limits->stopped(limits->data))
		return -ECANCELED;
	if (!limits->entries_per_second)
		return 0;
	uint64_t due = walk->start_ns + walk->entries * 1000000000 / limits->entries_per_second;
	uint64_t now = clock_monotonic_ns();
	if (due > now) {
		uint64_t wait = due - now;

		nanosleep(&(struct timespec){ .tv_sec = (time_t)(wait / 1000000000),
					      .tv_nsec = (long)(wait % 1000000000) },
			  NULL);
	}
	return 0;
}

static int push(struct walk *walk, int fd)
{
	DIR *dir = walk->depth == DEPTH_MAX ? NULL : fdopendir(fd);

	if (!dir) {
		int err = walk->depth == DEPTH_MAX ? -ELOOP : -errno;

		close(fd);
		return err;
	}
	walk->stack[walk->depth++] = dir;
	return 0;
}

static int enter(struct walk *walk, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int above = dirfd(walk->stack[walk->depth - 1]);
	int fd = openat(above, name, flags | O_NOATIME);
	struct stat st;

	if (fd < 0 && errno == EPERM)
		fd = openat(above, name, flags);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
	/* It may have been mounted over, or changed for another, since it was looked at. */
	if (fstat(fd, &st) < 0 || st.st_dev != walk->usage.device) {
		close(fd);
		return 0;
	}
	return push(walk, fd);
}

static int count(struct walk *walk, const struct stat *st)
{
	if (st->st_nlink > 1 && !S_ISDIR(st->st_mode)) {
		int is_new = add_inode(&walk->links, st->st_ino);

		if (is_new <= 0)
			return is_new;
	}
	walk->usage.bytes += (uint64_t)st->st_blocks * 512;
	walk->usage.inodes++;
	return 0;
}

static int look_at(struct walk *walk, const char *name)
{
	struct stat st;
	int err = 0;

	if (streq(name, ".") || streq(name, ".."))
		return 0;
	if (++walk->entries > walk->limits->entries)
		return -E2BIG;
	if (walk->entries % STRIDE == 0)
		err = keep_pace(walk);
	if (err < 0)
		return err;
	if (fstatat(dirfd(walk->stack[walk->depth - 1]), name, &st,
		    AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (st.st_dev != walk->usage.device)
		return 0;
	err = count(walk, &st);
	return err == 0 && S_ISDIR(st.st_mode) ? enter(walk, name) : err;
}

static int walk_all(struct walk *walk)
{
	int err = 0;

	while (walk->depth && err == 0) {
		errno = 0;
		struct dirent *entry = readdir(walk->stack[walk->depth - 1]);

		if (entry)
			err = look_at(walk, entry->d_name);
		else if (errno && errno != ENOENT)
			err = -errno;
		else
			closedir(walk->stack[--walk->depth]);
	}
	while (walk->depth)
		closedir(walk->stack[--walk->depth]);
	return err;
}

static int start(struct walk *walk, int fd)
{
	struct statvfs fs;
	struct stat st;

	if (!is_local(fd))
		return -EMEDIUMTYPE;
	if (fstat(fd, &st) < 0 || fstatvfs(fd, &fs) < 0)
		return -errno;
	walk->start_ns = clock_monotonic_ns();
	walk->usage = (struct layer_usage){
		.device = st.st_dev,
		.limit_bytes = (uint64_t)fs.f_blocks * fs.f_frsize,
		.inodes_total = fs.f_files,
		.inodes_free = fs.f_ffree,
	};
	return count(walk, &st);
}

int layer_walk(const char *rootfs, const char *path, const struct layer_limits *limits,
	       struct layer_usage *ret)
{
	cleanup_close int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct walk walk = { .limits = limits };

	if (root < 0)
		return -errno;
	int fd = open_beneath(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, FOLLOW_IN_ROOT);
	if (fd < 0)
		return fd;
	int err = start(&walk, fd);
	if (err < 0)
		close(fd);
	else
		err = push(&walk, fd);
	if (err == 0)
		err = walk_all(&walk);
	free(walk.links.slots);
	if (err == 0)
		*ret = walk.usage;
	return err;
}
