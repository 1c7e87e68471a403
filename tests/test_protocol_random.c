/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that nobody would say, to every parser: beginnings of real messages, changed, repeated and cut at
 * random. Whatever they are, every byte is counted once, and a step always ends.
 */
#include "tests/protocol_support.h"

enum { ROUNDS = 20000, CALLS = 12, BYTES_MAX = 700 };

/* What each end says, of each protocol: one of them for a round, most often. */
static const struct {
	int protocol;
	bool from_server;
	const char *text;
} seeds[] = {
	{ 0, false, "GET /a HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nhello" },
	{ 0, false,
	  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" },
	{ 0, true, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" },
	{ 0, true, "HTTP/1.1 101 Switching\r\n\r\n" },
	{ 0, true, "HTTP/1.0 200 OK\r\n\r\n" },
	{ 0, true, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" },
	{ 1, false, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" },
	{ 1, false, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nvv\r\n" },
	{ 1, false, "PING\r\n" },
	{ 1, true, "+OK\r\n" },
	{ 1, true, "-ERR no\r\n" },
	{ 1, true, "*2\r\n*1\r\n:1\r\n$-1\r\n" },
	{ 1, true, "%1\r\n+a\r\n#t\r\n" },
	{ 2, false, "\x16\x03\x01" },
};

static uint64_t next_random(uint64_t *at)
{
	*at = *at * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *at >> 33;
}

static size_t make_bytes(uint64_t *at, int protocol, bool from_server, char bytes[BYTES_MAX])
{
	size_t n = 0;

	for (uint64_t i = next_random(at) % 20 + 1; i; i--) {
		uint64_t seed = next_random(at) % ARRAY_SIZE(seeds);
		size_t size = strlen(seeds[seed].text);

		if (next_random(at) % 64 &&
		    (seeds[seed].protocol != protocol || seeds[seed].from_server != from_server))
			continue;
		if (next_random(at) % 16 == 0)
			size = next_random(at) % (size + 1);
		if (n + size > BYTES_MAX)
			break;
		memcpy(bytes + n, seeds[seed].text, size);
		n += size;
	}
	for (uint64_t changes = next_random(at) % 8; changes > 5 && n; changes--)
		bytes[next_random(at) % n] = (char)next_random(at);
	return n;
}

static uint64_t counted(const struct player *player)
{
	uint64_t sum = player->bytes[0] + player->bytes[1] +
		       (uint64_t)player->x.known.undecided[0] + player->x.known.undecided[1];

	for (int i = 0; i < WIRE_UNPARSED; i++)
		sum += player->unparsed[i];
	return sum;
}

static void every_byte_is_counted_once(void **state)
{
	uint64_t at = 1, understood = 0;
	char bytes[BYTES_MAX];

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		cleanup_free struct player *player = player_new();
		uint64_t played = 0;

		for (int call = 0; call < CALLS; call++) {
			bool from_server = next_random(&at) % 2;
			size_t n = make_bytes(&at, round % 2, from_server, bytes);

			if (!n)
				continue;
			play_call(player, from_server, bytes, n, next_random(&at) % 90 + 1);
			played += n;
			assert_in_range(player->x.known.n_asked, 0, WIRE_ASKED);
			assert_in_range(player->x.known.head, 0, WIRE_ASKED - 1);
			assert_int_equal(counted(player), played);
		}
		exchange_close(&player->x);
		assert_int_equal(player->x.known.n_asked, 0);
		assert_int_equal(counted(player), played);
		understood += player->n_found;
	}
	/* Else it would have tried only what is refused at once. */
	assert_true(understood > ROUNDS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_counted_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
