/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/procfs_support.h"

#define ID	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DOCKER	  "/system.slice/docker-" ID ".scope"
#define PROCESSES "container_processes"
#define LIMITS                                                                                     \
	"Limit                     Soft Limit           Hard Limit           Units     \n"         \
	"Max processes             96222                96222                processes \n"         \
	"Max open files            %s                 524288               files     \n"

static void write_limits(const char *tree, int pid, const char *soft)
{
	cleanup_free char *name = xasprintf("proc/%d/limits", pid);
	cleanup_free char *text = xasprintf(LIMITS, soft);

	tree_write(tree, name, text);
}

static char *host_tree(void)
{
	char *tree = tree_new();

	tree_write(tree, "cgroup/cgroup.procs", "2\n3\n");
	tree_write(tree, "cgroup/system.slice/cgroup.procs", "");
	tree_write(tree, "cgroup/system.slice/a.service/cgroup.procs", "10\n11\n12\n");
	tree_write(tree, "cgroup" DOCKER "/cgroup.procs", "20\n");
	tree_write(tree, "cgroup" DOCKER "/inner/deep/cgroup.procs", "21\n22\n");
	for (int pid = 10; pid <= 22; pid++)
		tree_process(tree, pid, (unsigned)(1000 - pid), 0);
	return tree;
}

static void counts_own_processes(void **state)
{
	char *tree = host_tree();
	struct reading reading;

	(void)state;
	reading_open_tree(&reading, tree, "process");
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(sample_integer(s, PROCESSES, "/", NULL), 2);
	assert_int_equal(sample_integer(s, PROCESSES, "/system.slice", NULL), 0);
	assert_int_equal(sample_integer(s, PROCESSES, "/system.slice/a.service", NULL), 3);
	assert_int_equal(sample_integer(s, PROCESSES, DOCKER, NULL), 3);
	assert_int_equal(count_samples(s, PROCESSES, NULL), 4);
	/* Off by default. */
	assert_int_equal(count_samples(s, "container_file_descriptors", NULL), 0);
	assert_int_equal(count_samples(s, "container_tasks_state", NULL), 0);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

static void reads_ulimit_of_first_process(void **state)
{
	char *tree = host_tree();
	struct reading reading;

	(void)state;
	write_limits(tree, 12, "1024"); /* the oldest of the service */
	write_limits(tree, 10, "4096");
	write_limits(tree, 22, "unlimited");
	reading_open_tree(&reading, tree, "process");
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(sample_integer(s, "container_ulimits_soft", "/system.slice/a.service",
					"max_open_files"),
			 1024);
	assert_int_equal(count_samples(s, "container_ulimits_soft", NULL), 1);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

static void counts_descriptors_on_demand(void **state)
{
	char *tree = host_tree();
	struct reading reading;
	char *names[] = { (char[]){ "container_file_descriptors" }, (char[]){ "container_sockets" },
			  (char[]){ "container_tasks_state" } };
	char path[4096];

	(void)state;
	for (int fd = 0; fd < 5; fd++) {
		tree_mkdir(tree, "proc/10/fd");
		snprintf(path, sizeof(path), "%s/proc/10/fd/%d", tree, fd);
		assert_int_equal(symlink(fd < 2 ? "socket:[12345]" : "/dev/null", path), 0);
	}
	tree_mkdir(tree, "proc/11/fd");
	/* 12 has ended; inside the container a process cannot be looked at: no sum then. */
	tree_write(tree, "proc/20/fd", "not a directory");
	tree_write(tree, "cgroup/system.slice/a.service/cgroup.threads", "10\n11\n12\n99\n");
	reading_open_tree(&reading, tree, "process");
	reading.options.metrics_enable.items = xcalloc(3, sizeof(char *));
	memcpy(reading.options.metrics_enable.items, names, sizeof(names));
	reading.options.metrics_enable.n = 3;
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(
		sample_integer(s, "container_file_descriptors", "/system.slice/a.service", NULL),
		5);
	assert_int_equal(sample_integer(s, "container_sockets", "/system.slice/a.service", NULL),
			 2);
	assert_int_equal(count_samples(s, "container_sockets", DOCKER), 0);
	assert_int_equal(
		sample_integer(s, "container_tasks_state", "/system.slice/a.service", "sleeping"),
		3);
	assert_int_equal(
		sample_integer(s, "container_tasks_state", "/system.slice/a.service", "running"),
		0);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

static void stands_garbage(void **state)
{
	char *tree = host_tree();
	struct reading reading;

	(void)state;
	tree_write(tree, "cgroup/system.slice/a.service/cgroup.procs",
		   "x\n-5\n99999999999999999999\n0\n");
	write_limits(tree, 20, "18446744073709551616");
	tree_write(tree, "proc/21/stat", "21 (");
	reading_open_tree(&reading, tree, "process");
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(count_samples(s, "container_ulimits_soft", "/system.slice/a.service"), 0);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_own_processes),
		cmocka_unit_test(reads_ulimit_of_first_process),
		cmocka_unit_test(counts_descriptors_on_demand),
		cmocka_unit_test(stands_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
