/* SPDX-License-Identifier: Apache-2.0 */
/* Real network namespaces with real traffic; values as the kernel tells them over netlink. */
#include "tests/procfs_support.h"

#include <arpa/inet.h>
#include <jansson.h>

#include "collector/procfs/process_iterator.h"
#include "collector/procfs/procfs.h"

#define BYTES "container_network_receive_bytes_total"
#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A veth pair in the namespace of this process, and packets over it. */
static void make_traffic(void *data)
{
	const int packets = *(int *)data;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	char payload[100] = { 0 };
	int fd;

	if (system("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; "
		   "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; "
		   "ip link add v0 type veth peer name 'p\"\\{' && ip link set v0 up && "
		   "ip link set 'p\"\\{' up && ip addr add 10.9.8.1/24 dev v0 && "
		   "ip neigh add 10.9.8.2 lladdr 02:00:00:00:00:01 dev v0"))
		_exit(6);
	inet_pton(AF_INET, "10.9.8.2", &to.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < packets; i++)
		if (sendto(fd, payload, sizeof(payload), 0, (void *)&to, sizeof(to)) < 0)
			_exit(7);
	close(fd);
}

static uint64_t link_value(const json_t *link, const char *direction, const char *name)
{
	const json_t *stats = json_object_get(link, "stats64");

	return (uint64_t)json_integer_value(
		json_object_get(json_object_get(stats, direction), name));
}

/* Compares all interfaces of the namespace of `pid` with what `ip -s -j link` says there. */
static void compare(const struct snapshot *s, const char *path, pid_t pid, size_t expected)
{
	cleanup_free char *text = shell_output("nsenter -t %d -n ip -s -j link", (int)pid);
	json_t *links = json_loads(text, 0, NULL);
	const json_t *link;
	size_t i, n = 0;

	assert_non_null(links);
	json_array_foreach(links, i, link)
	{
		const char *name = json_string_value(json_object_get(link, "ifname"));

		if (streq(name, "lo"))
			continue;
		assert_int_equal(sample_integer(s, BYTES, path, name),
				 link_value(link, "rx", "bytes"));
		assert_int_equal(
			sample_integer(s, "container_network_receive_packets_total", path, name),
			link_value(link, "rx", "packets"));
		assert_int_equal(
			sample_integer(s, "container_network_transmit_bytes_total", path, name),
			link_value(link, "tx", "bytes"));
		assert_int_equal(
			sample_integer(s, "container_network_transmit_packets_total", path, name),
			link_value(link, "tx", "packets"));
		n++;
	}
	assert_int_equal(n, expected);
	assert_int_equal(count_samples(s, BYTES, path), expected);
	json_decref(links);
}

static void counts_real_traffic(void **state)
{
	cleanup_free char *slice = own_group_new("procfs-net");
	cleanup_free char *docker = xasprintf("%s/docker-" ID ".scope", slice);
	cleanup_free char *service = xasprintf("%s/a.service", slice);
	struct reading reading;
	int packets = 1000;

	(void)state;
	assert_int_equal(mkdir(docker, 0755), 0);
	assert_int_equal(mkdir(service, 0755), 0);
	pid_t traffic = process_new(docker, CLONE_NEWNET, make_traffic, &packets);
	pid_t plain = process_new(service, 0, NULL, NULL);
	const char *docker_path = docker + strlen(own_groups_root());
	const char *service_path = service + strlen(own_groups_root());

	reading_open_host(&reading, "network");
	const struct snapshot *s = reading_take(&reading);
	compare(s, docker_path, traffic, 2);
	assert_true(sample_integer(s, "container_network_transmit_packets_total", docker_path,
				   "v0") >= 1000);
	assert_int_equal(count_samples(s, BYTES, service_path), 0);
	const struct sample *info =
		find_sample(s, "container_network_namespace_info", service_path, NULL, "/");
	assert_non_null(info);
	assert_string_equal(info->labels[2], "true");
	snapshot_unref(s);

	process_end(traffic);
	s = reading_take(&reading);
	assert_int_equal(count_samples(s, BYTES, docker_path), 0);
	snapshot_unref(s);
	reading_close(&reading);
	process_end(plain);
	group_remove(docker);
	group_remove(service);
	group_remove(slice);
}

static void iterator_agrees_with_links(void **state)
{
	cleanup_free char *group = own_group_new("procfs-iter");
	struct process_iterator *iterator;
	uint64_t link, found;
	int err = process_iterator_open(&iterator);

	(void)state;
	if (err < 0) {
		group_remove(group);
		printf("SKIP: the BPF task iterator cannot be loaded: %s\n", strerror(-err));
		skip();
	}
	pid_t pid = process_new(group, CLONE_NEWNET, NULL, NULL);
	cleanup_close int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(process_iterator_netns(iterator, pid, &found), -ENOENT);
	assert_int_equal(process_iterator_refresh(iterator), 0);
	assert_int_equal(procfs_netns(proc, pid, &link), 0);
	assert_int_equal(process_iterator_netns(iterator, pid, &found), 0);
	assert_true(found == link);
	assert_int_equal(procfs_netns(proc, getpid(), &link), 0);
	assert_int_equal(process_iterator_netns(iterator, getpid(), &found), 0);
	assert_true(found == link);
	process_end(pid);
	assert_int_equal(process_iterator_refresh(iterator), 0);
	assert_int_equal(process_iterator_netns(iterator, pid, &found), -ENOENT);
	process_iterator_close(iterator);
	group_remove(group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_real_traffic),
		cmocka_unit_test(iterator_agrees_with_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
