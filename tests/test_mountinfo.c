/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/mountinfo.h"
#include "tests/support.h"

static char *upperdir(const char *text)
{
	cleanup_free char *copy = xstrdup(text);
	char *at = copy;
	struct mount mount;

	if (!mountinfo_next(&at, &mount))
		return NULL;
	const char *upper = mountinfo_upperdir(&mount);
	return upper ? xstrdup(upper) : NULL;
}

static void check_upperdir(const char *options, const char *expected)
{
	cleanup_free char *line =
		xasprintf("600 500 0:52 / / rw,relatime - overlay overlay %s\n", options);
	cleanup_free char *found = upperdir(line);

	if (expected) {
		assert_non_null(found);
		assert_string_equal(found, expected);
	} else {
		assert_null(found);
	}
}

static void reads_lines(void **state)
{
	char text[] = "junk\n"
		      "22 27 0:21 / /proc rw,relatime shared:5 master:3 - proc proc rw\n"
		      "\n"
		      "1 2 x:y / /bad rw - ext4 /dev/sda1 rw\n"
		      "31 22 259:1 /sub /mnt/a\\040b\\134 rw - ext4 /dev/nvme0n1p1 rw,x=1\n"
		      "32 22 0:9 / /none rw - tmpfs  rw\n"
		      "33 22 0:9 / /short rw - tmpfs";
	char *at = text;
	struct mount mount;

	(void)state;
	assert_true(mountinfo_next(&at, &mount));
	assert_string_equal(mount.point, "/proc");
	assert_string_equal(mount.type, "proc");
	assert_true(mountinfo_next(&at, &mount));
	assert_int_equal(mount.major, 259);
	assert_int_equal(mount.minor, 1);
	assert_string_equal(mount.root, "/sub");
	assert_string_equal(mount.point, "/mnt/a b\\");
	assert_string_equal(mount.source, "/dev/nvme0n1p1");
	assert_string_equal(mount.options, "rw,x=1");
	assert_true(mountinfo_next(&at, &mount));
	assert_string_equal(mount.source, "");
	assert_false(mountinfo_next(&at, &mount));
	assert_false(mountinfo_next(&at, &mount));
}

static void finds_upperdir(void **state)
{
	(void)state;
	check_upperdir("rw,lowerdir=/a:/b,upperdir=/up,workdir=/w", "/up");
	check_upperdir("rw,upperdir=/with\\040space", "/with space");
	check_upperdir("rw,lowerdir=/x\\134,upperdir=/fake,upperdir=/true", "/true");
	check_upperdir("rw,upperdir=/a\\134,b\\134:c,workdir=/w", "/a,b:c");
	check_upperdir("rw,lowerdir=/a", NULL);
	check_upperdir("rw,upperdir=relative", NULL);
	check_upperdir("rw,upperdir=", NULL);
	check_upperdir("rw,lowerdir=\\134", NULL);
	char *other = upperdir("1 1 8:1 / / rw - ext4 /dev/sda1 rw,upperdir=/up\n");
	assert_null(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(finds_upperdir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
