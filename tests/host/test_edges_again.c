/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that are connected more than once: each connection is counted as if it had its own. */
#include <netinet/tcp.h>
#include <poll.h>

#include "bpf/wire_connections.h"
#include "collector/clock.h"
#include "tests/connections_support.h"
#include "tests/own_maps.h"

enum { LOOK_MS = 10, LOOKS = 6000, ROUNDS = 20 };

static const uint64_t a_while_ns = UINT64_C(10) * 1000 * 1000 * 1000;

static void disconnect(int fd)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	assert_int_equal(connect(fd, &nobody, sizeof(nobody)), 0);
}

/*
 * Until the kernel has sent again on this socket at least so often, by what it says itself. It does so once
 * in a second or less often, so that what it has just said stays true for a while.
 */
static uint32_t try_to_connect(int fd, const struct sockaddr_in *address, uint32_t times)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof(*address)), -1);
	assert_int_equal(errno, EINPROGRESS);
	for (int i = 0; info.tcpi_total_retrans < times && i < LOOKS; i++) {
		poll(NULL, 0, LOOK_MS);
		assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
	}
	assert_true(info.tcpi_total_retrans >= times);
	return info.tcpi_total_retrans;
}

/* The kernel counts anew what a socket sends again when it is connected a second time. */
static void what_is_sent_again_begins_anew(void **state)
{
	struct place *place = place_new();
	const struct scene *scene = &place->groups.scene;

	(void)state;
	assert_int_equal(listen(place->listener, 0), 0);
	int waits = tcp_socket();
	assert_int_equal(connect(waits, (struct sockaddr *)&place->address, sizeof(place->address)),
			 0);
	scene_collect(&place->groups.scene);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	uint32_t first = try_to_connect(fd, &place->address, 2);
	disconnect(fd);
	uint32_t second = try_to_connect(fd, &place->address, 1);
	close(fd);
	scene_collect(&place->groups.scene);
	expect_sample(scene, "container_tcp_retransmits_total", place->groups.paths[CLIENT], "",
		      first + second);
	expect_edge(place, CLIENT, "out", place->groups.paths[SERVER], "retransmits_total",
		    first + second);
	close(waits);
	place_free(place);
}

/* The second end is in the client's own group. */
static void each_connection_has_its_own_peer(void **state)
{
	struct place *place = place_new();
	const char *here = place->groups.paths[CLIENT], *there = place->groups.paths[SERVER];
	int other = tcp_socket(), fd = tcp_socket();
	struct sockaddr_in address;

	(void)state;
	bind_anywhere(other, &address);
	assert_int_equal(listen(other, 1), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct pair first =
			pair_of(fd, place->listener, &place->address, sizeof(place->address));

		transfer(first.client, first.server, SENT);
		transfer(first.server, first.client, 1);
		if (i == 0)
			scene_collect(&place->groups.scene);
		disconnect(fd);
		close(first.server);
		struct pair second = pair_of(fd, other, &address, sizeof(address));

		transfer(second.client, second.server, ANSWERED);
		transfer(second.server, second.client, 1);
		disconnect(fd);
		close(second.server);
	}
	close(fd);
	scene_collect(&place->groups.scene);
	const struct {
		const char *peer;
		uint64_t bytes;
	} ends[] = { { there, ROUNDS * SENT }, { here, ROUNDS * ANSWERED } };
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		expect_edge(place, CLIENT, "out", ends[i].peer, "connects_total", ROUNDS);
		expect_edge(place, CLIENT, "out", ends[i].peer, "closes_total", ROUNDS);
		expect_edge(place, CLIENT, "out", ends[i].peer, "open_connections", 0);
		/* The beginning of a connection counts as a byte. */
		assert_in_range(
			edge_value(place, CLIENT, "out", ends[i].peer, "transmit_bytes_total"),
			ends[i].bytes, ends[i].bytes + ROUNDS);
	}
	close(other);
	place_free(place);
}

/* The map of handshakes has room for some thousand. */
static void no_handshake_is_left(void **state)
{
	struct place *place = place_new();
	int fd = tcp_socket();

	(void)state;
	int handshakes = own_map("handshakes");
	int before = map_elements(handshakes);
	for (int i = 0; i < ROUNDS; i++) {
		struct pair pair =
			pair_of(fd, place->listener, &place->address, sizeof(place->address));

		disconnect(fd);
		close(pair.server);
	}
	close(fd);
	/* Others on this host may make some meanwhile. */
	assert_in_range(map_elements(handshakes), 0, before + ROUNDS / 2);
	place_free(place);
}

static void put(int map, uint64_t key, uint64_t made_ns)
{
	const struct wire_handshake handshake = { .key = key, .made_ns = made_ns };

	assert_int_equal(bpf_map_update_elem(map, &key, &handshake, BPF_NOEXIST), 0);
}

static bool is_there(int map, uint64_t key)
{
	struct wire_handshake handshake;

	return bpf_map_lookup_elem(map, &key, &handshake) == 0;
}

/* As they are left when the program misses a close, since it was interrupted in the midst of itself. */
static void what_is_left_is_taken_away(void **state)
{
	const uint64_t now_ns = clock_monotonic_ns(), old = 1, young = 2;
	struct place *place = place_new();
	int handshakes = own_map("handshakes");
	struct pair held = pair_new(place);

	(void)state;
	uint64_t lost = lost_connections(&place->groups.scene, "handshakes");
	put(handshakes, old, now_ns - 2 * (uint64_t)WIRE_SETTLED_NS);
	put(handshakes, young, now_ns + a_while_ns);
	scene_collect(&place->groups.scene);
	assert_false(is_there(handshakes, old));
	assert_true(is_there(handshakes, young));
	assert_true(lost_connections(&place->groups.scene, "handshakes") > lost);
	pair_close(held);
	scene_collect(&place->groups.scene);
	expect_edge(place, CLIENT, "out", place->groups.paths[SERVER], "closes_total", 1);
	place_free(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_again_begins_anew),
		cmocka_unit_test(each_connection_has_its_own_peer),
		cmocka_unit_test(no_handshake_is_left),
		cmocka_unit_test(what_is_left_is_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
