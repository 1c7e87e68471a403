/* SPDX-License-Identifier: Apache-2.0 */
/* Questions of dig, and of a client that asks several at once, to Unbound. */
#include "tests/protocol_recorded.h"

static const char *const operations[] = { [DNS_OTHER] = "OTHER",
#define DNS_ROW(name, number) [DNS_##name] = #name,
					  DNS_TYPES(DNS_ROW)
#undef DNS_ROW
};

static const char *const statuses[] = {
#define DNS_ROW(name, number) [number] = #name,
	DNS_ERRORS(DNS_ROW)
#undef DNS_ROW
};

static const struct naming naming = { operations, statuses, ARRAY_SIZE(operations),
				      ARRAY_SIZE(statuses) };

static const struct recorded recordings[] = {
	{ .file = "dns/dig-tcp", .found = "A AAAA!NXDOMAIN TXT!REFUSED" },
	/* The last name is longer than what is seen at once. */
	{ .file = "dns/tcp-pipelined", .found = "A AAAA A!NXDOMAIN MX TXT!NXDOMAIN" },
};

#define HEADER(id)	 id "\1\0\0\1\0\0\0\0\0\0"
#define NAME		 "\3www\7example\4test\0"
#define QUESTION	 NAME "\0\1\0\1"
#define ASKED		 "\0\x22" HEADER("\0\1") QUESTION
#define ANSWER(id, code) "\0\x22" id "\x81" code "\0\1\0\0\0\0\0\0" QUESTION

static const struct conversation conversations[] = {
	{ .name = "answers in another order",
	  .sayings = { CLIENT_SAYS(ASKED "\0\x22" HEADER("\0\2") NAME "\0\x1c\0\1"),
		       SERVER_SAYS(ANSWER("\0\2", "\x83") ANSWER("\0\1", "\x80")) },
	  .found = { { DNS_AAAA, 3, 0 }, { DNS_A, 0, 0 } } },
	{ .name = "an answer to another question",
	  .sayings = { CLIENT_SAYS(ASKED), SERVER_SAYS(ANSWER("\0\2", "\x80")) },
	  .closed = true,
	  .faults = { [WIRE_FAULT_UNANSWERED] = 1, [WIRE_FAULT_UNMATCHED] = 1 } },
	{ .name = "an update of nothing",
	  .sayings = { CLIENT_SAYS(ASKED "\0\x10\0\1\x28\0\0\1\0\0\0\0\0\0\0\0\6\0") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "an update and a notification",
	  .sayings = { CLIENT_SAYS(ASKED "\0\x22\0\2\x28\0\0\1\0\0\0\0\0\0" QUESTION
					 "\0\x22\0\3\x24\0\0\1\0\0\0\0\0\0" QUESTION),
		       SERVER_SAYS(ANSWER("\0\1", "\x80") "\0\xc\0\2\xa8\5\0\0\0\0\0\0\0\0"
							  "\0\xc\0\3\xa4\0\0\0\0\0\0\0\0\0") },
	  .found = { { DNS_A, 0, 0 }, { DNS_UPDATE, 5, 0 }, { DNS_NOTIFY, 0, 0 } } },
	{ .name = "a whole zone",
	  .sayings = { CLIENT_SAYS("\0\x22" HEADER("\0\1") NAME "\0\xfc\0\1") },
	  .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
	{ .name = "a name that is longer than its message",
	  .sayings = { CLIENT_SAYS(ASKED "\0\x12" HEADER("\0\1") NAME "\0\1\0\1") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "a name that points elsewhere",
	  .sayings = { CLIENT_SAYS(ASKED "\0\x12" HEADER("\0\1") "\xc0\xc\0\1\0\1") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "a length below the least",
	  .sayings = { CLIENT_SAYS(ASKED "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
};

/* One datagram; its answer is not looked at by anything else. */
static struct protocol_step parse_datagram(const char *bytes, size_t n, bool from_client)
{
	struct protocol_window window = { .left = n, .from_client = from_client, .datagram = 1 };
	struct protocol_state words = { 0 };
	struct protocol_step step = { 0 };

	window.n = n < PROTOCOL_WINDOW ? n : PROTOCOL_WINDOW;
	memcpy(window.bytes, bytes, window.n);
	assert_int_equal(dns_parse(&window, &words, &step), PROTOCOL_OK);
	assert_int_equal(step.length, n);
	assert_true(step.events & PROTOCOL_END);
	return step;
}

static void datagrams_are_understood(void **state)
{
	static const unsigned asked[] = { DNS_A, DNS_AAAA, DNS_MX,  DNS_SOA,   DNS_SRV,	  DNS_TXT,
					  DNS_A, DNS_A,	   DNS_PTR, DNS_HTTPS, DNS_OTHER, DNS_A };
	static const unsigned answered[] = { 0, 0, 0, 0, 0, 0, 3, 5, 3, 0, 0, 0 };
	struct talk *talk = talk_read("dns/dig-udp");

	(void)state;
	assert_int_equal(talk->n, 2 * ARRAY_SIZE(asked));
	for (unsigned i = 0; i < ARRAY_SIZE(asked); i++) {
		const struct piece_of_talk *question = &talk->pieces[2 * i], *answer = question + 1;
		struct protocol_step q = parse_datagram(question->bytes, question->n, true);
		struct protocol_step a = parse_datagram(answer->bytes, answer->n, false);

		assert_int_equal(q.events, PROTOCOL_REQUEST | PROTOCOL_BY_ID | PROTOCOL_END);
		assert_int_equal(q.operation, asked[i]);
		assert_int_equal(a.events, PROTOCOL_RESPONSE | PROTOCOL_BY_ID | PROTOCOL_END);
		assert_int_equal(a.id, q.id);
		assert_int_equal(a.status, answered[i]);
		/* The same the other way round is nothing, and so is what is cut off in the header. */
		assert_int_equal(parse_datagram(answer->bytes, answer->n, true).events,
				 PROTOCOL_END);
		assert_int_equal(parse_datagram(question->bytes, 11, true).events, PROTOCOL_END);
	}
	talk_free(talk);
}

static void questions_are_recognised(void **state)
{
	(void)state;
	expect_guess(dns_detect, ASKED, PROTOCOL_CLIENT);
	expect_guess(dns_detect, "\0\x22\0\1\1\0\0\1\0\0", PROTOCOL_MAYBE);
	expect_guess(dns_detect, "\0\x22" HEADER("\0\1") "\3www\7exa", PROTOCOL_MAYBE);
	expect_guess(dns_detect, "\0\x22\0\1\1\0\0\2\0\0\0\0\0\0" QUESTION, PROTOCOL_NO);
	expect_guess(dns_detect, "\0\x22\0\1\1\3\0\1\0\0\0\0\0\0" QUESTION, PROTOCOL_NO);
	expect_guess(dns_detect, "\0\x22\0\1\1\0\0\1\0\1\0\0\0\0" QUESTION, PROTOCOL_NO);
	expect_guess(dns_detect, "\0\x12" HEADER("\0\1") QUESTION, PROTOCOL_NO);
	expect_guess(dns_detect, ANSWER("\0\1", "\x80"), PROTOCOL_NO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_RECORDINGS(recordings, naming),
		TEST_CONVERSATIONS(conversations),
		cmocka_unit_test(datagrams_are_understood),
		cmocka_unit_test(questions_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
