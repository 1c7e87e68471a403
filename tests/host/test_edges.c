/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected with whom, where both ends are on this host: known numbers of connections between a
 * client in one group and a listener that was made in another.
 */
#include <sched.h>
#include <stdlib.h>

#include "tests/connections_support.h"

enum { CHURN = 10000 };

static const char *server_of(const struct place *place)
{
	return place->groups.paths[SERVER];
}

static void expect_out(const struct place *place, const char *name, uint64_t value)
{
	expect_edge(place, CLIENT, "out", server_of(place), name, value);
}

/* The beginning and the end of a connection count as a byte each. */
static void expect_bytes(const struct place *place, const char *name, uint64_t bytes, uint64_t made)
{
	assert_in_range(edge_value(place, CLIENT, "out", server_of(place), name), bytes,
			bytes + 2 * made);
}

static void an_edge_has_the_connections_of_its_client(void **state)
{
	struct place *place = place_new();
	struct pair held[HELD];

	(void)state;
	connect_and_carry(place);
	for (int i = 0; i < HELD; i++) {
		held[i] = pair_new(place);
		transfer(held[i].client, held[i].server, SENT);
	}
	scene_collect(&place->groups.scene);
	expect_out(place, "connects_total", CONNECTIONS + HELD);
	expect_out(place, "closes_total", CONNECTIONS);
	expect_out(place, "open_connections", HELD);
	expect_out(place, "retransmits_total", 0);
	assert_true(edge_value(place, CLIENT, "out", server_of(place), "round_trip_seconds_total") >
		    0);
	/* What is open is in it, too. */
	expect_bytes(place, "transmit_bytes_total", (CONNECTIONS + HELD) * SENT,
		     CONNECTIONS + HELD);
	expect_bytes(place, "receive_bytes_total", CONNECTIONS * ANSWERED, CONNECTIONS + HELD);
	assert_int_equal(edges_number(place, CLIENT), 1);
	assert_int_equal(edges_number(place, SERVER), 0);
	for (int i = 0; i < HELD; i++)
		pair_close(held[i]);
	scene_collect(&place->groups.scene);
	expect_out(place, "connects_total", CONNECTIONS + HELD);
	expect_out(place, "open_connections", 0);
	expect_bytes(place, "transmit_bytes_total", (CONNECTIONS + HELD) * SENT,
		     CONNECTIONS + HELD);
	place_free(place);
}

/* IPv6, and both ways in which one end sees IPv4 as IPv6. */
static void families_of_addresses_make_no_difference(void **state)
{
	struct place *place = place_new();
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6,
				       .sin6_port = place->address.sin_port };
	struct sockaddr_in four = place->address;
	socklen_t size = sizeof(six);
	const int off = 0;

	(void)state;
	enter(place->groups.directories[SERVER]);
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	six.sin6_addr = in6addr_any;
	assert_int_equal(setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&six, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&six, &size), 0);
	six.sin6_addr = in6addr_loopback;
	four.sin_port = six.sin6_port;
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
	enter(place->groups.directories[CLIENT]);
	pair_close(pair_of(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), listener, &six, size));
	pair_close(pair_of(tcp_socket(), listener, &four, sizeof(four)));
	pair_close(pair_of(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), place->listener,
			   &mapped, size));
	scene_collect(&place->groups.scene);
	expect_out(place, "connects_total", 3);
	expect_out(place, "closes_total", 3);
	assert_int_equal(edges_number(place, CLIENT), 1);
	assert_int_equal(edges_number(place, SERVER), 0);
	close(listener);
	place_free(place);
}

/* Another process listens where one did before; in between nobody does. */
static void a_listener_that_restarts(void **state)
{
	struct place *place = place_new();
	const int on = 1;

	(void)state;
	connect_in_vain(&(struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr = place->address.sin_addr, .sin_port = htons(1) });
	pair_close(pair_new(place));
	close(place->listener);
	for (int i = 0; i < REFUSED; i++)
		connect_in_vain(&place->address);
	enter(place->groups.directories[SERVER]);
	place->listener = tcp_socket();
	assert_int_equal(setsockopt(place->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(
		bind(place->listener, (struct sockaddr *)&place->address, sizeof(place->address)),
		0);
	assert_int_equal(listen(place->listener, 1), 0);
	enter(place->groups.directories[CLIENT]);
	pair_close(pair_new(place));
	scene_collect(&place->groups.scene);
	expect_out(place, "connects_total", 2);
	expect_out(place, "connect_failures_total", REFUSED);
	/* Where nobody has answered before, only the address is known. */
	expect_edge(place, CLIENT, "out", "loopback", "connect_failures_total", 1);
	expect_edge(place, CLIENT, "out", "loopback", "connects_total", 0);
	place_free(place);
}

static void a_listener_that_is_older(void **state)
{
	struct place *place = place_new();
	struct scene *scene = &place->groups.scene;

	(void)state;
	struct pair old = pair_new(place);
	scene_close(scene);
	scene_collect(scene);
	collector_start_probes(scene->collector);
	scene_collect(scene);
	for (int i = 0; i < CONNECTIONS; i++)
		pair_close(pair_new(place));
	pair_close(old);
	scene_collect(scene);
	expect_out(place, "connects_total", CONNECTIONS);
	expect_out(place, "open_connections", 0);
	expect_sample(scene, "container_tcp_listen_queue_limit", server_of(place), "", CONNECTIONS);
	place_free(place);
}

/* Its peers are told in one sum when a workload has more of them than it may name. */
static void a_peer_without_a_place_is_counted(void **state)
{
	struct place *place = place_new();
	struct scene *scene = &place->groups.scene;

	(void)state;
	scene_close(scene);
	scene->options.connections_edges = 0;
	scene_collect(scene);
	collector_start_probes(scene->collector);
	for (int i = 0; i < CONNECTIONS; i++)
		pair_close(pair_new(place));
	scene_collect(scene);
	assert_int_equal(edges_number(place, CLIENT), 1);
	expect_edge(place, CLIENT, "out", "other", "connects_total", CONNECTIONS);
	expect_edge(place, CLIENT, "out", "other", "open_connections", 0);
	/* Others on this host have peers, too. */
	assert_true(lost_connections(&place->groups.scene, "edges") >= CONNECTIONS);
	place_free(place);
}

static void expect_rest(const struct place *place, uint64_t connects, uint64_t closes,
			uint64_t open)
{
	expect_edge(place, CLIENT, "out", "other", "connects_total", connects);
	expect_edge(place, CLIENT, "out", "other", "closes_total", closes);
	expect_edge(place, CLIENT, "out", "other", "open_connections", open);
	assert_int_equal(edges_number(place, CLIENT), 1);
}

/* What was told of it is not told again: that would be a burst that never was. */
static void a_peer_that_is_gone_leaves_what_is_open(void **state)
{
	struct place *place = place_new();
	struct pair held[HELD];

	(void)state;
	for (int i = 0; i < HELD; i++) {
		held[i] = pair_new(place);
		transfer(held[i].client, held[i].server, SENT);
	}
	for (int i = 0; i < CONNECTIONS; i++)
		pair_close(pair_new(place));
	scene_collect(&place->groups.scene);
	expect_out(place, "connects_total", CONNECTIONS + HELD);
	close(place->listener);
	assert_int_equal(rmdir(place->groups.directories[SERVER]), 0);
	scene_collect(&place->groups.scene);
	expect_rest(place, 0, 0, HELD);
	expect_edge(place, CLIENT, "out", "other", "transmit_bytes_total", 0);
	for (int i = 0; i < HELD; i++) {
		transfer(held[i].client, held[i].server, SENT);
		pair_close(held[i]);
	}
	scene_collect(&place->groups.scene);
	expect_rest(place, 0, HELD, 0);
	assert_in_range(edge_value(place, CLIENT, "out", "other", "transmit_bytes_total"),
			HELD * SENT, HELD * (SENT + 1));
	place->listener = tcp_socket();
	place_free(place);
}

/* It begins at 0 when it is shown: what was told of it before stays in the rest. */
static void a_peer_that_is_not_shown_is_in_the_rest(void **state)
{
	struct place *place = place_new();
	struct scene *scene = &place->groups.scene;
	const uint64_t all = scene->options.cgroups_max;
	struct pair held[HELD];

	(void)state;
	scene->options.cgroups_max = 1;
	for (int i = 0; i < HELD; i++)
		held[i] = pair_new(place);
	for (int i = 0; i < CONNECTIONS; i++)
		pair_close(pair_new(place));
	scene_collect(scene);
	expect_rest(place, CONNECTIONS + HELD, CONNECTIONS, HELD);
	scene->options.cgroups_max = all;
	scene_collect(scene);
	expect_rest(place, CONNECTIONS + HELD, CONNECTIONS, HELD);
	pair_close(pair_new(place));
	for (int i = 0; i < HELD; i++)
		pair_close(held[i]);
	scene_collect(scene);
	expect_out(place, "connects_total", 1);
	expect_out(place, "closes_total", 1 + HELD);
	expect_out(place, "open_connections", 0);
	expect_edge(place, CLIENT, "out", "other", "connects_total", CONNECTIONS + HELD);
	expect_edge(place, CLIENT, "out", "other", "closes_total", CONNECTIONS);
	expect_edge(place, CLIENT, "out", "other", "open_connections", 0);
	scene->options.cgroups_max = 1;
	scene_collect(scene);
	expect_rest(place, CONNECTIONS + HELD, CONNECTIONS, 0);
	place_free(place);
}

static void churn_loses_nothing(void **state)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct place *place = place_new();

	(void)state;
	for (int i = 0; i < CHURN; i++) {
		struct pair pair = pair_new(place);

		/* Half of them are broken off: the other half leaves ports behind that wait. */
		if (i % 2)
			assert_int_equal(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &at_once,
						    sizeof(at_once)),
					 0);
		close(pair.client);
		close(pair.server);
		if (i % 1000 == 0)
			scene_collect(&place->groups.scene);
	}
	scene_collect(&place->groups.scene);
	expect_out(place, "connects_total", CHURN);
	expect_out(place, "closes_total", CHURN);
	expect_out(place, "open_connections", 0);
	assert_int_equal(edges_number(place, CLIENT), 1);
	assert_int_equal(edges_number(place, SERVER), 0);
	assert_int_equal(lost_connections(&place->groups.scene, "handshakes"), 0);
	assert_int_equal(lost_connections(&place->groups.scene, "pairs"), 0);
	place_free(place);
}

static int own_netns(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

/* Two namespaces with a wire between them, and a third with the addresses of the first. */
static void namespaces_are_crossed_and_told_apart(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(4711) };
	struct place *place = place_new();
	int host = own_netns();

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	int ours = own_netns();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	cleanup_free char *wire = xasprintf(
		"ip link add v0 type veth peer name v1 netns /proc/%d/fd/%d", (int)getpid(), ours);
	run(wire);
	run("ip addr add 10.77.0.2/24 dev v0 && ip link set v0 up && ip link set lo up");
	enter(place->groups.directories[SERVER]);
	int listener = tcp_socket();
	inet_pton(AF_INET, "10.77.0.2", &address.sin_addr);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	enter(place->groups.directories[CLIENT]);
	assert_int_equal(setns(ours, CLONE_NEWNET), 0);
	run("ip addr add 10.77.0.1/24 dev v1 && ip link set v1 up");
	for (int i = 0; i < CONNECTIONS; i++)
		pair_close(pair_of(tcp_socket(), listener, &address, sizeof(address)));
	/* The same address, but nobody has ever listened there. */
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	run("ip addr add 10.77.0.2/24 dev lo && ip link set lo up");
	connect_in_vain(&address);
	assert_int_equal(setns(host, CLONE_NEWNET), 0);
	scene_collect(&place->groups.scene);
	expect_out(place, "connects_total", CONNECTIONS);
	expect_out(place, "closes_total", CONNECTIONS);
	expect_edge(place, CLIENT, "out", "private", "connect_failures_total", 1);
	assert_int_equal(edges_number(place, SERVER), 0);
	close(listener);
	close(ours);
	close(host);
	place_free(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_edge_has_the_connections_of_its_client),
		cmocka_unit_test(families_of_addresses_make_no_difference),
		cmocka_unit_test(a_listener_that_restarts),
		cmocka_unit_test(a_listener_that_is_older),
		cmocka_unit_test(a_peer_without_a_place_is_counted),
		cmocka_unit_test(a_peer_that_is_gone_leaves_what_is_open),
		cmocka_unit_test(a_peer_that_is_not_shown_is_in_the_rest),
		cmocka_unit_test(churn_loses_nothing),
		cmocka_unit_test(namespaces_are_crossed_and_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
