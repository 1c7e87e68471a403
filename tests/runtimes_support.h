/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of cgroups and a root with files of runtimes, discovered; for their tests. */
#pragma once

#include "collector/cgroups.h"
#include "collector/collect.h"
#include "collector/workloads/containers.h"
#include "collector/workloads/identity.h"
#include "tests/support.h"

struct world {
	char *tree;
	struct options options;
	struct hierarchy *hierarchy;
	struct containers *containers;
	struct self_counters counters;
	struct snapshot *snapshot;
};

SUPPORT int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->tree = tree_new();
	tree_mkdir(w->tree, "cgroup");
	tree_mkdir(w->tree, "root");
	w->options = options_for_tree(w->tree);
	*state = w;
	return 0;
}

SUPPORT int tear_down(void **state)
{
	struct world *w = *state;

	snapshot_unref(w->snapshot);
	containers_free(w->containers);
	hierarchy_close(w->hierarchy);
	options_for_tree_free(&w->options);
	tree_remove(w->tree);
	free(w);
	return 0;
}

/* Reads a captured or made up root instead of the scratch one. */
SUPPORT void use_root(struct world *w, const char *path)
{
	free(w->options.path_rootfs);
	w->options.path_rootfs = xstrdup(path);
}

SUPPORT void add_cgroup(const struct world *w, const char *path)
{
	cleanup_free char *name = xasprintf("cgroup/%s", path);

	tree_mkdir(w->tree, name);
}

SUPPORT void discover(struct world *w)
{
	cleanup_free char *error = NULL;

	if (!w->hierarchy)
		assert_int_equal(hierarchy_open(&w->options, &w->hierarchy), 0);
	if (!w->containers)
		assert_int_equal(containers_new(&w->options, &w->containers, &error), 0);
	snapshot_unref(w->snapshot);
	w->snapshot = snapshot_new();
	assert_int_equal(hierarchy_walk(w->hierarchy), 0);
	containers_discover(w->containers, w->hierarchy, w->snapshot, &w->counters);
}

SUPPORT struct group *group_at(const struct world *w, const char *path)
{
	for_each_group(group, w->hierarchy)
		if (streq(group->path + 1, path))
			return group;
	fail_msg("no group %s", path);
	return NULL;
}
