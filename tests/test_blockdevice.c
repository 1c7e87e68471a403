/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/blockdevice.h"

#include "tests/support.h"

static void names(void **state)
{
	static const struct {
		const char *uevent, *name;
	} cases[] = {
		{ "MAJOR=8\nMINOR=0\nDEVNAME=sda\nDEVTYPE=disk\n", "/dev/sda" },
		{ "DEVNAME=mapper/root\n", "/dev/mapper/root" },
		{ "DEVNAME=sdb", "/dev/sdb" },
		{ "XDEVNAME=sda\n", "8:0" },
		{ "DEVNAME=\n", "8:0" },
		{ "DEVNAME=s\"da\n", "8:0" },
		{ "DEVNAME=s da\n", "8:0" },
		{ "DEVNAME=s\xff\n", "8:0" },
		{ "", "8:0" },
	};
	char *tree = tree_new(), name[BLOCKDEVICE_NAME_MAX], *longest;

	(void)state;
	blockdevice_name(tree, 8, 0, name);
	assert_string_equal(name, "8:0");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		tree_write(tree, "dev/block/8:0/uevent", cases[i].uevent);
		blockdevice_name(tree, 8, 0, name);
		assert_string_equal(name, cases[i].name);
	}
	longest = xasprintf("DEVNAME=%0300d\n", 1);
	tree_write(tree, "dev/block/8:0/uevent", longest);
	blockdevice_name(tree, 8, 0, name);
	assert_string_equal(name, "8:0");
	blockdevice_name(tree, 4294967295, 4294967295, name);
	assert_string_equal(name, "4294967295:4294967295");
	free(longest);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
