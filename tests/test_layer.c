/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over real directories, compared with du(1). */
#include "collector/buffer.h"
#include "collector/workloads/layer.h"
#include "tests/procfs_support.h"

#include <sys/mount.h>

static const struct layer_limits no_limits = { .entries = 1000000 };

static char *deep_tree(void)
{
	char *tree = tree_new();
	cleanup_free char *a = xasprintf("%s/layer/d/file", tree);
	cleanup_free char *b = xasprintf("%s/layer/link", tree);
	cleanup_free char *c = xasprintf("%s/layer/outside", tree);
	char text[10001];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	tree_write(tree, "layer/d/file", text);
	tree_write(tree, "layer/d/e/f/other", text);
	tree_write(tree, "elsewhere/big", text);
	assert_int_equal(link(a, b), 0);
	assert_int_equal(symlink("../elsewhere", c), 0);
	return tree;
}

static uint64_t du(const char *tree, const char *option)
{
	cleanup_free char *text = shell_output("du -s -x %s %s/layer | cut -f1", option, tree);

	return strtoull(text, NULL, 10);
}

static void agrees_with_du(void **state)
{
	struct layer_usage usage;
	char *tree = deep_tree();

	(void)state;
	assert_int_equal(layer_walk(tree, "/layer", &no_limits, &usage), 0);
	assert_int_equal(usage.bytes, du(tree, "-B1"));
	assert_int_equal(usage.inodes, du(tree, "--inodes"));
	assert_true(usage.limit_bytes > usage.bytes);
	tree_remove(tree);
}

static void stays_below_root(void **state)
{
	struct layer_usage usage;
	char *tree = deep_tree();
	cleanup_free char *link = xasprintf("%s/layer/up", tree);

	(void)state;
	/* ".." and absolute links end at the root that was given, not at ours. */
	assert_int_equal(layer_walk(tree, "/../../../layer", &no_limits, &usage), 0);
	assert_int_equal(symlink("/layer/d", link), 0);
	assert_int_equal(layer_walk(tree, "/layer/up", &no_limits, &usage), 0);
	assert_int_equal(layer_walk(tree, "/etc", &no_limits, &usage), -ENOENT);
	assert_int_equal(layer_walk(tree, "/layer/d/file", &no_limits, &usage), -ENOTDIR);
	assert_int_equal(layer_walk("/", "/proc/self/root/tmp", &no_limits, &usage), -ELOOP);
	tree_remove(tree);
}

static void refuses_other_file_systems(void **state)
{
	struct layer_usage usage;

	(void)state;
	assert_int_equal(layer_walk("/", "/proc", &no_limits, &usage), -EMEDIUMTYPE);
	assert_int_equal(layer_walk("/", "/sys", &no_limits, &usage), -EMEDIUMTYPE);
}

static void keeps_to_limits(void **state)
{
	const struct layer_limits few = { .entries = 5 };
	struct layer_usage usage = { .bytes = 77 };
	char *tree = deep_tree();
	struct buffer name = { 0 };

	(void)state;
	assert_int_equal(layer_walk(tree, "/layer", &few, &usage), -E2BIG);
	buffer_puts(&name, "layer");
	for (int i = 0; i < 140; i++)
		buffer_puts(&name, "/n");
	buffer_putc(&name, '\0');
	tree_mkdir(tree, name.data);
	buffer_free(&name);
	assert_int_equal(layer_walk(tree, "/layer", &no_limits, &usage), -ELOOP);
	assert_int_equal(usage.bytes, 77);
	tree_remove(tree);
}

static bool stop_at_once(void *data)
{
	++*(int *)data;
	return true;
}

static void can_be_stopped(void **state)
{
	int asked = 0;
	const struct layer_limits limits = { .entries = 1000000,
					     .stopped = stop_at_once,
					     .data = &asked };
	struct layer_usage usage;
	char *tree = tree_new(), name[40];

	(void)state;
	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "layer/%d", i);
		tree_write(tree, name, "");
	}
	assert_int_equal(layer_walk(tree, "/layer", &limits, &usage), -ECANCELED);
	assert_int_equal(asked, 1);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_du),
		cmocka_unit_test(stays_below_root),
		cmocka_unit_test(refuses_other_file_systems),
		cmocka_unit_test(keeps_to_limits),
		cmocka_unit_test(can_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
