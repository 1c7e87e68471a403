/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns which network namespace, over scratch trees. */
#include "tests/procfs_support.h"

#define ID_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define A     "/system.slice/docker-" ID_A ".scope"
#define B     "/system.slice/docker-" ID_B ".scope"
#define POD   "/kubepods.slice/kubepods-pod11111111_2222_3333_4444_555555555555.slice"
#define POD_A POD "/cri-containerd-" ID_A ".scope"
#define POD_B POD "/cri-containerd-" ID_B ".scope"
#define BYTES "container_network_receive_bytes_total"
#define INFO  "container_network_namespace_info"

static char *host_tree(void)
{
	char *tree = tree_new();

	tree_write(tree, "cgroup/cgroup.procs", "1\n");
	tree_write(tree, "cgroup/init.scope/cgroup.procs", "1\n");
	tree_process(tree, 1, 1, 100);
	tree_net_dev(tree, 1, "eth0", 1000);
	return tree;
}

static void owned_by_container(void **state)
{
	char *tree = host_tree();
	struct reading reading;

	(void)state;
	tree_write(tree, "cgroup" A "/cgroup.procs", "30\n20\n");
	tree_process(tree, 20, 200, 101);
	tree_process(tree, 30, 300, 102); /* a later one, in another namespace */
	tree_net_dev(tree, 20, "eth0", 2000);
	reading_open_tree(&reading, tree, "network");
	for (int again = 0; again < 2; again++) {
		const struct snapshot *s = reading_take(&reading);

		assert_int_equal(count_samples(s, BYTES, NULL), 2);
		assert_int_equal(sample_integer(s, BYTES, "/", "eth0"), 1000);
		assert_int_equal(sample_integer(s, BYTES, A, "eth0"), 2000);
		assert_int_equal(
			sample_integer(s, "container_network_transmit_packets_total", A, "eth0"),
			6);
		assert_int_equal(
			sample_integer(s, "container_network_receive_errors_total", A, "eth0"), 3);
		assert_int_equal(sample_integer(s,
						"container_network_transmit_packets_dropped_total",
						A, "eth0"),
				 8);
		const struct sample *info = find_sample(s, INFO, A, "101", A);
		assert_non_null(info);
		assert_string_equal(info->labels[2], "false");
		info = find_sample(s, INFO, "/init.scope", "100", "/");
		assert_non_null(info);
		assert_string_equal(info->labels[2], "true");
		snapshot_unref(s);
	}
	reading_close(&reading);
	tree_remove(tree);
}

/* docker run --network container:A, and --network host. */
static void shared_by_containers(void **state)
{
	char *tree = host_tree();
	struct reading reading;

	(void)state;
	tree_write(tree, "cgroup" A "/cgroup.procs", "30\n");
	tree_write(tree, "cgroup" B "/cgroup.procs", "20\n");
	tree_write(tree, "cgroup/system.slice/x.service/cgroup.procs", "40\n");
	tree_process(tree, 20, 300, 101);
	tree_process(tree, 30, 200, 101);
	tree_process(tree, 40, 100, 100);
	tree_net_dev(tree, 30, "eth0", 2000);
	reading_open_tree(&reading, tree, "network");
	const struct snapshot *s = reading_take(&reading);

	assert_int_equal(count_samples(s, BYTES, NULL), 2);
	assert_int_equal(sample_integer(s, BYTES, A, "eth0"), 2000);
	assert_non_null(find_sample(s, INFO, A, "101", A));
	assert_non_null(find_sample(s, INFO, B, "101", A));
	assert_non_null(find_sample(s, INFO, "/system.slice/x.service", "100", "/"));
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

static void owned_by_pod(void **state)
{
	char *tree = host_tree();
	struct reading reading;

	(void)state;
	tree_write(tree, "cgroup" POD "/cgroup.procs", "");
	tree_write(tree, "cgroup" POD_A "/cgroup.procs", "20\n");
	tree_write(tree, "cgroup" POD_B "/cgroup.procs", "30\n");
	tree_process(tree, 20, 200, 101);
	tree_process(tree, 30, 300, 101);
	tree_net_dev(tree, 20, "eth0", 2000);
	reading_open_tree(&reading, tree, "network");
	const struct snapshot *s = reading_take(&reading);

	assert_int_equal(count_samples(s, BYTES, NULL), 2);
	assert_int_equal(sample_integer(s, BYTES, POD, "eth0"), 2000);
	const struct sample *sample = find_sample(s, BYTES, POD, NULL, NULL);
	assert_string_equal(sample->workload->container, "");
	assert_string_equal(sample->workload->image, "");
	assert_non_null(find_sample(s, INFO, POD_B, "101", POD));
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

/* The supervisor runs in the host's namespace and is older than the machine. */
static void owned_by_machine(void **state)
{
#define MACHINE "/machine.slice/systemd-nspawn@box.service"
	char *tree = host_tree();
	struct reading reading;

	(void)state;
	tree_write(tree, "cgroup" MACHINE "/cgroup.procs", "");
	tree_write(tree, "cgroup" MACHINE "/supervisor/cgroup.procs", "20\n");
	tree_write(tree, "cgroup" MACHINE "/payload/init.scope/cgroup.procs", "30\n");
	tree_write(tree, "cgroup" MACHINE "/payload/system.slice/a.service/cgroup.procs", "40\n");
	tree_process(tree, 20, 200, 100);
	tree_process(tree, 30, 300, 101);
	tree_process(tree, 40, 400, 101);
	tree_net_dev(tree, 30, "host0", 2000);
	reading_open_tree(&reading, tree, "network");
	const struct snapshot *s = reading_take(&reading);

	assert_int_equal(sample_integer(s, BYTES, MACHINE, "host0"), 2000);
	assert_int_equal(count_samples(s, BYTES, NULL), 2);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

static void follows_processes(void **state)
{
	char *tree = host_tree();
	struct reading reading;

	(void)state;
	tree_write(tree, "cgroup" A "/cgroup.procs", "");
	reading_open_tree(&reading, tree, "network");
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(count_samples(s, BYTES, A), 0);
	snapshot_unref(s);

	/* Its first process comes. */
	tree_write(tree, "cgroup" A "/cgroup.procs", "20\n");
	tree_process(tree, 20, 200, 101);
	tree_net_dev(tree, 20, "eth0", 2000);
	s = reading_take(&reading);
	assert_int_equal(sample_integer(s, BYTES, A, "eth0"), 2000);
	snapshot_unref(s);

	/* The number now is a stranger's, in a namespace of its own; ours went on as 21. */
	tree_process(tree, 20, 900, 999);
	tree_net_dev(tree, 20, "eth0", 6666);
	tree_write(tree, "cgroup" A "/cgroup.procs", "21\n");
	tree_process(tree, 21, 210, 101);
	tree_net_dev(tree, 21, "eth0", 2100);
	s = reading_take(&reading);
	assert_int_equal(sample_integer(s, BYTES, A, "eth0"), 2100);
	assert_int_equal(count_samples(s, BYTES, NULL), 2);
	snapshot_unref(s);

	/* Gone, net/dev too, while the group still lists it. */
	cleanup_free char *gone = xasprintf("%s/proc/21/ns/net", tree);
	assert_int_equal(unlink(gone), 0);
	s = reading_take(&reading);
	assert_int_equal(count_samples(s, BYTES, NULL), 1);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

/* Filters that leave the root out: nobody inherits the host's numbers, and who shares them still says so. */
static void leaves_the_host_out(void **state)
{
	static char pattern[] = "/system\\.slice/.*";
	static char *patterns[] = { pattern };
	char *tree = host_tree();
	struct reading reading;

	(void)state;
	tree_write(tree, "cgroup" A "/cgroup.procs", "20\n");
	tree_write(tree, "cgroup" B "/cgroup.procs", "30\n");
	tree_process(tree, 20, 200, 101);
	tree_process(tree, 30, 300, 100);
	tree_net_dev(tree, 20, "eth0", 2000);
	for (size_t excluded = 0; excluded < 2; excluded++) {
		reading_open_tree(&reading, tree, "network");
		reading.options.cgroups_include_id = (struct string_list){ patterns, 1 };
		if (excluded)
			reading.options.cgroups_exclude_id = (struct string_list){ patterns, 1 };
		collector_free(reading.collector);
		assert_int_equal(
			collector_new(&reading.options, &reading.counters, &reading.collector), 0);
		const struct snapshot *s = reading_take(&reading);

		assert_int_equal(count_samples(s, BYTES, NULL), excluded ? 0 : 1);
		if (!excluded) {
			assert_int_equal(sample_integer(s, BYTES, A, "eth0"), 2000);
			assert_non_null(find_sample(s, INFO, B, "100", "/"));
		}
		snapshot_unref(s);
		reading.options.cgroups_include_id = (struct string_list){ 0 };
		reading.options.cgroups_exclude_id = (struct string_list){ 0 };
		reading_close(&reading);
	}
	tree_remove(tree);
}

static void caps_interfaces(void **state)
{
	char *tree = host_tree();
	struct reading reading;
	char *text = xstrdup("");

	(void)state;
	for (int i = 0; i < 70; i++) {
		char *more = xasprintf("%sd%d: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", text, i);

		free(text);
		text = more;
	}
	tree_write(tree, "cgroup" A "/cgroup.procs", "20\n");
	tree_write(tree, "cgroup" B "/cgroup.procs", "30\n");
	tree_process(tree, 20, 200, 101);
	tree_process(tree, 30, 300, 102);
	tree_write(tree, "proc/20/net/dev", text);
	/* Two that differ only in a byte that is no UTF-8, and one that is only ignored on the host. */
	tree_write(tree, "proc/30/net/dev",
		   "\xfe: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
		   "\xff: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
		   "veth1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
	tree_write(tree, "proc/1/net/dev",
		   "veth1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
		   "docker0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
		   "ens3: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
	reading_open_tree(&reading, tree, "network");
	const struct snapshot *s = reading_take(&reading);

	assert_int_equal(count_samples(s, BYTES, A), 64);
	assert_int_equal(count_samples(s, BYTES, B), 3);
	assert_int_equal(sample_integer(s, BYTES, B, "\xef\xbf\xbd~af64734c8602ed21"), 1);
	assert_int_equal(sample_integer(s, BYTES, B, "veth1"), 1);
	assert_int_equal(count_samples(s, BYTES, "/"), 1);
	assert_int_equal(sample_integer(s, BYTES, "/", "ens3"), 1);
	assert_int_equal(sample_integer(s, "tallyman_network_interfaces_dropped_total", NULL, NULL),
			 6);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
	free(text);
}

static void is_down_without_process_1(void **state)
{
	char *tree = tree_new();
	struct reading reading;

	(void)state;
	tree_write(tree, "cgroup/cgroup.procs", "");
	tree_mkdir(tree, "proc");
	reading_open_tree(&reading, tree, "network");
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(count_samples(s, BYTES, NULL), 0);
	for (size_t i = 0; i < s->n_sources; i++)
		if (streq(s->sources[i].name, "network"))
			assert_string_equal(s->sources[i].reason, "there is no process 1");
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owned_by_container), cmocka_unit_test(shared_by_containers),
		cmocka_unit_test(owned_by_pod),	      cmocka_unit_test(owned_by_machine),
		cmocka_unit_test(follows_processes),  cmocka_unit_test(leaves_the_host_out),
		cmocka_unit_test(caps_interfaces),    cmocka_unit_test(is_down_without_process_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
