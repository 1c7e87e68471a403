/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/procfs/mountinfo.h"
#include "collector/options/options.h"
#include "collector/procfs/procfs.h"

enum { MOUNTINFO_MAX = 64 * 1024 * 1024 };

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* The mount point of the first controller that libcgroup finds on cgroup2, or NULL. */
static char *ask_libcgroup(void)
{
	struct cgroup_mount_point mount;
	char *found = NULL;
	void *handle;

	if (cgroup_init() != 0)
		return NULL;
	for (int err = cgroup_get_controller_begin(&handle, &mount); err == 0;
	     err = cgroup_get_controller_next(&handle, &mount))
		if (!found && is_cgroup2(mount.path))
			found = xstrdup(mount.path);
	cgroup_get_controller_end(&handle);
	return found;
}

/* Names of v1 hierarchies that are no controllers: they take nothing away from cgroup2. */
static bool is_controller(const char *option)
{
	static const char *const controllers[] = { "cpu",  "cpuacct", "cpuset", "memory", "blkio",
						   "pids", "hugetlb", "rdma",	"misc" };

	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
		if (streq(option, controllers[i]))
			return true;
	return false;
}

static void add_v1_controllers(struct buffer *v1, char *super_options)
{
	char *save;

	for (char *o = strtok_r(super_options, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		if (!is_controller(o))
			continue;
		if (v1->length)
			buffer_putc(v1, ',');
		buffer_puts(v1, o);
	}
}

static int read_mountinfo(const struct options *options, char **ret_cgroup2, struct buffer *v1)
{
	cleanup_free char *path = xasprintf("%s/self/mountinfo", options->path_procfs);
	cleanup(buffer_free) struct buffer text = { 0 };
	struct mount mount;
	int err = file_read_at(AT_FDCWD, path, MOUNTINFO_MAX, &text);

	if (err)
		return err;
	for (char *at = text.data; mountinfo_next(&at, &mount);) {
		if (streq(mount.type, "cgroup"))
			add_v1_controllers(v1, mount.options);
		if (streq(mount.type, "cgroup2") && !*ret_cgroup2)
			*ret_cgroup2 = xstrdup(mount.point);
	}
	return 0;
}

int mounts_find(const struct options *options, struct mounts *ret)
{
	cleanup_free char *from_mountinfo = NULL;
	char *cgroup2 = NULL;
	struct buffer v1 = { 0 };

	int err = read_mountinfo(options, &from_mountinfo, &v1);
	buffer_putc(&v1, '\0');
	if (*options->path_cgroupfs)
		cgroup2 = xstrdup(options->path_cgroupfs);
	else if (streq(options->path_procfs, "/proc"))
		cgroup2 = ask_libcgroup();
	if (!cgroup2 && from_mountinfo)
		cgroup2 = xstrdup(from_mountinfo);
	if (!cgroup2) {
		buffer_free(&v1);
		return err ? err : -ENOENT;
	}
	*ret = (struct mounts){ .cgroup2 = cgroup2, .v1 = v1.data };
	return 0;
}

void mounts_free(struct mounts *mounts)
{
	free(mounts->cgroup2);
	free(mounts->v1);
	*mounts = (struct mounts){ 0 };
}

/* Whether `path` is `above`, or is below it. Nothing is below "/" here: then all would be. */
static bool leads_through(const char *path, const char *above)
{
	size_t length = strlen(above);

	return strncmp(path, above, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool may_block(const char *procfs, const char *rootfs, const char *path, bool below)
{
	cleanup_free char *file = xasprintf("%s/self/mountinfo", procfs);
	cleanup_free char *full = xasprintf("%s%s%s", streq(rootfs, "/") ? "" : rootfs,
					    path[0] == '/' ? "" : "/", path);
	cleanup(buffer_free) struct buffer text = { 0 };
	struct mount mount;

	if (file_read_at(AT_FDCWD, file, MOUNTINFO_MAX, &text) != 0)
		return false;
	for (char *at = text.data; mountinfo_next(&at, &mount);)
		if ((leads_through(full, mount.point) ||
		     (below && leads_through(mount.point, full))) &&
		    mountinfo_may_block(&mount))
			return true;
	return false;
}

bool mounts_may_block(const char *procfs, const char *rootfs, const char *path)
{
	return may_block(procfs, rootfs, path, false);
}

bool mounts_may_block_below(const char *procfs, const char *rootfs, const char *path)
{
	return may_block(procfs, rootfs, path, true);
}
