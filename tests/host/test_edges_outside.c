/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections whose other end is no socket of this host: they are named by address, and told a second
 * after they were made at the latest.
 */
#include "tests/connections_support.h"
#include "tests/outside_peer.h"

enum { MADE = 3, A_SECOND_MS = 1100 };

static const char addresses[] = "10.99.0.1/24 198.51.100.1/24 203.0.113.1/24";

struct world {
	struct place *place;
	struct outside_peer peer;
	char *named[2];
};

static void world_start(struct world *world)
{
	struct scene *scene;

	world->place = place_new();
	scene = &world->place->groups.scene;
	scene_close(scene);
	world->named[0] = xstrdup("office=203.0.113.0/25");
	world->named[1] = xstrdup("printer=203.0.113.9");
	scene->options.connections_outside = (struct string_list){ world->named, 2 };
	scene_collect(scene);
	collector_start_probes(scene->collector);
	outside_peer_start(&world->peer, addresses);
}

static void world_end(struct world *world)
{
	outside_peer_end(&world->peer);
	place_free(world->place);
	free(world->named[0]);
	free(world->named[1]);
}

static int connect_outside(struct world *world, const char *to)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(80) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	inet_pton(AF_INET, to, &address.sin_addr);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
	assert_int_equal(errno, EINPROGRESS);
	outside_accept(&world->peer);
	return fd;
}

static void break_off(int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	close(fd);
}

static void collect(struct world *world)
{
	scene_collect(&world->place->groups.scene);
}

static void who_is_outside_is_named_by_address(void **state)
{
	static const struct {
		const char *address, *name;
	} peers[] = {
		{ "10.99.0.2", "private" },    { "198.51.100.2", "public" },
		{ "203.0.113.2", "office" },   { "203.0.113.9", "printer" },
		{ "203.0.113.200", "public" },
	};
	struct world world = { 0 };

	(void)state;
	world_start(&world);
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		for (int n = 0; n < MADE; n++)
			break_off(connect_outside(&world, peers[i].address));
	collect(&world);
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		uint64_t made = streq(peers[i].name, "public") ? 2 * MADE : MADE;

		expect_edge(world.place, CLIENT, "out", peers[i].name, "connects_total", made);
		expect_edge(world.place, CLIENT, "out", peers[i].name, "closes_total", made);
	}
	assert_int_equal(edges_number(world.place, CLIENT), 4);
	world_end(&world);
}

/* Until then somebody on this host may accept it yet. */
static void an_open_connection_is_told_after_a_second(void **state)
{
	struct world world = { 0 };

	(void)state;
	world_start(&world);
	int fd = connect_outside(&world, "198.51.100.2");
	poll(NULL, 0, A_SECOND_MS);
	collect(&world);
	expect_edge(world.place, CLIENT, "out", "public", "connects_total", 1);
	expect_edge(world.place, CLIENT, "out", "public", "open_connections", 1);
	break_off(fd);
	collect(&world);
	expect_edge(world.place, CLIENT, "out", "public", "connects_total", 1);
	expect_edge(world.place, CLIENT, "out", "public", "open_connections", 0);
	world_end(&world);
}

static void who_comes_from_outside_is_named_on_the_other_end(void **state)
{
	struct world world = { 0 };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(8080) };
	int accepted[MADE];

	(void)state;
	world_start(&world);
	enter(world.place->groups.directories[SERVER]);
	int listener = tcp_socket();
	inet_pton(AF_INET, "198.51.100.1", &to.sin_addr);
	assert_int_equal(bind(listener, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(listener, MADE), 0);
	enter(world.place->groups.directories[CLIENT]);
	for (int i = 0; i < MADE; i++) {
		outside_connect(&world.peer, "198.51.100.7", (uint16_t)(20000 + i), &to);
		accepted[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		assert_true(accepted[i] >= 0);
	}
	break_off(accepted[0]);
	collect(&world);
	expect_edge(world.place, SERVER, "in", "public", "connects_total", MADE);
	expect_edge(world.place, SERVER, "in", "public", "closes_total", 1);
	expect_edge(world.place, SERVER, "in", "public", "open_connections", MADE - 1);
	assert_int_equal(edges_number(world.place, SERVER), 1);
	assert_int_equal(edges_number(world.place, CLIENT), 0);
	for (int i = 1; i < MADE; i++)
		break_off(accepted[i]);
	close(listener);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_outside_is_named_by_address),
		cmocka_unit_test(an_open_connection_is_told_after_a_second),
		cmocka_unit_test(who_comes_from_outside_is_named_on_the_other_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
