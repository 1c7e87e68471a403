/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as they stand in RFC 9112, and what servers and clients make of it. */
#include "tests/protocol_support.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define OK(n)	  "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: " n "\r\n\r\n"
#define LONG_50	  "01234567890123456789012345678901234567890123456789"
#define LONG_300  LONG_50 LONG_50 LONG_50 LONG_50 LONG_50 LONG_50

static const struct conversation conversations[] = {
	{ .name = "one",
	  .sayings = { CLIENT_SAYS(GET("/")), SERVER_SAYS(OK("5") "hello") },
	  .found = { { HTTP1_GET, 200, 0 } } },
	{ .name = "kept alive",
	  .sayings = { CLIENT_SAYS(GET("/")), SERVER_SAYS(OK("5") "hello"), CLIENT_SAYS(GET("/b")),
		       SERVER_SAYS("HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n") },
	  .found = { { HTTP1_GET, 200, 0 }, { HTTP1_GET, 404, 0 } } },
	{ .name = "pipelined",
	  .sayings = { CLIENT_SAYS(GET("/1") "HEAD / HTTP/1.1\r\n\r\n" GET("/2")),
		       SERVER_SAYS(OK("2") "ab" OK(
			       "999") "HTTP/1.1 500 x\r\nContent-Length: 1\r\n\r\n!") },
	  .found = { { HTTP1_GET, 200, 0 }, { HTTP1_HEAD, 200, 0 }, { HTTP1_GET, 500, 0 } } },
	{ .name = "chunked both ways, with trailers",
	  .sayings = { CLIENT_SAYS("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "5\r\nhello\r\n0\r\n\r\n" GET("/")),
		       SERVER_SAYS(
			       "HTTP/1.1 201 Created\r\ntransfer-encoding: gzip, chunked\r\n\r\n"
			       "1A;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nDigest: z\r\n\r\n" OK(
				       "0")) },
	  .found = { { HTTP1_POST, 201, 0 }, { HTTP1_GET, 200, 0 } } },
	{ .name = "a body that looks like a request",
	  .sayings = { CLIENT_SAYS("PUT /a HTTP/1.1\r\nContent-Length: 18\r\n\r\nGET / "
				   "HTTP/1.1\r\n\r\n"),
		       SERVER_SAYS("HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n"),
		       CLIENT_SAYS("DELETE /a HTTP/1.1\r\n\r\n"),
		       SERVER_SAYS("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n") },
	  .found = { { HTTP1_PUT, 204, 0 }, { HTTP1_DELETE, 304, 0 } } },
	{ .name = "100-continue",
	  .sayings = { CLIENT_SAYS("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: "
				   "3\r\n\r\n"),
		       SERVER_SAYS("HTTP/1.1 100 Continue\r\n\r\n"), CLIENT_SAYS("abc"),
		       SERVER_SAYS("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK("1") "y") },
	  .found = { { HTTP1_POST, 200, 0 } } },
	{ .name = "until it is closed",
	  .sayings = { CLIENT_SAYS("GET / HTTP/1.0\r\n\r\n"),
		       SERVER_SAYS(
			       "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>" LONG_300),
		       SERVER_SAYS("HTTP/1.1 500 is text here\r\n\r\n") },
	  .found = { { HTTP1_GET, 200, 0 } },
	  .closed = true },
	{ .name = "until the next request",
	  .sayings = { CLIENT_SAYS(GET("/")), SERVER_SAYS("HTTP/1.1 200 OK\r\n\r\nwhat?"),
		       CLIENT_SAYS(GET("/")), SERVER_SAYS(OK("0")) },
	  .found = { { HTTP1_GET, 200, 0 }, { HTTP1_GET, 200, 0 } },
	  .whole = true },
	{ .name = "long lines",
	  .sayings = { CLIENT_SAYS("GET /" LONG_300 LONG_300 " HTTP/1.1\r\nCookie: " LONG_300
				   "\r\nContent-Length: 2\r\n\r\n{}"),
		       SERVER_SAYS("HTTP/1.1 200 " LONG_300
				   "\r\nSet-Cookie: Content-Length: 9" LONG_300
				   "\r\nContent-Length: 2\r\n\r\n{}" OK("0")) },
	  .found = { { HTTP1_GET, 200, 0 } },
	  .faults = { [WIRE_FAULT_UNMATCHED] = 1 } },
	{ .name = "lines that end with a newline alone, and empty ones",
	  .sayings = { CLIENT_SAYS("OPTIONS * HTTP/1.1\nHost: x\n\n\r\n\r\n" GET("/")),
		       SERVER_SAYS("HTTP/1.1 200 OK\nContent-Length:   4\n\nabcd" OK("0")) },
	  .found = { { HTTP1_OPTIONS, 200, 0 }, { HTTP1_GET, 200, 0 } } },
	{ .name = "upgrade",
	  .sayings = { CLIENT_SAYS("GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
		       SERVER_SAYS("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
		       SERVER_SAYS("\x81\x05hello"), CLIENT_SAYS("\x81\x85xxxx") },
	  .found = { { HTTP1_GET, 101, 0 } },
	  .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
	{ .name = "tunnel",
	  .sayings = { CLIENT_SAYS("CONNECT a.example:443 HTTP/1.1\r\n\r\n"),
		       SERVER_SAYS("HTTP/1.1 200 OK\r\n\r\n"), CLIENT_SAYS("\x16\x03\x01...") },
	  .found = { { HTTP1_CONNECT, 200, 0 } },
	  .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
	{ .name = "methods",
	  .sayings = { CLIENT_SAYS("PATCH / HTTP/1.1\r\n\r\nTRACE / HTTP/1.1\r\n\r\n"
				   "PROPFIND / HTTP/1.1\r\n\r\nGETS / HTTP/1.1\r\n\r\n"),
		       SERVER_SAYS(OK("0") OK("0") OK("0") OK("0")) },
	  .found = { { HTTP1_PATCH, 200, 0 },
		     { HTTP1_TRACE, 200, 0 },
		     { HTTP1_OTHER, 200, 0 },
		     { HTTP1_OTHER, 200, 0 } } },
	{ .name = "an answer that nobody asked for",
	  .sayings = { SERVER_SAYS("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n") },
	  .faults = { [WIRE_FAULT_UNMATCHED] = 1 },
	  .closed = true },
	{ .name = "closed in flight",
	  .sayings = { CLIENT_SAYS(GET("/1") GET("/2")), SERVER_SAYS(OK("100") "not all") },
	  .faults = { [WIRE_FAULT_UNANSWERED] = 2 },
	  .closed = true },
	{ .name = "lengths that contradict each other",
	  .sayings = { CLIENT_SAYS(
		  "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "a length that is none",
	  .sayings = { CLIENT_SAYS(GET("/")),
		       SERVER_SAYS(
			       "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "a chunk that is none",
	  .sayings = { CLIENT_SAYS(GET("/")), SERVER_SAYS("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
							  "chunked\r\n\r\nffffffffffffffff\r\n") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "garbage behind a request",
	  .sayings = { CLIENT_SAYS(GET("/") "\x01\x02\x03 no request, and no end of it either"
					    "........................................") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "TLS",
	  .sayings = { CLIENT_SAYS("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") },
	  .unparsed = WIRE_UNPARSED_TLS + 1,
	  .whole = true },
	{ .name = "HTTP/2",
	  .sayings = { CLIENT_SAYS("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
	  .unparsed = WIRE_UNPARSED_HTTP2 + 1 },
	{ .name = "something else",
	  .sayings = { SERVER_SAYS("SSH-2.0-OpenSSH_9.2p1\r\n") },
	  .unparsed = WIRE_UNPARSED_UNKNOWN + 1,
	  .whole = true },
};

/* From the first byte of the request to the last of the answer: calls are a nanosecond apart here. */
static void the_last_byte_ends_an_answer(void **state)
{
	cleanup_free struct player *player = player_new();
	const char *request = GET("/"), *answer = OK("10");

	(void)state;
	play_call(player, false, request, 3, 3);
	play_call(player, false, request + 3, strlen(request) - 3, SIZE_MAX);
	play_call(player, true, answer, strlen(answer), SIZE_MAX);
	play_call(player, true, "01234", 5, SIZE_MAX);
	assert_int_equal(player->n_found, 0);
	play_call(player, true, "56789", 5, SIZE_MAX);
	assert_int_equal(player->n_found, 1);
	assert_int_equal(player->found[0].ns, 4);
	assert_int_equal(player->bytes[0], strlen(request));
	assert_int_equal(player->bytes[1], strlen(answer) + 10);
}

/* A body by sendfile() cannot be looked at, and need not be; a head must. */
static void bytes_out_of_sight(void **state)
{
	cleanup_free struct player *player = player_new();
	const char *request = GET("/"), *answer = OK("1000000");
	struct piece body = { .left = 1000000, .now_ns = 9, .from_server = 1 };
	struct piece more = { .left = 10, .now_ns = 10, .from_server = 1 };

	(void)state;
	play_call(player, false, request, strlen(request), SIZE_MAX);
	play_call(player, true, answer, strlen(answer), SIZE_MAX);
	exchange_advance(&player->x, &player->x.streams[1], &body, &player->work);
	assert_int_equal(body.left, 0);
	assert_int_equal(player->n_found, 1);
	assert_int_equal(player->found[0].ns, 8);
	exchange_advance(&player->x, &player->x.streams[1], &more, &player->work);
	assert_int_equal(player->x.known.unparsed, WIRE_UNPARSED_TRUNCATED + 1);
}

/* Requests of one call are kept as one; where kinds alternate there is an end, and it is counted. */
static const __u64 *trace_of(const struct player *player)
{
	return ((const struct http1_state *)(const void *)&player->x.state)->trace;
}

/* However it is cut, the ids of a trace are whole or not there. */
static void ids_of_traces(void **state)
{
	const char *head = "GET / HTTP/1.1\r\nA: b\r\nTraceParent:  "
			   "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";
	const size_t n = strlen(head);
	unsigned found = 0;

	(void)state;
	for (size_t cut = 1; cut <= n; cut++) {
		cleanup_free struct player *player = player_new();
		const __u64 *trace = trace_of(player);

		play_call(player, false, head, cut, SIZE_MAX);
		play_call(player, false, head + cut, n - cut, SIZE_MAX);
		assert_int_equal(player->x.known.n_asked, 1);
		if (!trace[0] && !trace[1] && !trace[2])
			continue;
		found++;
		assert_int_equal(trace[0], 0x0af7651916cd43dd);
		assert_int_equal(trace[1], 0x8448eb211c80319c);
		assert_int_equal(trace[2], 0xb7ad6b7169203331);
	}
	assert_true(found >= n / 2);
}

static void what_is_no_trace(void **state)
{
	static const char *const lines[] = {
		"traceparent: 00-0af7651916cd43dd8448eb211c80319C-b7ad6b7169203331-01",
		"traceparent: 00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
		"traceparent: 00-0af7651916cd43dd8448eb211c80319:-b7ad6b7169203331-01",
		"traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"traceparent: 00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-",
		"traceparent: ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"xraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"traceparent:",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		cleanup_free struct player *player = player_new();
		cleanup_free char *head = xasprintf("GET / HTTP/1.1\r\n%s\r\n\r\n", lines[i]);

		play_call(player, false, head, strlen(head), SIZE_MAX);
		assert_int_equal(player->x.known.n_asked, 1);
		for (unsigned word = 0; word < HTTP1_TRACE_WORDS; word++)
			if (trace_of(player)[word])
				fail_msg("%s is none", lines[i]);
	}
}

/* What is kept is of the request that had nothing before it; the next one that has not forgets it. */
static void traces_of_several(void **state)
{
	const char *traced = "GET / HTTP/1.1\r\ntraceparent: "
			     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";
	const char *plain = "GET / HTTP/1.1\r\n\r\n";
	const char *ok = "HTTP/1.1 204 OK\r\n\r\n";
	cleanup_free struct player *player = player_new();

	(void)state;
	play_call(player, false, traced, strlen(traced), SIZE_MAX);
	play_call(player, false, plain, strlen(plain), SIZE_MAX);
	assert_true(trace_of(player)[2] != 0);
	for (int i = 0; i < 2; i++)
		play_call(player, true, ok, strlen(ok), SIZE_MAX);
	play_call(player, false, plain, strlen(plain), SIZE_MAX);
	assert_true(trace_of(player)[2] == 0);
	play_call(player, false, traced, strlen(traced), SIZE_MAX);
	assert_true(trace_of(player)[2] == 0);
	exchange_close(&player->x);
	assert_int_equal(player->n_unanswered, 1);
	assert_int_equal(player->faults[WIRE_FAULT_UNANSWERED], 2);
}

/* The first part of its head comes before the answer to the one before it, the rest behind. */
static void no_trace_of_another(void **state)
{
	const char *traced = "GET / HTTP/1.1\r\ntraceparent: "
			     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";
	const char *begin = "GET /second HTTP/1.1\r\nA: b\r\n", *rest = "C: d\r\n\r\n";
	const char *ok = "HTTP/1.1 204 OK\r\n\r\n";
	cleanup_free struct player *player = player_new();

	(void)state;
	play_call(player, false, traced, strlen(traced), SIZE_MAX);
	play_call(player, false, begin, strlen(begin), SIZE_MAX);
	assert_true(trace_of(player)[2] != 0);
	play_call(player, true, ok, strlen(ok), SIZE_MAX);
	play_call(player, false, rest, strlen(rest), SIZE_MAX);
	assert_int_equal(player->x.known.n_asked, 1);
	assert_true(trace_of(player)[2] == 0);
}

static void more_under_way_than_are_kept(void **state)
{
	cleanup_free struct player *player = player_new();
	const char *get = GET("/"), *put = "PUT / HTTP/1.1\r\n\r\n", *ok = OK("0");

	(void)state;
	for (int i = 0; i < 20; i++)
		play_call(player, false, i % 2 ? get : put, strlen(i % 2 ? get : put), SIZE_MAX);
	assert_int_equal(player->x.known.n_asked, WIRE_ASKED);
	assert_int_equal(player->x.known.overflowed, 4);
	for (int i = 0; i < WIRE_ASKED; i++)
		play_call(player, true, ok, strlen(ok), SIZE_MAX);
	assert_int_equal(player->n_found, WIRE_ASKED);
	/* Whether the next one has a body is not known any more. */
	play_call(player, true, ok, strlen(ok), SIZE_MAX);
	assert_int_equal(player->x.known.unparsed, WIRE_UNPARSED_BROKEN + 1);
	exchange_close(&player->x);
	assert_int_equal(player->faults[WIRE_FAULT_UNANSWERED], 0);
}

static void empty_lines_are_one_step(void **state)
{
	(void)state;
	expect_empty_lines_in_one_step(http1_parse);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_CONVERSATIONS(conversations),
		cmocka_unit_test(empty_lines_are_one_step),
		cmocka_unit_test(the_last_byte_ends_an_answer),
		cmocka_unit_test(bytes_out_of_sight),
		cmocka_unit_test(ids_of_traces),
		cmocka_unit_test(what_is_no_trace),
		cmocka_unit_test(traces_of_several),
		cmocka_unit_test(no_trace_of_another),
		cmocka_unit_test(more_under_way_than_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
