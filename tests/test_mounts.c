/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/mounts.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include "tests/support.h"

static struct mounts find(const char *mountinfo, const char *cgroupfs, int expected)
{
	char *tree = tree_new();
	struct options options = options_for_tree(tree);
	struct mounts mounts = { 0 };

	tree_write(tree, "proc/self/mountinfo", mountinfo);
	free(options.path_cgroupfs);
	options.path_cgroupfs = xstrdup(cgroupfs);
	assert_int_equal(mounts_find(&options, &mounts), expected);
	options_for_tree_free(&options);
	tree_remove(tree);
	return mounts;
}

static void unified(void **state)
{
	(void)state;
	struct mounts m = find("25 30 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
			       "31 25 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 "
			       "rw,nsdelegate,memory_recursiveprot\n",
			       "", 0);
	assert_string_equal(m.cgroup2, "/sys/fs/cgroup");
	assert_string_equal(m.v1, "");
	mounts_free(&m);
}

static void hybrid(void **state)
{
	(void)state;
	struct mounts m =
		find("32 31 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup "
		     "rw,cpu,cpuacct\n"
		     "33 31 0:29 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup "
		     "rw,xattr,name=systemd\n"
		     "34 31 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
		     "35 31 0:31 / /mnt/second rw - cgroup2 cgroup2 rw\n"
		     "36 31 0:32 / /sys/fs/cgroup/memory rw shared:12 - cgroup cgroup rw,memory\n",
		     "", 0);
	assert_string_equal(m.cgroup2, "/sys/fs/cgroup/unified");
	assert_string_equal(m.v1, "cpu,cpuacct,memory");
	mounts_free(&m);
}

static void escaped_and_overruled(void **state)
{
	(void)state;
	struct mounts m = find("31 25 0:27 / /a\\040b\\134c rw - cgroup2 x rw\n", "", 0);
	assert_string_equal(m.cgroup2, "/a b\\c");
	mounts_free(&m);
	m = find("31 25 0:27 / /sys/fs/cgroup rw - cgroup2 x rw\n", "/given", 0);
	assert_string_equal(m.cgroup2, "/given");
	mounts_free(&m);
}

static void none_or_garbage(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"garbage",
		" - ",
		"- cgroup2",
		"1 2 3 - cgroup2 x rw\n",
		"a - cgroup2\n",
		"25 30 0:22 / /sys rw - sysfs sysfs rw\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		find(texts[i], "", -ENOENT);
}

/* At, above and below; what has the same beginning is beside. */
static void tells_what_may_block(void **state)
{
	static const struct {
		const char *path;
		bool at, below;
	} rows[] = {
		{ "/home/dock", false, true },	       { "home/dock/.local", true, true },
		{ "/home/dock/.local/x", true, true }, { "/home/dock/.localhost", false, false },
		{ "/home/do", false, false },	       { "/srv", false, false },
	};
	char *tree = tree_new();
	cleanup_free char *procfs = xasprintf("%s/proc", tree);

	(void)state;
	tree_write(tree, "proc/self/mountinfo",
		   "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 8:2 / /srv rw - ext4 /dev/sdb rw\n"
		   "3 1 0:50 / /home/dock/.local rw - fuse.sshfs me@elsewhere: rw\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(mounts_may_block(procfs, "/", rows[i].path), rows[i].at);
		assert_int_equal(mounts_may_block_below(procfs, "/", rows[i].path), rows[i].below);
	}
	assert_false(mounts_may_block_below(procfs, "/host", "/home/dock"));
	tree_remove(tree);
}

/* On this very host: what is found is a cgroup2. */
static void real_host(void **state)
{
	struct options options = { .path_cgroupfs = (char[]){ "" },
				   .path_procfs = (char[]){ "/proc" } };
	struct mounts mounts = { 0 };
	struct statfs fs;

	(void)state;
	int err = mounts_find(&options, &mounts);
	if (err == -ENOENT) {
		printf("SKIP: no cgroup2 is mounted on this host\n");
		skip();
	}
	assert_int_equal(err, 0);
	assert_int_equal(statfs(mounts.cgroup2, &fs), 0);
	assert_int_equal(fs.f_type, CGROUP2_SUPER_MAGIC);
	mounts_free(&mounts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unified),
		cmocka_unit_test(hybrid),
		cmocka_unit_test(escaped_and_overruled),
		cmocka_unit_test(none_or_garbage),
		cmocka_unit_test(tells_what_may_block),
		cmocka_unit_test(real_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
