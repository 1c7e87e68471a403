/* SPDX-License-Identifier: Apache-2.0 */
/* The hierarchy on scratch trees, and on the real cgroup2 with groups of our own. */
#include "collector/cgroups.h"
#include "collector/source.h"
#include "tests/support.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>

static struct group *find_path(struct hierarchy *hierarchy, const char *path)
{
	for_each_group(group, hierarchy)
		if (streq(group->path, path))
			return group;
	return NULL;
}

static struct hierarchy *open_tree(const char *tree)
{
	struct options options = options_for_tree(tree);
	struct hierarchy *hierarchy = NULL;

	assert_int_equal(hierarchy_open(&options, &hierarchy), 0);
	options_for_tree_free(&options);
	return hierarchy;
}

static struct hierarchy *open_host(void)
{
	struct options options = { .path_cgroupfs = (char[]){ "" },
				   .path_procfs = (char[]){ "/proc" } };
	struct hierarchy *hierarchy = NULL;

	assert_int_equal(hierarchy_open(&options, &hierarchy), 0);
	return hierarchy;
}

static void walks_in_order(void **state)
{
	char *tree = tree_new();
	static const char *const paths[] = { "/", "/a", "/b", "/a/x", "/a/y", "/a/y/z" };

	(void)state;
	tree_mkdir(tree, "cgroup/a/y/z");
	tree_mkdir(tree, "cgroup/b");
	tree_mkdir(tree, "cgroup/a/x");
	tree_write(tree, "cgroup/a/cpu.stat", "usage_usec 1\n");
	struct hierarchy *hierarchy = open_tree(tree);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(hierarchy_walk(hierarchy), 0);
		assert_int_equal(hierarchy->n_groups, ARRAY_SIZE(paths));
		for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
			assert_string_equal(hierarchy->groups[i]->path, paths[i]);
	}
	uint64_t id = find_path(hierarchy, "/a/y")->id;
	assert_ptr_equal(hierarchy_find(hierarchy, id), find_path(hierarchy, "/a/y"));
	hierarchy_close(hierarchy);
	tree_remove(tree);
}

static void reads_and_remembers_absence(void **state)
{
	char *tree = tree_new();
	const char *text = NULL;

	(void)state;
	tree_write(tree, "cgroup/a/cpu.stat", "usage_usec 1\n");
	struct hierarchy *hierarchy = open_tree(tree);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	struct group *a = find_path(hierarchy, "/a");
	unsigned stat = hierarchy_file(hierarchy, "cpu.stat"),
		 max = hierarchy_file(hierarchy, "cpu.max");
	assert_int_equal(hierarchy_file(hierarchy, "cpu.stat"), stat);
	assert_int_equal(group_read(hierarchy, a, stat, &text), 13);
	assert_string_equal(text, "usage_usec 1\n");
	assert_int_equal(group_read(hierarchy, a, max, &text), -ENOENT);
	/* It is not asked for again at once, only when the memory of its absence is old. */
	tree_write(tree, "cgroup/a/cpu.max", "max 100000\n");
	assert_int_equal(group_read(hierarchy, a, max, &text), -ENOENT);
	a->absent_since_ns = 0;
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	assert_int_equal(group_read(hierarchy, a, max, &text), 11);
	hierarchy_close(hierarchy);
	tree_remove(tree);
}

static void asks_again_after_a_controller_was_switched_on(void **state)
{
	char *tree = tree_new();
	const char *text = NULL;

	(void)state;
	tree_write(tree, "cgroup/a/cgroup.subtree_control", "memory\n");
	tree_write(tree, "cgroup/a/b/cpu.stat", "usage_usec 1\n");
	struct hierarchy *hierarchy = open_tree(tree);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	struct group *a = find_path(hierarchy, "/a"), *b = find_path(hierarchy, "/a/b");
	unsigned max = hierarchy_file(hierarchy, "cpu.max");
	assert_int_equal(group_read(hierarchy, b, max, &text), -ENOENT);
	tree_write(tree, "cgroup/a/b/cpu.max", "max 100000\n");
	a->controllers_ns = 0; /* a minute later, but nothing was switched on */
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	assert_int_equal(group_read(hierarchy, b, max, &text), -ENOENT);
	tree_write(tree, "cgroup/a/cgroup.subtree_control", "cpu memory\n");
	a->controllers_ns = 0;
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	assert_int_equal(group_read(hierarchy, b, max, &text), 11);
	hierarchy_close(hierarchy);
	tree_remove(tree);
}

static void reads_whole_large_files(void **state)
{
	char *tree = tree_new();
	const char *text = NULL;
	size_t size = 700 * 1024;
	cleanup_free char *large = xmalloc(2 * GROUP_FILE_MAX);

	(void)state;
	for (size_t i = 0; i < size; i++)
		large[i] = (char)('a' + i % 26);
	large[size] = '\0';
	tree_write(tree, "cgroup/io.stat", large);
	struct hierarchy *hierarchy = open_tree(tree);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	unsigned file = hierarchy_file(hierarchy, "io.stat");
	assert_int_equal(group_read(hierarchy, hierarchy->root, file, &text), size);
	assert_memory_equal(text, large, size + 1);
	memset(large, 'x', 2 * GROUP_FILE_MAX - 1);
	large[2 * GROUP_FILE_MAX - 1] = '\0';
	tree_write(tree, "cgroup/io.stat", large);
	assert_int_equal(group_read(hierarchy, hierarchy->root, file, &text), -EFBIG);
	tree_write(tree, "cgroup/io.stat", "");
	assert_int_equal(group_read(hierarchy, hierarchy->root, file, &text), 0);
	hierarchy_close(hierarchy);
	tree_remove(tree);
}

/* A cgroup of the same name is another one: its id is new, and the old descriptors say ENODEV. */
static void follows_real_groups(void **state)
{
	(void)state;
	cleanup_free char *path = own_group_new("walk");
	cleanup_free char *inner = xasprintf("%s/inner", path);
	const char *label = strrchr(path, '/'), *text;
	cleanup_free char *inner_label = xasprintf("%s/inner", label);
	struct hierarchy *hierarchy = open_host();
	unsigned stat = hierarchy_file(hierarchy, "cpu.stat");

	assert_int_equal(mkdir(inner, 0755), 0);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	struct group *group = find_path(hierarchy, inner_label);
	assert_non_null(group);
	struct stat st;
	assert_int_equal(lstat(inner, &st), 0);
	assert_int_equal(group->id, st.st_ino);
	struct workload some;
	group->workload = &some; /* as a workload its files are kept open */
	assert_true(group_read(hierarchy, group, stat, &text) > 0);
	assert_int_equal(hierarchy->open_fds, 1);
	assert_memory_equal(text, "usage_usec ", 11);

	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(mkdir(inner, 0755), 0);
	ssize_t err = group_read(hierarchy, group, stat, &text);
	assert_int_equal(err, -ENODEV);
	assert_true(is_absent((int)err));
	uint64_t old = group->id;
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	assert_null(hierarchy_find(hierarchy, old));
	assert_int_equal(hierarchy->open_fds, 0);
	assert_non_null(find_path(hierarchy, inner_label));
	assert_true(find_path(hierarchy, inner_label)->id != old);

	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	assert_null(find_path(hierarchy, label));
	hierarchy_close(hierarchy);
}

/* Its processes are its domain's: that is an answer, at every reading, and no missing file. */
static void tells_threaded_groups(void **state)
{
	(void)state;
	cleanup_free char *path = own_group_new("threaded");
	cleanup_free char *inner = xasprintf("%s/inner", path);
	cleanup_free char *type = xasprintf("%s/inner/cgroup.type", path);
	cleanup_free char *label = xasprintf("%s/inner", strrchr(path, '/'));
	struct hierarchy *hierarchy = open_host();
	unsigned procs = hierarchy_file(hierarchy, "cgroup.procs");
	const char *text;

	assert_int_equal(mkdir(inner, 0755), 0);
	cleanup_close int fd = open(type, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "threaded", 8), 8);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	struct group *group = find_path(hierarchy, label);
	for (int again = 0; again < 2; again++)
		assert_int_equal(group_read(hierarchy, group, procs, &text), -EOPNOTSUPP);
	hierarchy_close(hierarchy);
	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(rmdir(path), 0);
}

/* cgroupfs takes nearly any byte, and 4,000 of them in one component (NAME_MAX is not enforced). */
static void survives_hostile_names(void **state)
{
	static const char *const names[] = { "quote\"",	    "back\\slash", "tab\t",
					     "esc\033[31m", "cr\r",	   "bad\xff\xfeutf8",
					     "{a=\"b\"}",   "caf\xc3\xa9" };

	(void)state;
	cleanup_free char *path = own_group_new("names");
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char longest[4001];

	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(mkdirat(fd, names[i], 0755), 0);
	while (mkdirat(fd, longest, 0755) != 0) { /* the longest that this kernel accepts */
		longest[strlen(longest) - 1] = '\0';
		assert_true(strlen(longest) > 255);
	}
	struct hierarchy *hierarchy = open_host();
	const char *text;
	unsigned stat = hierarchy_file(hierarchy, "cpu.stat");
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	for (size_t i = 0; i <= ARRAY_SIZE(names); i++) {
		const char *name = i < ARRAY_SIZE(names) ? names[i] : longest;
		cleanup_free char *label = xasprintf("%s/%s", strrchr(path, '/'), name);
		struct group *group = find_path(hierarchy, label);

		assert_non_null(group);
		assert_true(group_read(hierarchy, group, stat, &text) > 0);
	}
	hierarchy_close(hierarchy);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(unlinkat(fd, names[i], AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(fd, longest, AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(path), 0);
}

/* What has no room is counted as long as it is there, once, however often its parent is looked at. */
static void counts_what_it_leaves_out(void **state)
{
	enum { LEVELS = 4, LONG = 4000, DROPPED = 2 };
	static const char *const names[DROPPED] = { "one", "other" };
	char level[LONG + 1], last[DROPPED][400];
	int fds[LEVELS + 1];

	(void)state;
	cleanup_free char *path = own_group_new("dropped");
	memset(level, 'l', LONG);
	level[LONG] = '\0';
	fds[0] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Where the kernel's limit of a name is lower, nothing is left out. */
	if (mkdirat(fds[0], level, 0755) < 0) {
		close(fds[0]);
		assert_int_equal(rmdir(path), 0);
		printf("SKIP: names cannot be that long here\n");
		skip();
	}
	for (int i = 0; i < LEVELS; i++) {
		assert_true(i == 0 || mkdirat(fds[i], level, 0755) == 0);
		fds[i + 1] = openat(fds[i], level, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	for (int i = 0; i < DROPPED; i++) {
		snprintf(last[i], sizeof(last[i]), "%s%0390d", names[i], 0);
		assert_int_equal(mkdirat(fds[LEVELS], last[i], 0755), 0);
	}
	struct hierarchy *hierarchy = open_host();
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	assert_int_equal(hierarchy->groups_dropped, DROPPED);
	struct group *parent = hierarchy->root;
	for_each_group(group, hierarchy)
		parent = group->depth > parent->depth ? group : parent;
	for (int i = 0; i < DROPPED; i++) {
		parent->changed = true;
		assert_int_equal(hierarchy_look(hierarchy), 0);
		assert_int_equal(hierarchy->groups_dropped, DROPPED - i);
		parent->changed = true;
		assert_int_equal(hierarchy_look(hierarchy), 0);
		assert_int_equal(hierarchy->groups_dropped, DROPPED - i);
		assert_int_equal(unlinkat(fds[LEVELS], last[i], AT_REMOVEDIR), 0);
	}
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	assert_int_equal(hierarchy->groups_dropped, 0);
	for (int i = LEVELS - 1; i >= 0; i--) {
		close(fds[i + 1]);
		assert_int_equal(unlinkat(fds[i], level, AT_REMOVEDIR), 0);
	}
	close(fds[0]);
	assert_int_equal(rmdir(path), 0);
	hierarchy_close(hierarchy);
}

/* Deeper than PATH_MAX: reached through directory descriptors; all of it goes when it is gone. */
static void survives_depth(void **state)
{
	enum { DEPTH = 60 };
	char name[101];

	(void)state;
	memset(name, 'd', 100);
	name[100] = '\0';
	cleanup_free char *path = own_group_new("deep");
	int fds[DEPTH + 1];
	fds[0] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEPTH; i++) {
		assert_int_equal(mkdirat(fds[i], name, 0755), 0);
		fds[i + 1] = openat(fds[i], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	struct hierarchy *hierarchy = open_host();
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	unsigned stat = hierarchy_file(hierarchy, "cpu.stat"), deepest = 0;
	const char *text;
	for_each_group(group, hierarchy) {
		assert_true(group_read(hierarchy, group, stat, &text) > 0);
		deepest = group->depth > deepest ? group->depth : deepest;
	}
	assert_int_equal(deepest, DEPTH + 1);
	assert_int_equal(hierarchy->walk_errors, 0);
	for (int i = DEPTH - 1; i >= 0; i--) {
		assert_int_equal(unlinkat(fds[i], name, AT_REMOVEDIR), 0);
		close(fds[i + 1]);
	}
	close(fds[0]);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	assert_null(find_path(hierarchy, strrchr(path, '/')));
	hierarchy_close(hierarchy);
}

static size_t count_fds(void)
{
	cleanup_dir DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir))
		n++;
	return n;
}

/* With almost no descriptors left every file is still read, and kept ones are given back. */
static void survives_emfile(void **state)
{
	enum { GROUPS = 40 };
	char *tree = tree_new();
	struct rlimit limit, small;
	const char *text;

	(void)state;
	for (int i = 0; i < GROUPS; i++) {
		cleanup_free char *name = xasprintf("cgroup/g%02d/cpu.stat", i);

		tree_write(tree, name, "usage_usec 7\n");
	}
	struct hierarchy *hierarchy = open_tree(tree);
	unsigned stat = hierarchy_file(hierarchy, "cpu.stat");
	getrlimit(RLIMIT_NOFILE, &limit);
	small = limit;
	small.rlim_cur = count_fds() + 8;
	/* As if the limit had been lowered behind our back. */
	hierarchy->fd_budget = hierarchy->dir_budget = 1000;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	hierarchy->fd_budget = 1000;
	struct workload some;
	for_each_group(group, hierarchy) {
		group->workload = &some;
		if (group->parent)
			assert_int_equal(group_read(hierarchy, group, stat, &text), 13);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(hierarchy->fd_exhausted > 0);
	assert_int_equal(hierarchy->n_groups, GROUPS + 1);
	hierarchy_close(hierarchy);
	tree_remove(tree);
}

/* With fewer descriptors than directories are open directories are given back, too. */
static void gives_directories_back(void **state)
{
	enum { GROUPS = 40, TOO_MANY = 20, READS = 8 };
	char *tree = tree_new();
	struct rlimit limit, small;
	struct workload some;
	const char *text;
	ssize_t length = -1;

	(void)state;
	tree_write(tree, "cgroup/cpu.stat", "usage_usec 7\n");
	for (int i = 0; i < GROUPS; i++) {
		cleanup_free char *name = xasprintf("cgroup/g%02d/cpu.stat", i);

		tree_write(tree, name, "usage_usec 7\n");
	}
	struct hierarchy *hierarchy = open_tree(tree);
	unsigned stat = hierarchy_file(hierarchy, "cpu.stat");
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	hierarchy->root->workload = &some;
	assert_int_equal(group_read(hierarchy, hierarchy->root, stat, &text), 13);
	assert_int_equal(hierarchy->open_fds, 1);
	getrlimit(RLIMIT_NOFILE, &limit);
	small = limit;
	small.rlim_cur = count_fds() - TOO_MANY;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
	for (int i = 0; i < READS && length < 0; i++)
		length = group_read(hierarchy, hierarchy->groups[1], stat, &text);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(length, 13);
	hierarchy_close(hierarchy);
	tree_remove(tree);
}

static void *make_and_remove(void *arg)
{
	const char *path = arg;

	for (int round = 0; round < 3000; round++) {
		cleanup_free char *inner = xasprintf("%s/g%d", path, round % 3);

		mkdir(inner, 0755);
		rmdir(inner);
	}
	return NULL;
}

/* Groups come and go while they are listed and read: only "absent" errors, nothing leaks. */
static void survives_races(void **state)
{
	pthread_t thread;
	const char *text;

	(void)state;
	cleanup_free char *path = own_group_new("race");
	struct hierarchy *hierarchy = open_host();
	unsigned stat = hierarchy_file(hierarchy, "cpu.stat"),
		 pressure = hierarchy_file(hierarchy, "cpu.pressure");
	size_t before = count_fds();
	assert_int_equal(pthread_create(&thread, NULL, make_and_remove, path), 0);
	for (int round = 0; round < 300; round++) {
		assert_int_equal(hierarchy_walk(hierarchy), 0);
		for_each_group(group, hierarchy) {
			ssize_t n = group_read(hierarchy, group, stat, &text);

			assert_true(n > 0 || is_absent((int)n));
			n = group_read(hierarchy, group, pressure, &text);
			assert_true(n > 0 || is_absent((int)n));
		}
	}
	pthread_join(thread, NULL);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	assert_int_equal(hierarchy->walk_errors, 0);
	assert_true(count_fds() <= before + hierarchy->n_groups);
	hierarchy_close(hierarchy);
}

static void reports_missing_root(void **state)
{
	char *tree = tree_new();
	struct options options = options_for_tree(tree);
	struct hierarchy *hierarchy = NULL;

	(void)state;
	assert_int_equal(hierarchy_open(&options, &hierarchy), -ENOENT);
	assert_null(hierarchy);
	options_for_tree_free(&options);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks_in_order),
		cmocka_unit_test(reads_and_remembers_absence),
		cmocka_unit_test(asks_again_after_a_controller_was_switched_on),
		cmocka_unit_test(reads_whole_large_files),
		cmocka_unit_test(follows_real_groups),
		cmocka_unit_test(tells_threaded_groups),
		cmocka_unit_test(survives_hostile_names),
		cmocka_unit_test(counts_what_it_leaves_out),
		cmocka_unit_test(survives_depth),
		cmocka_unit_test(survives_emfile),
		cmocka_unit_test(gives_directories_back),
		cmocka_unit_test(survives_races),
		cmocka_unit_test(reports_missing_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
