/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/mounts.h"

#include <errno.h>
#include <libcgroup.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options.h"

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

/* Undoes the octal escapes of mountinfo's paths, in place: proc_pid_mountinfo(5). */
static void unescape(char *s)
{
	char *to = s;

	for (const char *from = s; *from; from++, to++) {
		*to = *from;
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
		    from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 3;
		}
	}
	*to = '\0';
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

	for (char *o = strtok_r(super_options, ",\n", &save); o; o = strtok_r(NULL, ",\n", &save)) {
		if (!is_controller(o))
			continue;
		if (v1->length)
			buffer_putc(v1, ',');
		buffer_puts(v1, o);
	}
}

/* One line: "ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS [optional fields] - TYPE SOURCE SUPEROPTIONS" */
static void read_line(char *line, char **cgroup2, struct buffer *v1)
{
	char *save, *point = NULL, *type, *super;
	char *tail = strstr(line, " - ");

	if (!tail)
		return;
	*tail = '\0';
	tail += 3;
	type = strtok_r(tail, " ", &save);
	if (!type || !strtok_r(NULL, " ", &save))
		return;
	super = strtok_r(NULL, " ", &save);
	point = strtok_r(line, " ", &save);
	for (int i = 0; i < 4 && point; i++)
		point = strtok_r(NULL, " ", &save);
	if (!point || !super)
		return;
	if (streq(type, "cgroup"))
		add_v1_controllers(v1, super);
	if (streq(type, "cgroup2") && !*cgroup2) {
		unescape(point);
		*cgroup2 = xstrdup(point);
	}
}

static int read_mountinfo(const struct options *options, char **ret_cgroup2, struct buffer *v1)
{
	cleanup_free char *path = xasprintf("%s/self/mountinfo", options->path_procfs);
	cleanup_free char *line = NULL;
	cleanup_file FILE *f = fopen(path, "re");
	size_t size = 0;

	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0)
		read_line(line, ret_cgroup2, v1);
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
