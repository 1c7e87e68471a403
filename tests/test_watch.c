/* SPDX-License-Identifier: Apache-2.0 */
/* What inotify tells, of folders that look like cgroups. */
#include "collector/watch.h"

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
	assert_false(watch_drain(watch));

	tree_mkdir(tree, "cgroup/a.slice/b");
	assert_true(has_news(watch));
	assert_true(watch_drain(watch));
	assert_false(has_news(watch));

	/* A write is news, but not of groups. */
	tree_write(tree, "cgroup/a.slice/memory.events", "oom_kill 1\n");
	assert_true(has_news(watch));
	assert_false(watch_drain(watch));

	/* What a walk has found is watched too, and what is gone no longer. */
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	watch_update(watch, hierarchy);
	tree_mkdir(tree, "cgroup/a.slice/b/c");
	assert_true(watch_drain(watch));
	remove_folder(tree, "cgroup/a.slice/b/c");
	assert_true(watch_drain(watch));
	remove_folder(tree, "cgroup/a.slice/b");
	assert_true(watch_drain(watch));
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	watch_update(watch, hierarchy);
	(void)watch_drain(watch);
	assert_false(has_news(watch));
	watch_free(watch);
	hierarchy_close(hierarchy);
	options_for_tree_free(&options);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_of_groups_and_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
