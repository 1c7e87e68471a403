/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections of known numbers over loopback, between a listener that was made in one group and
 * clients of another.
 */
#include "tests/connections_support.h"

#define CONNECTS   "container_tcp_connects_total"
#define FAILURES   "container_tcp_connect_failures_total"
#define CONNECTING "container_tcp_connect_duration_seconds"
#define ACCEPTS	   "container_tcp_accepts_total"
#define OPEN	   "container_tcp_open_connections"
#define ROUND_TRIP "container_tcp_round_trip_seconds"
#define RESETS	   "container_tcp_resets_total"
#define BYTES	   "container_tcp_closed_bytes_total"

static void expect(const struct place *place, int who, const char *name, const char *labels,
		   uint64_t value)
{
	expect_sample(&place->groups.scene, name, place->groups.paths[who], labels, value);
}

static void expect_histogram(const struct place *place, int who, const char *name, uint64_t count)
{
	const struct sample *sample =
		scene_sample(&place->groups.scene, name, place->groups.paths[who], "");

	assert_non_null(sample);
	assert_int_equal(histogram_count(sample->histogram), count);
}

/* The kernel counts the beginning and the end of a connection as a byte each (RFC 9293, 3.4). */
static void expect_bytes(const struct place *place, int who, const char *labels, uint64_t each)
{
	const struct sample *bytes =
		scene_sample(&place->groups.scene, BYTES, place->groups.paths[who], labels);

	assert_non_null(bytes);
	assert_in_range(bytes->integer, CONNECTIONS * each, CONNECTIONS * (each + 2));
}

static void both_ends_are_counted(void **state)
{
	struct place *place = place_new();
	struct pair held[HELD];

	(void)state;
	connect_and_carry(place);
	for (int i = 0; i < HELD; i++)
		held[i] = pair_new(place);
	scene_collect(&place->groups.scene);
	expect(place, CLIENT, CONNECTS, "", CONNECTIONS + HELD);
	expect(place, CLIENT, ACCEPTS, "", 0);
	expect(place, SERVER, CONNECTS, "", 0);
	expect(place, SERVER, ACCEPTS, "", CONNECTIONS + HELD);
	expect_histogram(place, CLIENT, CONNECTING, CONNECTIONS + HELD);
	expect_histogram(place, CLIENT, ROUND_TRIP, CONNECTIONS);
	for (int who = CLIENT; who <= SERVER; who++) {
		expect(place, who, OPEN, "", HELD);
		expect(place, who, RESETS, "direction=sent", 0);
		expect(place, who, RESETS, "direction=received", 0);
		expect_bytes(place, who, "direction=transmit", who == CLIENT ? SENT : ANSWERED);
		expect_bytes(place, who, "direction=receive", who == CLIENT ? ANSWERED : SENT);
		expect_absent(&place->groups.scene, FAILURES, place->groups.paths[who],
			      "reason=refused");
	}
	for (int i = 0; i < HELD; i++)
		pair_close(held[i]);
	scene_collect(&place->groups.scene);
	expect(place, CLIENT, OPEN, "", 0);
	expect(place, SERVER, OPEN, "", 0);
	place_free(place);
}

static void failures_have_reasons(void **state)
{
	struct place *place = place_new();
	struct sockaddr_in nobody, full = place->address;
	int taken = tcp_socket();

	(void)state;
	bind_anywhere(taken, &nobody); /* bound, but nobody listens */
	for (int i = 0; i < REFUSED; i++)
		connect_in_vain(&nobody);
	/* 192.0.2.1 is nobody's (RFC 5737); where there is no way there at all nothing is sent. */
	full.sin_addr.s_addr = htonl(0xc0000201);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool sent =
		connect(fd, (struct sockaddr *)&full, sizeof(full)) == -1 && errno == EINPROGRESS;
	close(fd);
	scene_collect(&place->groups.scene);
	expect(place, CLIENT, FAILURES, "reason=refused", REFUSED);
	expect(place, CLIENT, CONNECTS, "", 0);
	expect(place, CLIENT, RESETS, "direction=received", REFUSED);
	if (sent)
		expect(place, CLIENT, FAILURES, "reason=aborted", 1);
	close(taken);
	place_free(place);
}

static void resets_have_two_ends(void **state)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct place *place = place_new();
	struct pair pair = pair_new(place);
	char byte;

	(void)state;
	assert_int_equal(setsockopt(pair.server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)),
			 0);
	close(pair.server);
	assert_int_equal(recv(pair.client, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(pair.client);
	scene_collect(&place->groups.scene);
	expect(place, SERVER, RESETS, "direction=sent", 1);
	expect(place, CLIENT, RESETS, "direction=received", 1);
	expect(place, SERVER, OPEN, "", 0);
	expect(place, CLIENT, OPEN, "", 0);
	place_free(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_are_counted),
		cmocka_unit_test(failures_have_reasons),
		cmocka_unit_test(resets_have_two_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
