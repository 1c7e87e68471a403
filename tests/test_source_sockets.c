/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/net_sockets.h"
#include "tests/procfs_support.h"

#define TCP_HEADING                                                                                \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "      \
	"timeout inode\n"
#define TCP(state)                                                                                 \
	"   0: 0100007F:2B2A 00000000:0000 " state                                                 \
	" 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000000000000000 100 0\n"
#define UDP                                                                                        \
	"  12: 00000000:0044 00000000:0000 07 00000010:000000A0 00:00000000 00000000     0       " \
	" "                                                                                        \
	"0 23456 2 0000000000000000 7\n"

static void counts_tcp(void **state)
{
	uint64_t counts[TCP_STATES] = { 0 };

	(void)state;
	tcp_count(TCP_HEADING TCP("0A") TCP("01") TCP("01") TCP("0C")
			  TCP("FF") "junk\n\n" TCP("06"),
		  counts);
	assert_int_equal(counts[10], 1);
	assert_int_equal(counts[1], 2);
	assert_int_equal(counts[6], 1);
	assert_int_equal(counts[0] + counts[2] + counts[3] + counts[11], 0);
}

static void counts_udp(void **state)
{
	struct udp_sockets sockets = { 0 };

	(void)state;
	udp_count(TCP_HEADING UDP "  13: broken\n" UDP, &sockets);
	assert_int_equal(sockets.listen, 2);
	assert_int_equal(sockets.dropped, 14);
	assert_int_equal(sockets.tx_queued, 0x20);
	assert_int_equal(sockets.rx_queued, 0x140);
}

static void stands_on_owner(void **state)
{
	char *tree = tree_new();
	struct reading reading;

	(void)state;
	tree_write(tree, "cgroup/cgroup.procs", "");
	tree_write(tree, "cgroup/a.service/cgroup.procs", "10\n");
	tree_write(tree, "cgroup/b.service/cgroup.procs", "20\n");
	tree_process(tree, 1, 1, 100);
	tree_process(tree, 10, 10, 100);
	tree_process(tree, 20, 20, 101);
	tree_write(tree, "proc/1/net/tcp", TCP_HEADING TCP("0A"));
	tree_write(tree, "proc/20/net/tcp", TCP_HEADING TCP("01"));
	tree_write(tree, "proc/20/net/udp6", TCP_HEADING UDP);
	reading_open_tree(&reading, tree, "tcp");
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(count_samples(s, "container_network_tcp_usage_total", NULL), 22);
	assert_int_equal(sample_integer(s, "container_network_tcp_usage_total", "/", "listen"), 1);
	assert_int_equal(
		sample_integer(s, "container_network_tcp_usage_total", "/b.service", "established"),
		1);
	assert_int_equal(count_samples(s, "container_network_tcp6_usage_total", NULL), 0);
	snapshot_unref(s);
	reading_close(&reading);
	reading_open_tree(&reading, tree, "udp");
	s = reading_take(&reading);
	assert_int_equal(count_samples(s, "container_network_udp6_usage_total", NULL), 4);
	assert_int_equal(
		sample_integer(s, "container_network_udp6_usage_total", "/b.service", "rxqueued"),
		0xa0);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_tcp),
		cmocka_unit_test(counts_udp),
		cmocka_unit_test(stands_on_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
