/* SPDX-License-Identifier: Apache-2.0 */
/* A process in a group of our own whose root is a real overlay mount. */
#include "tests/procfs_support.h"

#include <poll.h>
#include <sys/mount.h>

#define ID "abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcd"

static void write_file(const char *path, size_t size)
{
	cleanup_file FILE *f = fopen(path, "we");

	for (size_t i = 0; f && i < size; i++)
		fputc('x', f);
}

/* Runs in the child, in a mount namespace of its own. Its exit status is seen as no byte. */
static void enter_overlay(void *data)
{
	const char *base = data;
	cleanup_free char *options =
		xasprintf("lowerdir=%s/lower,upperdir=%s/up,workdir=%s/work", base, base, base);
	cleanup_free char *merged = xasprintf("%s/merged", base);

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("overlay", merged, "overlay", 0, options) < 0 || chroot(merged) < 0 ||
	    chdir("/") < 0)
		_exit(6);
	write_file("/new", 100000);
	sync();
}

static bool overlay_works(const char *base)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0)
			_exit(1);
		enter_overlay((void *)base);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const struct snapshot *wait_for(struct reading *reading, const char *path)
{
	for (int i = 0; i < 1000; i++) {
		const struct snapshot *s = reading_take(reading);

		if (find_sample(s, "container_fs_usage_bytes", path, NULL, NULL))
			return s;
		snapshot_unref(s);
		poll(NULL, 0, 10);
	}
	fail_msg("the layer was never measured");
	return NULL;
}

static void measures_real_overlay(void **state)
{
	char *base = tree_new();
	struct reading reading;

	(void)state;
	own_groups_root();
	for (int i = 0; i < 4; i++)
		tree_mkdir(base, (const char *const[]){ "lower", "up", "work", "merged" }[i]);
	if (!overlay_works(base)) {
		tree_remove(base);
		printf("SKIP: this kernel mounts no overlay on /tmp\n");
		skip();
	}
	cleanup_free char *group = own_group_new("procfs-fs");
	cleanup_free char *docker = xasprintf("%s/docker-" ID ".scope", group);
	assert_int_equal(mkdir(docker, 0755), 0);
	pid_t pid = process_new(docker, CLONE_NEWNS, enter_overlay, base);
	const char *path = docker + strlen(own_groups_root());

	reading_open_host(&reading, "filesystem");
	collector_free(reading.collector);
	reading.options.filesystem_interval_s = 3600;
	assert_int_equal(collector_new(&reading.options, &reading.counters, &reading.collector), 0);
	const struct snapshot *s = wait_for(&reading, path);
	cleanup_free char *du = shell_output("du -s -x -B1 %s/up | cut -f1", base);
	assert_int_equal(sample_integer(s, "container_fs_usage_bytes", path, NULL),
			 strtoull(du, NULL, 10));
	assert_true(sample_integer(s, "container_fs_usage_bytes", path, NULL) >= 100000);
	snapshot_unref(s);
	process_end(pid);
	reading_close(&reading);
	group_remove(docker);
	group_remove(group);
	tree_remove(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measures_real_overlay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
