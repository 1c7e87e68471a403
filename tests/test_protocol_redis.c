/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and answers in RESP2, RESP3 and in lines. */
#include "tests/protocol_support.h"

#define PING  "*1\r\n$4\r\nPING\r\n"
#define GET_K "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"

static const struct conversation conversations[] = {
	{ .name = "one",
	  .sayings = { CLIENT_SAYS(GET_K), SERVER_SAYS("$5\r\nhello\r\n") },
	  .found = { { REDIS_GET, 0, 0 } } },
	{ .name = "in lines",
	  .sayings = { CLIENT_SAYS("PING\r\n"), SERVER_SAYS("+PONG\r\n"),
		       CLIENT_SAYS("\r\nset k 1\r\n"), SERVER_SAYS("+OK\r\n"),
		       CLIENT_SAYS("nonsense\n"),
		       SERVER_SAYS("-ERR unknown command 'nonsense'\r\n") },
	  .found = { { REDIS_PING, 0, 0 },
		     { REDIS_SET, 0, 0 },
		     { REDIS_OTHER, REDIS_ERROR_ERR, 0 } } },
	{ .name = "pipelined",
	  .sayings = { CLIENT_SAYS(
			       GET_K
			       "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$12\r\n$3\r\nGET\r\n*1\r\r\n" GET_K),
		       SERVER_SAYS("$-1\r\n+OK\r\n$12\r\n$3\r\nGET\r\n*1\r\r\n") },
	  .found = { { REDIS_GET, 0, 0 }, { REDIS_SET, 0, 0 }, { REDIS_GET, 0, 0 } } },
	{ .name = "answers in answers",
	  .sayings = { CLIENT_SAYS("*3\r\n$6\r\nxrange\r\n$1\r\ns\r\n$1\r\n-\r\n" GET_K),
		       SERVER_SAYS("*2\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n:1\r\n*-1\r\n$"
				   "0\r\n\r\n") },
	  .found = { { REDIS_XRANGE, 0, 0 }, { REDIS_GET, 0, 0 } } },
	{ .name = "many elements",
	  .sayings = { CLIENT_SAYS(
			       "*13\r\n$4\r\nMGET\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n"
			       "$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n$1\r\na\r\n"
			       "$1\r\nb\r\n$1\r\nc\r\n" GET_K),
		       SERVER_SAYS("*12\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:8\r\n$-1\r\n+"
				   "a\r\n"
				   "-ERR is no error of the whole\r\n*0\r\n:1\r\n") },
	  .found = { { REDIS_MGET, 0, 0 }, { REDIS_GET, 0, 0 } } },
	{ .name = "errors",
	  .sayings = { CLIENT_SAYS(GET_K GET_K GET_K GET_K),
		       SERVER_SAYS("-WRONGTYPE Operation against a key holding the wrong kind\r\n"
				   "-MOVED 3999 127.0.0.1:6381\r\n-NOTHING\r\n-\r\n") },
	  .found = { { REDIS_GET, REDIS_ERROR_WRONGTYPE, 0 },
		     { REDIS_GET, REDIS_ERROR_MOVED, 0 },
		     { REDIS_GET, REDIS_ERROR_OTHER, 0 },
		     { REDIS_GET, REDIS_ERROR_OTHER, 0 } } },
	{ .name = "RESP3",
	  .sayings = { CLIENT_SAYS("*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"),
		       SERVER_SAYS("%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n"),
		       CLIENT_SAYS(GET_K GET_K GET_K),
		       SERVER_SAYS(
			       ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"
			       "|1\r\n$1\r\nt\r\n,0.5\r\n$1\r\nv\r\n_\r\n!9\r\nERR wrong\r\n") },
	  .found = { { REDIS_HELLO, 0, 0 },
		     { REDIS_GET, 0, 0 },
		     { REDIS_GET, 0, 0 },
		     { REDIS_GET, REDIS_ERROR_OTHER, 0 } } },
	{ .name = "names that are long, and unknown ones",
	  .sayings = { CLIENT_SAYS("*1\r\n$13\r\nZRANGEBYSCORE\r\n*1\r\n$16\r\nZRANGEBYSCOREXXX\r\n"
				   "*1\r\n$40\r\nABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJ\r\n"),
		       SERVER_SAYS("*0\r\n-ERR\r\n-ERR\r\n") },
	  .found = { { REDIS_ZRANGEBYSCORE, 0, 0 },
		     { REDIS_OTHER, REDIS_ERROR_ERR, 0 },
		     { REDIS_OTHER, REDIS_ERROR_ERR, 0 } } },
	{ .name = "a subscription",
	  .sayings = { CLIENT_SAYS(GET_K), SERVER_SAYS("$-1\r\n"),
		       CLIENT_SAYS("*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n"),
		       SERVER_SAYS("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n") },
	  .found = { { REDIS_GET, 0, 0 } },
	  .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
	{ .name = "an answer that looks like what a replica says",
	  .sayings = { CLIENT_SAYS("*3\r\n$6\r\nLRANGE\r\n$1\r\nk\r\n$1\r\n0\r\n"),
		       SERVER_SAYS("*3\r\n$8\r\nREPLACED\r\n:1\r\n:2\r\n") },
	  .found = { { REDIS_LRANGE, 0, 0 } } },
	{ .name = "a replica, of which it was not seen how it became one",
	  .sayings = { CLIENT_SAYS(GET_K),
		       SERVER_SAYS("*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n0\r\n"),
		       CLIENT_SAYS(GET_K) },
	  .closed = true,
	  .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
	{ .name = "no answers any more",
	  .sayings = { CLIENT_SAYS("*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n" GET_K) },
	  .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
	{ .name = "an array of nothing, which has no answer",
	  .sayings = { CLIENT_SAYS(GET_K "*0\r\n" GET_K), SERVER_SAYS("$-1\r\n$-1\r\n") },
	  .found = { { REDIS_GET, 0, 0 }, { REDIS_GET, 0, 0 } } },
	{ .name = "hostile lengths",
	  .sayings = { CLIENT_SAYS("*2\r\n$3\r\nGET\r\n$99999999999999999999\r\n") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "no answer",
	  .sayings = { CLIENT_SAYS(GET_K),
		       SERVER_SAYS("what is this? it has no type that is known") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
};

/* So many of one kind in one call are one entry. */
static void pipelines_are_timed(void **state)
{
	enum { REQUESTS = 50 };
	cleanup_free struct player *player = player_new();
	static const char request[] = GET_K, answer[] = "$-1\r\n";
	const size_t asks = sizeof(request) - 1, answers = sizeof(answer) - 1;
	char sent[REQUESTS * sizeof(request)], received[REQUESTS * sizeof(answer)];

	(void)state;
	for (size_t i = 0; i < REQUESTS; i++) {
		memcpy(&sent[i * asks], request, asks);
		memcpy(&received[i * answers], answer, answers);
	}
	play_call(player, false, sent, REQUESTS * asks, SIZE_MAX);
	assert_int_equal(player->x.known.n_asked, 1);
	play_call(player, true, received, REQUESTS * answers, SIZE_MAX);
	assert_int_equal(player->n_found, REQUESTS);
	for (int i = 0; i < REQUESTS; i++)
		assert_int_equal(player->found[i].ns, 1);
	assert_int_equal(player->x.known.n_asked, 0);
}

/* When more is under way than is kept that is counted, and what comes later is timed again. */
static void more_under_way_than_are_kept(void **state)
{
	static const char *const requests[] = { GET_K, PING };
	cleanup_free struct player *player = player_new();
	unsigned said = 0;

	(void)state;
	while (said < WIRE_ASKED + 4) {
		play_call(player, false, requests[said % 2], strlen(requests[said % 2]), SIZE_MAX);
		said++;
	}
	assert_int_equal(player->x.known.overflowed, 4);
	/* There is always one under way. */
	for (int i = 0; i < 30; i++) {
		play_call(player, true, "+OK\r\n", 5, SIZE_MAX);
		if (i >= WIRE_ASKED)
			play_call(player, true, "+OK\r\n", 5, SIZE_MAX);
		play_call(player, false, requests[said % 2], strlen(requests[said % 2]), SIZE_MAX);
		said++;
		assert_in_range(player->x.known.n_asked, 1, WIRE_ASKED);
	}
	while (player->x.known.n_asked || player->x.known.overflowed)
		play_call(player, true, "+OK\r\n", 5, SIZE_MAX);
	assert_int_equal(player->faults[WIRE_FAULT_UNMATCHED], 0);
	assert_int_equal(player->n_found + player->faults[WIRE_FAULT_OVERFLOW], said);
	assert_in_range(player->faults[WIRE_FAULT_OVERFLOW], 4, 8);
	for (unsigned i = 0; i < player->n_found; i++) {
		assert_int_not_equal(player->found[i].operation, PROTOCOL_UNKNOWN);
		assert_in_range(player->found[i].ns, 1, 60);
	}
}

/* One thread sends, another receives: its call may end first. What comes then has its own answer. */
static void answers_before_their_requests(void **state)
{
	cleanup_free struct player *player = player_new();

	(void)state;
	player->x.known.side = WIRE_SIDE_CLIENT;
	play_call(player, false, GET_K, strlen(GET_K), SIZE_MAX);
	play_call(player, true, "+OK\r\n+OK\r\n", 10, SIZE_MAX);
	play_call(player, false, GET_K, strlen(GET_K), SIZE_MAX);
	assert_int_equal(player->x.known.n_asked, 0);
	assert_int_equal(player->faults[WIRE_FAULT_UNMATCHED], 1);
	play_call(player, false, PING, strlen(PING), SIZE_MAX);
	player->now_ns += 5000;
	play_call(player, true, "+OK\r\n", 5, SIZE_MAX);
	assert_int_equal(player->n_found, 2);
	assert_int_equal(player->found[1].operation, REDIS_PING);
	assert_int_equal(player->found[1].ns, 5001);
}

/* Long after it nobody has been asked for it. */
static void answers_without_requests(void **state)
{
	cleanup_free struct player *player = player_new();

	(void)state;
	for (int side = WIRE_SIDE_CLIENT; side <= WIRE_SIDE_SERVER; side++) {
		player->x.known.side = (uint8_t)side;
		play_call(player, false, GET_K, strlen(GET_K), SIZE_MAX);
		play_call(player, true, "+OK\r\n+OK\r\n", 10, SIZE_MAX);
		/* A server has read what it answers. */
		player->now_ns += side == WIRE_SIDE_CLIENT ? 2 * EXCHANGE_EARLY_NS : 0;
		play_call(player, false, PING, strlen(PING), SIZE_MAX);
		play_call(player, true, "+OK\r\n", 5, SIZE_MAX);
	}
	assert_int_equal(player->n_found, 4);
	assert_int_equal(player->found[1].operation, REDIS_PING);
	assert_int_equal(player->found[3].operation, REDIS_PING);
	assert_int_equal(player->faults[WIRE_FAULT_UNMATCHED], 2);
}

/* Who is who is known by a request, and answers may look like one. */
static void answers_are_not_joined(void **state)
{
	static const char *const answers[] = {
		"*2\r\n$5\r\nvalue\r\n$1\r\n2\r\n",
		"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n",
		"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
		"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n0\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		cleanup_free struct player *player = player_new();

		if (play_joining(player, true, answers[i]))
			fail_msg("joined with %s", answers[i]);
		assert_int_equal(player->x.known.protocol, WIRE_PROTOCOL_NONE);
		exchange_count(&player->x, 0, 40);
		exchange_count(&player->x, 1, 2);
		assert_int_equal(player->unparsed[WIRE_UNPARSED_OLDER], 0);
		assert_true(play_joining(player, true, GET_K));
		assert_int_equal(player->unparsed[WIRE_UNPARSED_OLDER], 42);
		exchange_close(&player->x);
		assert_int_equal(player->unparsed[WIRE_UNPARSED_OLDER], 42);
		assert_int_equal(player->x.known.protocol, WIRE_PROTOCOL_redis);
		assert_int_equal(player->x.known.side, WIRE_SIDE_CLIENT);
	}
}

static void empty_lines_are_one_step(void **state)
{
	(void)state;
	expect_empty_lines_in_one_step(redis_parse);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_CONVERSATIONS(conversations),
		cmocka_unit_test(empty_lines_are_one_step),
		cmocka_unit_test(answers_before_their_requests),
		cmocka_unit_test(answers_without_requests),
		cmocka_unit_test(answers_are_not_joined),
		cmocka_unit_test(more_under_way_than_are_kept),
		cmocka_unit_test(pipelines_are_timed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
