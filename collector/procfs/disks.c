/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/disks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "collector/beneath.h"
#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/procfs/mountinfo.h"
#include "collector/options/options.h"
#include "collector/procfs/procfs.h"
#include "collector/utf8.h"

enum { MOUNTINFO_MAX = 64 * 1024 * 1024, LABEL_MAX = 1024 };

static bool starts_with_any(const char *s, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (strncmp(s, *prefixes, strlen(*prefixes)) == 0)
			return true;
	return false;
}

static bool is_local(const struct mount *mount)
{
	static const char *const types[] = { "xfs",   "btrfs", "zfs",	   "f2fs",  "vfat",
					     "exfat", "jfs",   "bcachefs", "tmpfs", NULL };

	if (strncmp(mount->type, "ext", 3) == 0 && mount->type[3] >= '2' && mount->type[3] <= '4')
		return true;
	for (size_t i = 0; types[i]; i++)
		if (streq(mount->type, types[i]))
			return true;
	/* A host that runs from an image has an overlay for its root. */
	return streq(mount->type, "overlay") && streq(mount->point, "/");
}

/* Mounts that runtimes make for each container: they belong to it, and are many. */
static bool is_of_container(const char *point)
{
	static const char *const prefixes[] = { "/var/lib/docker/",	"/var/lib/containers/",
						"/var/lib/containerd/", "/var/lib/kubelet/",
						"/run/containerd/",	"/run/docker/",
						"/run/credentials/",	NULL };

	return starts_with_any(point, prefixes);
}

static bool is_below(const char *path, const char *point)
{
	size_t length = strlen(point);

	return length > 1 && strncmp(path, point, length) == 0 && path[length] == '/';
}

static void free_items(struct disks *disks)
{
	for (size_t i = 0; i < disks->n; i++) {
		free(disks->items[i].device);
		free(disks->items[i].point);
	}
	free(disks->items);
	disks->items = NULL;
	disks->n = 0;
}

static char *disk_label(const struct mount *mount)
{
	const char *label = mount->source;

	if (streq(mount->type, "tmpfs"))
		label = mount->point;
	return utf8_clean(label, strlen(label), LABEL_MAX, NULL);
}

/*
 * One series per file system: of bind mounts and subvolumes the first stands for all, also of a tmpfs
 * whose label is the mount point (/run/netns is a part of /run). Of several mounts on one point the
 * last is the one to be seen.
 */
static void add_disk(struct disks *disks, const struct mount *mount)
{
	cleanup_free char *device = disk_label(mount);

	for (size_t i = 0; i < disks->n; i++) {
		struct disk *disk = &disks->items[i];

		if (disk->major == mount->major && disk->minor == mount->minor)
			return;
		if (!streq(disk->device, device))
			continue;
		if (streq(disk->point, mount->point)) {
			disk->major = mount->major;
			disk->minor = mount->minor;
		}
		return;
	}
	if (disks->n == DISKS_MAX) {
		disks->dropped++;
		return;
	}
	disks->items = xreallocarray(disks->items, disks->n + 1, sizeof(*disks->items));
	disks->items[disks->n++] = (struct disk){
		.major = mount->major,
		.minor = mount->minor,
		.device = device,
		.point = xstrdup(mount->point),
		.is_btrfs = streq(mount->type, "btrfs"),
	};
	device = NULL;
}

/* Takes away what is mounted below a point, and also what is on it: that is mounted over. */
static void drop_covered(struct disks *disks, const char *point, bool also_on_it)
{
	size_t kept = 0;

	for (size_t i = 0; i < disks->n; i++) {
		struct disk *disk = &disks->items[i];

		if (!is_below(disk->point, point) && !(also_on_it && streq(disk->point, point))) {
			disks->items[kept++] = *disk;
			continue;
		}
		free(disk->device);
		free(disk->point);
	}
	disks->n = kept;
}

static int read_mountinfo(struct disks *disks, struct buffer *text)
{
	int err = file_read_at(disks->procfs, "1/mountinfo", MOUNTINFO_MAX, text);

	if (err < 0)
		err = file_read_at(disks->procfs, "self/mountinfo", MOUNTINFO_MAX, text);
	return err;
}

int disks_refresh(struct disks *disks)
{
	cleanup(buffer_free) struct buffer text = { 0 };
	cleanup_free char *copy = NULL;
	struct pollfd changed = { .fd = disks->watch, .events = POLLPRI };
	struct mount mount;

	if (disks->known && disks->watch >= 0 &&
	    (poll(&changed, 1, 0) <= 0 || !(changed.revents & (POLLPRI | POLLERR))))
		return 0;
	int err = read_mountinfo(disks, &text);
	if (err < 0)
		return err;
	copy = xstrdup(text.data);
	free_items(disks);
	for (char *at = text.data; mountinfo_next(&at, &mount);)
		if (mountinfo_may_block(&mount))
			drop_covered(disks, mount.point, true);
		else if (is_local(&mount) && !is_of_container(mount.point))
			add_disk(disks, &mount);
	for (char *at = copy; mountinfo_next(&at, &mount);)
		if (mountinfo_may_block(&mount))
			drop_covered(disks, mount.point, false);
	disks->known = true;
	return 0;
}

int disks_open(const struct options *options, struct disks *ret, const char **ret_reason)
{
	struct disks disks = { .rootfs = -1 };
	int err = procfs_open(options, &disks.procfs, ret_reason);

	if (err < 0)
		return err;
	disks.rootfs = open(options->path_rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (disks.rootfs < 0) {
		err = -errno;
		close(disks.procfs);
		*ret_reason = "the root file system cannot be opened";
		return err;
	}
	disks.watch = openat(disks.procfs, "1/mountinfo", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	*ret = disks;
	return 0;
}

void disks_close(struct disks *disks)
{
	free_items(disks);
	close(disks->procfs);
	close(disks->rootfs);
	cleanup_close_fn(&disks->watch);
}

int disk_stat(const struct disks *disks, const struct disk *disk, struct statvfs *ret)
{
	cleanup_close int fd = open_beneath(disks->rootfs, disk->point, O_PATH, FOLLOW_IN_ROOT);
	struct statvfs fs;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || fstatvfs(fd, &fs) < 0)
		return -errno;
	if (!disk->is_btrfs && st.st_dev != makedev(disk->major, disk->minor))
		return -ESTALE;
	*ret = fs;
	return 0;
}

char *disks_device(const struct disks *disks, unsigned major, unsigned minor)
{
	for (size_t i = 0; i < disks->n; i++)
		if (disks->items[i].major == major && disks->items[i].minor == minor)
			return xstrdup(disks->items[i].device);
	return xasprintf("%u:%u", major, minor);
}
