/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of this very host in one pass, against the files that it replaces. */
#include "tests/procfs_support.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "collector/census.h"
#include "collector/cgroups.h"
#include "collector/procfs/procfs.h"
#include "collector/workloads/members.h"

/* Of groups that are there only so that a pass pays on a host with many threads. */
enum { CROWD = 256, THREADS = 5 };

struct scene {
	struct options options;
	struct hierarchy *hierarchy;
	struct census *census;
	char *top;
	char *crowd[CROWD];
};

static int set_up(void **state)
{
	struct scene *scene = xcalloc(1, sizeof(*scene));

	scene->options = options_for_tree("");
	options_for_tree_free(&scene->options);
	scene->options = (struct options){ .path_cgroupfs = xstrdup(own_groups_root()),
					   .path_procfs = xstrdup("/proc"),
					   .path_sysfs = xstrdup("/sys"),
					   .path_rootfs = xstrdup("/") };
	scene->top = own_group_new("census");
	for (size_t i = 0; i < CROWD; i++) {
		scene->crowd[i] = xasprintf("%s/crowd-%zu", scene->top, i);
		assert_int_equal(mkdir(scene->crowd[i], 0755), 0);
	}
	assert_int_equal(hierarchy_open(&scene->options, &scene->hierarchy), 0);
	scene->census = census_new(&scene->options, scene->hierarchy);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	census_free(scene->census);
	hierarchy_close(scene->hierarchy);
	for (size_t i = 0; i < CROWD; i++) {
		group_remove(scene->crowd[i]);
		free(scene->crowd[i]);
	}
	group_remove(scene->top);
	free(scene->top);
	options_for_tree_free(&scene->options);
	free(scene);
	return 0;
}

static void begin(struct scene *scene)
{
	assert_int_equal(hierarchy_walk(scene->hierarchy), 0);
	census_begin(scene->census);
}

/* By the census; -errno. Of one that is empty the file is to be asked first. */
static int count(struct scene *scene, const char *path, uint64_t *ret)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	struct group *group = hierarchy_find(scene->hierarchy, st.st_ino);
	assert_non_null(group);
	int err = census_count(scene->census, group, ret);
	return err == -ENODATA ? census_count(scene->census, group, ret) : err;
}

static bool can_count(struct scene *scene)
{
	uint64_t n;

	if (count(scene, scene->top, &n) != -ENODATA)
		return true;
	if (access("/sys/kernel/btf/vmlinux", R_OK) ==
	    0) /* a skip must not hide that the verifier refuses it */
		fail_msg("no iterator over tasks is loaded, or there are too many threads");
	printf("SKIP: this kernel has no type information\n");
	return false;
}

/* Lines of cgroup.procs, or -errno of reading it. */
static int lines(const char *path)
{
	cleanup_free char *name = xasprintf("%s/cgroup.procs", path);
	cleanup_close int fd = open(name, O_RDONLY | O_CLOEXEC);
	char text[65536];
	int n = 0;

	assert_true(fd >= 0);
	ssize_t length = read(fd, text, sizeof(text));
	if (length < 0)
		return -errno;
	for (ssize_t i = 0; i < length; i++)
		n += text[i] == '\n';
	return n;
}

static void assert_same(struct scene *scene, const char *path, int expected)
{
	uint64_t n = 0;
	int err = count(scene, path, &n), listed = lines(path);

	assert_int_equal(listed, expected);
	assert_int_equal(err ? err : (int)n, expected);
}

static void *wait_for_ever(void *data)
{
	for (;;)
		pause();
	return data;
}

static void start_threads(void *data)
{
	pthread_t thread;

	for (int i = 0; i < *(const int *)data; i++)
		if (pthread_create(&thread, NULL, wait_for_ever, NULL))
			_exit(9);
}

/* A process whose first thread has ended while another lives on. */
static pid_t process_without_leader(const char *group)
{
	pid_t pid = fork();
	pthread_t thread;

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		join_group(group);
		if (pthread_create(&thread, NULL, wait_for_ever, NULL))
			_exit(9);
		syscall(SYS_exit, 0);
	}
	return pid;
}

static bool is_zombie(pid_t pid)
{
	cleanup_free char *state = shell_output("cut -d' ' -f3 /proc/%d/stat", (int)pid);

	return *state == 'Z';
}

static void wait_for_zombie(pid_t pid)
{
	for (int i = 0; i < 1000 && !is_zombie(pid); i++)
		usleep(5000);
	assert_true(is_zombie(pid));
}

/* One that has ended, whose parent has not asked for it: cgroup.procs lists it no more. */
static pid_t zombie_new(const char *group)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		join_group(group);
		_exit(0);
	}
	wait_for_zombie(pid);
	return pid;
}

static void counts_as_files_do(void **state)
{
	struct scene *scene = *state;
	const char *const many = scene->crowd[0], *const threads = scene->crowd[1];
	const char *const dead = scene->crowd[2], *const headless = scene->crowd[3];
	int n = THREADS;
	pid_t pids[7];

	begin(scene);
	if (!can_count(scene))
		skip();
	for (size_t i = 0; i < 3; i++)
		pids[i] = process_new(many, 0, NULL, NULL);
	pids[3] = process_new(threads, 0, start_threads, &n);
	pids[4] = zombie_new(dead);
	pids[5] = process_new(dead, 0, NULL, NULL);
	pids[6] = process_without_leader(headless);
	wait_for_zombie(pids[6]);
	/* What was read is kept for as long as a collection takes. */
	uint64_t before;
	assert_int_equal(count(scene, many, &before), 0);
	assert_int_equal(before, 0);
	begin(scene);
	assert_same(scene, many, 3);
	assert_same(scene, threads, 1);
	assert_same(scene, dead, 1);
	assert_same(scene, headless, 1);
	assert_same(scene, scene->crowd[4], 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		process_end(pids[i]);
	begin(scene);
	assert_same(scene, many, 0);
	assert_same(scene, headless, 0);
}

/* Threads in groups of their own: the processes are the domain's, and the others refuse to list any. */
static void threaded_groups_refuse(void **state)
{
	struct scene *scene = *state;
	const char *const domain = scene->crowd[5];
	cleanup_free char *inner = xasprintf("%s/inner", domain);
	int n = THREADS;

	begin(scene);
	if (!can_count(scene))
		skip();
	assert_int_equal(mkdir(inner, 0755), 0);
	pid_t pid = process_new(domain, 0, start_threads, &n);
	cleanup_free char *done =
		shell_output("echo threaded > %s/cgroup.type && ls /proc/%d/task | tail -n 2 | "
			     "while read t; do echo $t > %s/cgroup.threads; done; echo done",
			     inner, (int)pid, inner);
	assert_string_equal(done, "done\n");
	begin(scene);
	assert_same(scene, domain, 1);
	assert_same(scene, inner, -EOPNOTSUPP);
	process_end(pid);
	group_remove(inner);
}

/* Without tasks it is empty like others, and refuses all the same. */
static void empty_threaded_groups_refuse(void **state)
{
	struct scene *scene = *state;
	cleanup_free char *inner = xasprintf("%s/inner", scene->crowd[6]);
	uint64_t n;

	begin(scene);
	if (!can_count(scene))
		skip();
	assert_int_equal(mkdir(inner, 0755), 0);
	cleanup_free char *done =
		shell_output("echo threaded > %s/cgroup.type && echo done", inner);
	assert_string_equal(done, "done\n");
	struct stat st;
	begin(scene);
	assert_int_equal(stat(inner, &st), 0);
	struct group *group = hierarchy_find(scene->hierarchy, st.st_ino);
	assert_non_null(group);
	assert_int_equal(members_count(scene->census, scene->hierarchy, group, &n), -EOPNOTSUPP);
	/* Its file is asked no more. */
	begin(scene);
	assert_int_equal(census_count(scene->census, group, &n), -EOPNOTSUPP);
	group_remove(inner);
}

/* Without a descriptor there is no pass, until there is one again. */
static void counts_again_after_emfile(void **state)
{
	struct scene *scene = *state;
	struct rlimit limit, less;
	uint64_t n;

	begin(scene);
	if (!can_count(scene))
		skip();
	begin(scene);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	int next = dup(STDIN_FILENO);
	assert_true(next >= 0);
	close(next);
	less = (struct rlimit){ (rlim_t)next + 1, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
	struct census *fresh = census_new(&scene->options, scene->hierarchy);
	census_begin(fresh);
	int refused = census_count(fresh, scene->hierarchy->root, &n);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(refused, -ENODATA);
	census_begin(fresh);
	assert_int_equal(census_count(fresh, scene->hierarchy->root, &n), 0);
	census_free(fresh);
}

static void tells_namespaces(void **state)
{
	struct scene *scene = *state;
	cleanup_close int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint64_t link, told;

	begin(scene);
	if (!can_count(scene))
		skip();
	pid_t pid = process_new(scene->crowd[0], CLONE_NEWNET, NULL, NULL);
	assert_int_equal(census_netns(scene->census, pid, &told), -ENOENT);
	begin(scene);
	assert_int_equal(procfs_netns(proc, pid, &link), 0);
	assert_int_equal(census_netns(scene->census, pid, &told), 0);
	assert_true(told == link);
	process_end(pid);
	begin(scene);
	assert_int_equal(census_netns(scene->census, pid, &told), -ENOENT);
}

/* Of a copy of somebody's files the kernel knows nothing, and of few groups the files are soon read. */
static void files_are_asked_otherwise(void **state)
{
	struct scene *scene = *state;
	char *tree = tree_new();
	struct options copied = { .path_cgroupfs = xasprintf("%s/cgroup", tree),
				  .path_procfs = xstrdup("/proc") };
	struct hierarchy *hierarchy;
	uint64_t n;

	for (int i = 0; i < CROWD; i++) {
		cleanup_free char *name = xasprintf("cgroup/g%d/cgroup.procs", i);

		tree_write(tree, name, "1\n");
	}
	assert_int_equal(hierarchy_open(&copied, &hierarchy), 0);
	struct census *census = census_new(&copied, hierarchy);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	census_begin(census);
	assert_int_equal(census_count(census, hierarchy->root->first_child, &n), -ENODATA);
	assert_int_equal(census_netns(census, getpid(), &n), -ENODATA);
	census_free(census);
	hierarchy_close(hierarchy);
	free(copied.path_cgroupfs);
	copied.path_cgroupfs = xasprintf("%s/crowd-0", scene->top);
	assert_int_equal(hierarchy_open(&copied, &hierarchy), 0);
	census = census_new(&copied, hierarchy);
	assert_int_equal(hierarchy_walk(hierarchy), 0);
	census_begin(census);
	assert_int_equal(census_count(census, hierarchy->root, &n), -ENODATA);
	assert_int_equal(census_count(NULL, hierarchy->root, &n), -ENODATA);
	census_free(census);
	hierarchy_close(hierarchy);
	free(copied.path_cgroupfs);
	free(copied.path_procfs);
	tree_remove(tree);
}

/* The same on the way to a snapshot, with groups inside a container and processes that come and go. */
static void samples_are_the_files(void **state)
{
	struct scene *scene = *state;
	cleanup_free char *container = xasprintf("%s/docker-%064d.scope", scene->top, 7);
	cleanup_free char *inner = xasprintf("%s/inner", container);
	const char *const path = container + strlen(own_groups_root());
	struct reading reading;

	assert_int_equal(mkdir(container, 0755), 0);
	assert_int_equal(mkdir(inner, 0755), 0);
	pid_t outer = process_new(container, 0, NULL, NULL);
	pid_t two = process_new(inner, 0, NULL, NULL);
	reading_open_host(&reading, "process");
	collector_start_probes(reading.collector);
	for (int i = 0; i < 3; i++) {
		pid_t more = process_new(inner, 0, NULL, NULL);
		const struct snapshot *s = reading_take(&reading);

		assert_int_equal(sample_integer(s, "container_processes", path, NULL), 3);
		assert_int_equal(lines(container) + lines(inner), 3);
		snapshot_unref(s);
		process_end(more);
	}
	reading_close(&reading);
	process_end(outer);
	process_end(two);
	group_remove(inner);
	group_remove(container);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_as_files_do, set_up, tear_down),
		cmocka_unit_test_setup_teardown(threaded_groups_refuse, set_up, tear_down),
		cmocka_unit_test_setup_teardown(empty_threaded_groups_refuse, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counts_again_after_emfile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_namespaces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_are_asked_otherwise, set_up, tear_down),
		cmocka_unit_test_setup_teardown(samples_are_the_files, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
