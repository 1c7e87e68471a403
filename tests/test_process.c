/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/cgroups.h"
#include "collector/procfs/process.h"
#include "tests/procfs_support.h"

struct host {
	char *tree;
	struct options options;
	struct hierarchy *hierarchy;
};

static void host_open(struct host *host)
{
	host->tree = tree_new();
	host->options = options_for_tree(host->tree);
	tree_write(host->tree, "proc/stat", "cpu 1\nbtime 1700000000\n");
	tree_write(host->tree, "cgroup/cgroup.procs", "");
	tree_write(host->tree, "cgroup/s.slice/cgroup.procs", "");
	tree_write(host->tree, "cgroup/s.slice/a.service/cgroup.procs", "12\n10\n");
	tree_write(host->tree, "cgroup/s.slice/b.service/cgroup.procs", "11\n13\n");
	for (int pid = 10; pid <= 12; pid++)
		tree_process(host->tree, pid, 500, 0);
	assert_int_equal(hierarchy_open(&host->options, &host->hierarchy), 0);
	assert_non_null(host->hierarchy);
	assert_int_equal(hierarchy_walk(host->hierarchy), 0);
}

static struct group *find(const struct host *host, const char *path)
{
	struct group *found = NULL;

	for (size_t i = 0; host->hierarchy && i < host->hierarchy->n_groups; i++)
		if (streq(host->hierarchy->groups[i]->path, path))
			found = host->hierarchy->groups[i];
	assert_non_null(found);
	return found;
}

static void host_close(struct host *host)
{
	hierarchy_close(host->hierarchy);
	options_for_tree_free(&host->options);
	tree_remove(host->tree);
}

static void lists_all_below(void **state)
{
	struct process_list list;
	struct host host = { 0 };

	(void)state;
	host_open(&host);
	/* 13 is listed but has ended. */
	assert_int_equal(process_list_read(&host.options, host.hierarchy, find(&host, "/s.slice"),
					   10, &list),
			 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.total, 3);
	for (size_t i = 0; i < list.n; i++)
		assert_int_equal(list.items[i].pid, 10 + (int)i);
	assert_string_equal(list.items[0].comm, "some) one");
	assert_int_equal(list.items[0].state, 'S');
	assert_int_equal(list.items[0].threads, 3);
	assert_int_equal(list.items[0].cpu_ticks, 30);
	assert_int_equal(list.items[0].rss_bytes, 50 * (uint64_t)sysconf(_SC_PAGESIZE));
	assert_int_equal(list.items[0].start_ms,
			 UINT64_C(1700000000000) + 500 * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
	process_list_free(&list);
	host_close(&host);
}

static void is_bounded_and_clean(void **state)
{
	struct process_list list;
	struct host host = { 0 };

	(void)state;
	host_open(&host);
	tree_write(host.tree, "proc/10/stat",
		   "10 (\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff) R 1 1 1 "
		   "0 -1 0 0 "
		   "0 0 0 1 1 0 0 20 0 1 0 5 0 0 0\n");
	assert_int_equal(
		process_list_read(&host.options, host.hierarchy, find(&host, "/"), 1, &list), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.total, 4);
	assert_true(strlen(list.items[0].comm) < sizeof(list.items[0].comm));
	assert_memory_equal(list.items[0].comm, "\xef\xbf\xbd\xef\xbf\xbd", 6);
	process_list_free(&list);
	host_close(&host);
}

static void says_what_is_wrong(void **state)
{
	struct process_list list = { .n = 77 };
	struct host host = { 0 };

	(void)state;
	host_open(&host);
	host.options.path_procfs[0] = '!';
	assert_int_equal(
		process_list_read(&host.options, host.hierarchy, find(&host, "/"), 1, &list),
		-ENOENT);
	assert_int_equal(list.n, 77);
	host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_all_below),
		cmocka_unit_test(is_bounded_and_clean),
		cmocka_unit_test(says_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
