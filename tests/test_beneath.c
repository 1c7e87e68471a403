/* SPDX-License-Identifier: Apache-2.0 */
/* Each test runs twice: with openat2(2), and where a filter says that there is none. */
#include "tests/support.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "collector/beneath.h"

static bool filtered;

/* As systemd's RestrictSUIDSGID= does it. */
static void refuse_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		exit(1);
	filtered = true;
}

static int try_open(int root, const char *path, int flags, enum follow follow)
{
	int fd = open_beneath(root, path, flags, follow);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void opens_beneath(void **state)
{
	char *tree = tree_new();
	int root = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *inner = xasprintf("%s/inner", tree);
	cleanup_free char *outer = xasprintf("%s/a/outer", tree);

	(void)state;
	assert_true(root >= 0);
	tree_write(tree, "a/b/file", "x");
	assert_int_equal(symlink("a/b", inner), 0);
	assert_int_equal(symlink("/proc/self", outer), 0);
	assert_int_equal(try_open(root, "/", O_PATH, FOLLOW_NONE), 0);
	assert_int_equal(try_open(root, "/a/b/file", O_RDONLY, FOLLOW_NONE), 0);
	assert_int_equal(try_open(root, "a//b/", O_RDONLY | O_DIRECTORY, FOLLOW_NONE), 0);
	assert_int_equal(try_open(root, "/a/none/file", O_RDONLY, FOLLOW_NONE), -ENOENT);
	assert_int_equal(try_open(root, "/a/b/file/x", O_RDONLY, FOLLOW_NONE), -ENOTDIR);
	assert_int_equal(try_open(root, "/inner/file", O_RDONLY, FOLLOW_NONE), -ELOOP);
	assert_int_equal(try_open(root, "/inner", O_RDONLY, FOLLOW_NONE), -ELOOP);
	assert_int_equal(try_open(root, "/inner/file", O_RDONLY, FOLLOW_TRUSTED), 0);
	assert_int_equal(try_open(root, "/inner/file", O_RDONLY, FOLLOW_IN_ROOT),
			 filtered ? -ELOOP : 0);
	/* Never the host's own /proc. */
	assert_int_equal(try_open(root, "/a/outer/status", O_RDONLY, FOLLOW_IN_ROOT),
			 filtered ? -ELOOP : -ENOENT);
	assert_true(try_open(root, "/../proc/version", O_RDONLY, FOLLOW_IN_ROOT) < 0);
	close(root);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(opens_beneath) };
	int failed = cmocka_run_group_tests_name("with openat2", tests, NULL, NULL);

	refuse_openat2();
	return failed + cmocka_run_group_tests_name("without openat2", tests, NULL, NULL);
}
