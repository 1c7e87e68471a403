/* SPDX-License-Identifier: Apache-2.0 */
/* What inotify tells, of folders that look like cgroups. */
#include "collector/workloads/watch.h"

#include <poll.h>

#include "collector/cgroups.h"
#include "tests/support.h"

static bool has_news(const struct watch *watch)
{
	struct pollfd fd = { .fd = watch_fd(watch), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static void remove_folder(const char *tree, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s", tree, name);

	assert_int_equal(rmdir(path), 0);
}

static void tells_of_groups_and_kills(void **state)
{
	char *tree = tree_new();
	struct options options = options_for_tree(tree);
	struct hierarchy *hierarchy;
	struct watch *watch;

	(void)state;
	tree_mkdir(tree, "cgroup/a.slice");
	tree_write(tree, "cgroup/a.slice/memory.events", "oom_kill 0\n");
	assert_int_equal(hierarchy_open(&options, &hierarchy), 0);
	assert_int_equal(watch_new(&watch), 0);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	watch_update(watch, hierarchy);
	assert_false(has_news(watch));
	assert_int_equal(watch_drain(watch, hierarchy), WATCH_NONE);

	tree_mkdir(tree, "cgroup/a.slice/b");
	assert_true(has_news(watch));
	assert_int_equal(watch_drain(watch, hierarchy), WATCH_SOME);
	assert_false(has_news(watch));

	/* A write is news, but not of groups. */
	tree_write(tree, "cgroup/a.slice/memory.events", "oom_kill 1\n");
	assert_true(has_news(watch));
	assert_int_equal(watch_drain(watch, hierarchy), WATCH_NONE);

	/* What a walk has found is watched too, and what is gone no longer. */
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	watch_update(watch, hierarchy);
	tree_mkdir(tree, "cgroup/a.slice/b/c");
	assert_int_equal(watch_drain(watch, hierarchy), WATCH_SOME);
	remove_folder(tree, "cgroup/a.slice/b/c");
	assert_int_equal(watch_drain(watch, hierarchy), WATCH_SOME);
	remove_folder(tree, "cgroup/a.slice/b");
	assert_int_equal(watch_drain(watch, hierarchy), WATCH_SOME);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	watch_update(watch, hierarchy);
	(void)watch_drain(watch, hierarchy);
	assert_false(has_news(watch));
	watch_free(watch);
	hierarchy_close(hierarchy);
	options_for_tree_free(&options);
	tree_remove(tree);
}

static struct group *group_at(const struct hierarchy *hierarchy, const char *path)
{
	for_each_group(group, hierarchy)
		if (streq(group->path, path))
			return group;
	return NULL;
}

/* A look lists the folder that was named, and what is new in it; it knows of nothing else. */
static void looks_where_it_was_told(void **state)
{
	char *tree = tree_new();
	struct options options = options_for_tree(tree);
	struct hierarchy *hierarchy;
	struct watch *watch;

	(void)state;
	tree_mkdir(tree, "cgroup/a.slice/old");
	tree_mkdir(tree, "cgroup/b.slice");
	assert_int_equal(hierarchy_open(&options, &hierarchy), 0);
	assert_int_equal(watch_new(&watch), 0);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	assert_true(watch_update(watch, hierarchy));
	/* What came before the watch was set is found, because the watch is new. */
	tree_mkdir(tree, "cgroup/b.slice/early");
	assert_int_equal(hierarchy_look(hierarchy), 0);
	assert_non_null(group_at(hierarchy, "/b.slice/early"));
	(void)watch_drain(watch, hierarchy);
	assert_int_equal(hierarchy_look(hierarchy), 0);
	assert_true(watch_update(watch, hierarchy));
	assert_int_equal(hierarchy_look(hierarchy), 0);
	assert_false(watch_update(watch, hierarchy));

	/* Nobody was told of this one: its news are taken by another. */
	struct watch *other;
	assert_int_equal(watch_new(&other), 0);
	tree_mkdir(tree, "cgroup/a.slice/new/below");
	remove_folder(tree, "cgroup/a.slice/old");
	assert_int_equal(watch_drain(other, hierarchy), WATCH_NONE);
	assert_int_equal(hierarchy_look(hierarchy), 0);
	assert_null(group_at(hierarchy, "/a.slice/new"));
	assert_non_null(group_at(hierarchy, "/a.slice/old"));
	watch_free(other);

	assert_int_equal(watch_drain(watch, hierarchy), WATCH_SOME);
	assert_true(group_at(hierarchy, "/a.slice")->changed);
	assert_false(group_at(hierarchy, "/b.slice")->changed);
	assert_int_equal(hierarchy_look(hierarchy), 0);
	assert_non_null(group_at(hierarchy, "/a.slice/new/below"));
	assert_null(group_at(hierarchy, "/a.slice/old"));
	assert_non_null(group_at(hierarchy, "/b.slice/early"));
	watch_free(watch);
	hierarchy_close(hierarchy);
	options_for_tree_free(&options);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_of_groups_and_kills),
		cmocka_unit_test(looks_where_it_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
