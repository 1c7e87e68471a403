/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several tests need: scratch trees that look like a host, and cgroups of our own on the real
 * one. Header only, so that each test stays one file.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"

#define SUPPORT __attribute__((unused)) static

/* A scratch directory; tree_remove() takes it and all in it away. */
SUPPORT char *tree_new(void)
{
	char *path = xstrdup("/tmp/tallyman-test-XXXXXX");

	assert_non_null(mkdtemp(path));
	return path;
}

SUPPORT void tree_mkdir(const char *tree, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s", tree, name);

	for (char *s = path + strlen(tree) + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
		*s = '/';
	}
	assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
}

/* Writes a file, making the directories above it. */
SUPPORT void tree_write(const char *tree, const char *name, const char *text)
{
	cleanup_free char *path = xasprintf("%s/%s", tree, name);
	cleanup_free char *above = xstrdup(name);
	char *slash = strrchr(above, '/');

	if (slash) {
		*slash = '\0';
		tree_mkdir(tree, above);
	}
	cleanup_file FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

SUPPORT int tree_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

SUPPORT void tree_remove(char *tree)
{
	assert_int_equal(nftw(tree, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(tree);
}

/*
 * Options that read TREE/cgroup, TREE/proc, TREE/sys and TREE/root, all sources on; freed by
 * options_for_tree_free().
 */
SUPPORT struct options options_for_tree(const char *tree)
{
	return (struct options){
		.path_cgroupfs = xasprintf("%s/cgroup", tree),
		.path_procfs = xasprintf("%s/proc", tree),
		.path_sysfs = xasprintf("%s/sys", tree),
		.path_rootfs = xasprintf("%s/root", tree),
		.sources_enabled = ~UINT64_C(0),
		.cgroups_max = 10000,
		.labels_max_length = 1024,
		.log_level = LOG_LEVEL_ERROR,
	};
}

SUPPORT void options_for_tree_free(struct options *options)
{
	free(options->path_cgroupfs);
	free(options->path_procfs);
	free(options->path_sysfs);
	free(options->path_rootfs);
}

/* Where cgroup2 is mounted on this host, if we may make groups there; else the test is skipped. */
SUPPORT const char *own_groups_root(void)
{
	static const char *const mounts[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		cleanup_free char *controllers = xasprintf("%s/cgroup.controllers", mounts[i]);

		if (access(controllers, R_OK) == 0 && access(mounts[i], W_OK) == 0 &&
		    geteuid() == 0)
			return mounts[i];
	}
	printf("SKIP: no cgroup2 in which groups can be made (root and a writable mount are "
	       "needed)\n");
	skip();
	return NULL;
}

/* A new group below the root, "tallyman-NAME-PID"; rmdir() it when done. Path is freed by the caller. */
SUPPORT char *own_group_new(const char *name)
{
	char *path = xasprintf("%s/tallyman-%s-%d", own_groups_root(), name, (int)getpid());

	assert_int_equal(mkdir(path, 0755), 0);
	return path;
}
