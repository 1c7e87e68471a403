/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations of pymemcache, libmemcached and by hand with Memcached, and what they do not show. */
#include "tests/protocol_recorded.h"

static const char *const operations[] = { [MEMCACHED_OTHER] = "OTHER",
#define MEMCACHED_ROW(name) [MEMCACHED_##name] = #name,
					  MEMCACHED_OPERATIONS(MEMCACHED_ROW)
#undef MEMCACHED_ROW
};

static const char *const statuses[] = {
#define MEMCACHED_ROW(name) [MEMCACHED_ERROR_##name] = #name,
	MEMCACHED_ERRORS(MEMCACHED_ROW)
#undef MEMCACHED_ROW
};

static const struct naming naming = { operations, statuses, ARRAY_SIZE(operations),
				      ARRAY_SIZE(statuses) };

static const struct recorded recordings[] = {
	/* A set with too many bytes is answered twice: what is left of them is a command. */
	{ .file = "memcached/by-hand",
	  .found = "version set get get gets get set!CLIENT_ERROR OTHER!ERROR get add replace "
		   "append "
		   "prepend cas cas incr decr incr touch gat delete delete verbosity flush_all "
		   "OTHER!ERROR set!ERROR set!CLIENT_ERROR ms mg mg mg mn ma md me mn set get incr "
		   "get get lru_crawler stats stats" },
	{ .file = "memcached/pymemcache",
	  .found = "set get get set set incr delete gets touch version get" },
	{ .file = "memcached/libmemcached", .found = "set get get delete set set incr" },
	{ .file = "memcached/binary", .found = "", .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
};

#define KEY_50	"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define KEY_250 KEY_50 KEY_50 KEY_50 KEY_50 KEY_50

static const struct conversation conversations[] = {
	{ .name = "keys as long as they may be",
	  .sayings = { CLIENT_SAYS("get " KEY_250 " noreply " KEY_250 "\r\n"),
		       SERVER_SAYS("VALUE " KEY_250
				   " 0 5\r\nEND\r\n\r\nVALUE noreply 0 0\r\n\r\nEND\r\n"),
		       CLIENT_SAYS("set " KEY_250 " 4294967295 2147483647 10\r\nget k\r\nEND\r\n"
				   "delete noreply\r\n"),
		       SERVER_SAYS("STORED\r\nDELETED\r\n") },
	  .found = { { MEMCACHED_get, 0, 0 },
		     { MEMCACHED_set, 0, 0 },
		     { MEMCACHED_delete, 0, 0 } } },
	{ .name = "without an answer",
	  .sayings = { CLIENT_SAYS("set k 0 0 9 noreply\r\nget k\r\nkk\r\n"
				   "cas k 0 0 1 77 noreply\r\n1\r\nincr k 1 noreply\r\n"
				   "touch k 0 noreply\r\nmg k v q\r\nversion\r\nquit\r\n"),
		       SERVER_SAYS("VERSION 1.6.18\r\n") },
	  .found = { { MEMCACHED_version, 0, 0 } } },
	{ .name = "errors",
	  .sayings = { CLIENT_SAYS("set k 0 0 2\r\nab\r\nset k 0 0 x\r\nwhat\r\nget\r\n"),
		       SERVER_SAYS("SERVER_ERROR out of memory storing object\r\n"
				   "CLIENT_ERROR bad command line format\r\nERROR\r\nERROR\r\n") },
	  .found = { { MEMCACHED_set, MEMCACHED_ERROR_SERVER_ERROR, 0 },
		     { MEMCACHED_set, MEMCACHED_ERROR_CLIENT_ERROR, 0 },
		     { MEMCACHED_OTHER, MEMCACHED_ERROR_ERROR, 0 },
		     { MEMCACHED_get, MEMCACHED_ERROR_ERROR, 0 } } },
	{ .name = "more spaces than there need be, and lines with a newline alone",
	  .sayings = { CLIENT_SAYS("set   k  0   0  3   \r\na\nb\r\nincr k 1\nget  k \r\n"),
		       SERVER_SAYS("STORED\r\n12345678901234567890\r\nEND\r\n") },
	  .found = { { MEMCACHED_set, 0, 0 }, { MEMCACHED_incr, 0, 0 }, { MEMCACHED_get, 0, 0 } } },
	{ .name = "another server",
	  .sayings = { CLIENT_SAYS("get k\r\n"), SERVER_SAYS("$-1\r\n") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "bytes without a number",
	  .sayings = { CLIENT_SAYS("get k\r\n"), SERVER_SAYS("VALUE k 0 -1\r\n") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "more bytes than there can be",
	  .sayings = { CLIENT_SAYS("get k\r\n"),
		       SERVER_SAYS("VALUE k 0 18446744073709551615\r\n") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "a line of bytes",
	  .sayings = { CLIENT_SAYS("get k\r\n"), SERVER_SAYS("END\r\n"),
		       CLIENT_SAYS("\1\2\3\4\r\n") },
	  .found = { { MEMCACHED_get, 0, 0 } },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "what the server does, as it does it",
	  .sayings = { CLIENT_SAYS("version\r\n"), SERVER_SAYS("VERSION 1\r\n"),
		       CLIENT_SAYS("watch fetchers\r\n"),
		       SERVER_SAYS("OK\r\nts=1 gid=1 type=item_get\r\n") },
	  .found = { { MEMCACHED_version, 0, 0 } },
	  .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
	{ .name = "an answer that is cut off, and one that nobody asked for",
	  .sayings = { CLIENT_SAYS("get k\r\n"), SERVER_SAYS("END\r\nSTORED\r\n"),
		       CLIENT_SAYS("get k\r\n"), SERVER_SAYS("VALUE k 0 1000000\r\nabc") },
	  .found = { { MEMCACHED_get, 0, 0 } },
	  .closed = true,
	  .faults = { [WIRE_FAULT_UNANSWERED] = 1, [WIRE_FAULT_UNMATCHED] = 1 } },
};

static void commands_are_recognised(void **state)
{
	(void)state;
	expect_guess(memcached_detect, "get k\r\n", PROTOCOL_CLIENT);
	expect_guess(memcached_detect, "set k 0 0 1\r\na\r\n", PROTOCOL_CLIENT);
	expect_guess(memcached_detect, "get " KEY_250, PROTOCOL_CLIENT);
	expect_guess(memcached_detect, "version\r\n", PROTOCOL_CLIENT);
	expect_guess(memcached_detect, "ge", PROTOCOL_MAYBE);
	expect_guess(memcached_detect, "get k\n", PROTOCOL_NO);
	expect_guess(memcached_detect, "get\r\n", PROTOCOL_NO);
	expect_guess(memcached_detect, "GET k\r\n", PROTOCOL_NO);
	expect_guess(memcached_detect, "hello k\r\n", PROTOCOL_NO);
	expect_guess(memcached_detect, "get \0\1\2\r\n", PROTOCOL_NO);
	expect_guess(memcached_detect, "quit\r\n", PROTOCOL_NO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_RECORDINGS(recordings, naming),
		TEST_CONVERSATIONS(conversations),
		cmocka_unit_test(commands_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
