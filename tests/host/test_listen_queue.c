/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listen queues that fill up, against what the sockets say of themselves: of one that listens TCP_INFO has
 * the queue and its limit, and SO_MEMINFO what was dropped.
 */
#include <bpf/btf.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>

#include "bpf/wire_connections.h"
#include "collector/buffer.h"
#include "collector/probes/iterator.h"
#include "tests/connections_support.h"
#include "tests/own_maps.h"

#define WAITING "container_tcp_listen_queue_connections"
#define LIMIT	"container_tcp_listen_queue_limit"
#define FULLEST "container_tcp_listen_queue_fullest_ratio"
#define DROPS	"container_tcp_listen_drops_total"

enum { BACKLOG = 1, CLIENTS = 6, MOMENT_MS = 300, LISTENERS = 500 };

/* A client that does not wait for its connection. */
static int start_connecting(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

/* A number that the program keeps with a socket; its place is in what the kernel knows of its types. */
static uint64_t kept_value(int fd, const char *name)
{
	int map = own_map("connections");
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	uint64_t values[32], value = UINT64_MAX;

	assert_int_equal(bpf_obj_get_info_by_fd(map, &info, &size), 0);
	assert_true(info.value_size <= sizeof(values));
	assert_int_equal(bpf_map_lookup_elem(map, &fd, values), 0);
	struct btf *btf = btf__load_from_kernel_by_id(info.btf_id);
	assert_non_null(btf);
	const struct btf_type *type = btf__type_by_id(btf, info.btf_value_type_id);
	for (uint32_t i = 0; i < btf_vlen(type); i++)
		if (streq(btf__name_by_offset(btf, btf_members(type)[i].name_off), name))
			value = values[btf_member_bit_offset(type, i) / 64];
	btf__free(btf);
	return value;
}

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
	return info;
}

static uint64_t drops_of(int fd)
{
	uint32_t values[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(values);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &size), 0);
	return values[SK_MEMINFO_DROPS];
}

static double fullest(const struct place *place)
{
	const struct sample *sample =
		scene_sample(&place->groups.scene, FULLEST, place->groups.paths[SERVER], "");

	assert_non_null(sample);
	return sample->real;
}

static void expect_queue(const struct place *place, const char *name, uint64_t value)
{
	expect_sample(&place->groups.scene, name, place->groups.paths[SERVER], "", value);
}

/*
 * Collects, and compares with the queue as the listener itself has it, beside another one that is empty.
 * Clients that were dropped try again meanwhile.
 */
static void collect_as_the_socket_says(struct place *place)
{
	uint64_t before = drops_of(place->listener);

	scene_collect(&place->groups.scene);
	const struct tcp_info info = info_of(place->listener);
	const struct sample *drops =
		scene_sample(&place->groups.scene, DROPS, place->groups.paths[SERVER], "");

	expect_queue(place, WAITING, info.tcpi_unacked);
	expect_queue(place, LIMIT, info.tcpi_sacked + CONNECTIONS);
	assert_non_null(drops);
	assert_in_range(drops->integer, before, drops_of(place->listener));
}

static void fill(struct place *place, int clients[CLIENTS])
{
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = start_connecting(&place->address);
	poll(NULL, 0, MOMENT_MS);
}

static void a_full_queue_drops(void **state)
{
	struct place *place = place_new();
	struct sockaddr_in other_address;
	int clients[CLIENTS];

	(void)state;
	enter(place->groups.directories[SERVER]);
	int other = tcp_socket();
	bind_anywhere(other, &other_address);
	assert_int_equal(listen(other, CONNECTIONS), 0);
	assert_int_equal(listen(place->listener, BACKLOG), 0);
	enter(place->groups.directories[CLIENT]);
	collect_as_the_socket_says(place);
	expect_queue(place, WAITING, 0);
	expect_absent(&place->groups.scene, LIMIT, place->groups.paths[CLIENT], "");
	expect_absent(&place->groups.scene, DROPS, place->groups.paths[CLIENT], "");
	fill(place, clients);
	collect_as_the_socket_says(place);
	/* One more than the limit says: sk_acceptq_is_full(). */
	expect_queue(place, WAITING, BACKLOG + 1);
	assert_true(drops_of(place->listener) >= CLIENTS - BACKLOG - 2);
	assert_true(fullest(place) > 1);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	uint64_t dropped = drops_of(place->listener);
	/* What was dropped by one that does not listen any more stays counted. */
	close(place->listener);
	close(other);
	scene_collect(&place->groups.scene);
	expect_queue(place, DROPS, dropped);
	expect_absent(&place->groups.scene, LIMIT, place->groups.paths[SERVER], "");
	place->listener = tcp_socket();
	place_free(place);
}

/* Of a listener that is older than the exporter, what it dropped before is not counted. */
static void an_older_queue_is_seen(void **state)
{
	struct place *place = place_new();
	struct scene *scene = &place->groups.scene;
	int clients[CLIENTS], more[CLIENTS];

	(void)state;
	scene_close(scene);
	assert_int_equal(listen(place->listener, BACKLOG), 0);
	fill(place, clients);
	uint64_t before = drops_of(place->listener);
	assert_true(before > 0);
	scene_collect(scene);
	collector_start_probes(scene->collector);
	/* Nobody knows the group yet: it has neither connected nor dropped anything. */
	scene_collect(scene);
	uint64_t first = drops_of(place->listener);
	fill(place, more);
	scene_collect(scene);
	expect_queue(place, WAITING, info_of(place->listener).tcpi_unacked);
	expect_queue(place, LIMIT, BACKLOG);
	const struct sample *drops = scene_sample(scene, DROPS, place->groups.paths[SERVER], "");
	assert_non_null(drops);
	assert_in_range(drops->integer, drops_of(place->listener) - first,
			drops_of(place->listener) - before);
	for (int i = 0; i < CLIENTS; i++) {
		close(clients[i]);
		close(more[i]);
	}
	place_free(place);
}

/* The one that goes over the sockets. */
static int own_iterator(void)
{
	for (int fd = 0; fd < OWN_FILES_MAX; fd++) {
		char target[64] = "";
		struct bpf_link_info info = {
			.iter = {
				.target_name = (uintptr_t)target,
				.target_name_len = sizeof(target),
			},
		};
		uint32_t size = sizeof(info);

		if (is_own_file(fd, "anon_inode:bpf_link") &&
		    bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
		    info.type == BPF_LINK_TYPE_ITER && streq(target, "bpf_sk_storage_map"))
			return fd;
	}
	fail_msg("there is no iterator");
	return -1;
}

/* Of all listeners together there may be more to tell than is read: open ones behind them are seen. */
static void what_is_too_much_hides_no_socket(void **state)
{
	struct place *place = place_new();
	struct buffer records = { 0 };
	struct pair held[CONNECTIONS];
	int listeners[LISTENERS];

	(void)state;
	for (int i = 0; i < CONNECTIONS; i++)
		held[i] = pair_new(place);
	for (int i = 0; i < LISTENERS; i++) {
		listeners[i] = tcp_socket();
		assert_int_equal(listen(listeners[i], 1), 0);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		transfer(held[i].client, held[i].server, SENT);
		transfer(held[i].server, held[i].client, 1);
		assert_true(kept_value(held[i].client, "sent") < SENT);
	}
	assert_int_equal(iterator_read(own_iterator(), 0, &records), -EFBIG);
	assert_int_equal(records.length, 0);
	for (int i = 0; i < CONNECTIONS; i++)
		assert_true(kept_value(held[i].client, "sent") >= SENT);
	assert_int_equal(iterator_read(own_iterator(), SIZE_MAX, &records), 0);
	assert_true(records.length >= LISTENERS * sizeof(struct wire_listener));
	buffer_free(&records);
	for (int i = 0; i < CONNECTIONS; i++)
		pair_close(held[i]);
	for (int i = 0; i < LISTENERS; i++)
		close(listeners[i]);
	place_free(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_queue_drops),
		cmocka_unit_test(an_older_queue_is_seen),
		cmocka_unit_test(what_is_too_much_hides_no_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
