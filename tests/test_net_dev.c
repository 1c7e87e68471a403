/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/net_dev.h"
#include "tests/support.h"

#define HEADINGS                                                                                   \
	"Inter-|   Receive                                                |  Transmit\n"           \
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs " \
	"drop fifo colls carrier compressed\n"

static size_t count(const char *text)
{
	struct net_dev dev;
	size_t n = 0;

	while (net_dev_next(&text, &dev))
		n++;
	return n;
}

static void reads_values(void **state)
{
	const char *text =
		HEADINGS "    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
			 "  eth0:18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
	static const uint64_t lo[NET_DEV_VALUES] = { 1, 3, 4, 2, 9, 11, 12, 10 };
	struct net_dev dev;

	(void)state;
	assert_true(net_dev_next(&text, &dev));
	assert_int_equal(dev.name_length, 2);
	assert_memory_equal(dev.name, "lo", 2);
	assert_memory_equal(dev.values, lo, sizeof(lo));
	assert_true(net_dev_next(&text, &dev));
	assert_memory_equal(dev.name, "eth0", 4);
	assert_true(dev.values[0] == UINT64_MAX);
	assert_false(net_dev_next(&text, &dev));
	assert_false(net_dev_next(&text, &dev));
}

static void takes_odd_names(void **state)
{
	const char *text = "\"a\\{=\xff:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
	struct net_dev dev;

	(void)state;
	assert_true(net_dev_next(&text, &dev));
	assert_int_equal(dev.name_length, 8);
	assert_memory_equal(dev.name, "\"a\\{=\xff:1", 8);
}

static void skips_garbage(void **state)
{
	(void)state;
	assert_int_equal(count(""), 0);
	assert_int_equal(count(":"), 0);
	assert_int_equal(count("\n\n:\n: :\n"), 0);
	assert_int_equal(count(HEADINGS), 0);
	assert_int_equal(count("eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n"), 0);
	assert_int_equal(count("eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 x\n"), 0);
	assert_int_equal(count("eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n16\n"), 0);
	assert_int_equal(count("eth0: -1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"), 0);
	assert_int_equal(count("eth0: 18446744073709551616 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"),
			 0);
	assert_int_equal(count("    : 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"), 0);
	assert_int_equal(count("junk\neth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\njunk"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_values),
		cmocka_unit_test(takes_odd_names),
		cmocka_unit_test(skips_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
