/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where cgroup hierarchies are mounted, and whether a path leads where nobody may answer.
 */
#pragma once

#include <stdbool.h>

struct options;

struct mounts {
	char *cgroup2; /* mount point of the v2 hierarchy, as this process sees it */
	char *v1;      /* controllers on v1 hierarchies, "cpu,memory"; "" on a unified host */
};

/*
 * Asks libcgroup, then reads <procfs>/self/mountinfo: libcgroup misses a cgroup2 mount whose
 * cgroup.controllers is empty, and it always reads the real /proc. --path.cgroupfs overrules both.
 * -ENOENT: no cgroup2 is mounted.
 */
int mounts_find(const struct options *options, struct mounts *ret);
void mounts_free(struct mounts *mounts);
/*
 * Whether `path` below `rootfs` lies on a file system that may block for ever (a dead NFS server, a
 * user's FUSE), by the text of <procfs>/self/mountinfo alone: looking would be too late. Links on the
 * way are not seen.
 */
bool mounts_may_block(const char *procfs, const char *rootfs, const char *path);
/* The same, or whether one that may block is mounted anywhere below `path`. */
bool mounts_may_block_below(const char *procfs, const char *rootfs, const char *path);
