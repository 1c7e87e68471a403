/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations of mariadb, DBD::MariaDB, PyMySQL, MySQL Connector/Python and a client that can all of it
 * with MariaDB, and what they do not show.
 */
#include "tests/protocol_recorded.h"

static const char *const operations[] = { [SQL_OTHER] = "OTHER",
#define SQL_ROW(name) [SQL_##name] = #name,
					  SQL_OPERATIONS(SQL_ROW)
#undef SQL_ROW
#define MYSQL_ROW(name) [MYSQL_##name] = #name,
						  MYSQL_OPERATIONS(MYSQL_ROW)
#undef MYSQL_ROW
};

static const struct naming naming = { operations, NULL, ARRAY_SIZE(operations), 0 };

#define ALL_COMMANDS                                                                               \
	"SELECT SELECT SELECT CALL PREPARE EXECUTE EXECUTE FETCH FETCH RESET PREPARE EXECUTE "     \
	"PREPARE EXECUTE PREPARE!1064 FIELD_LIST STATISTICS PING SET_OPTION USE RESET PREPARE "    \
	"SELECT PING SELECT!1146"

static const struct recorded recordings[] = {
	{ .file = "mysql/mariadb",
	  .found = "SELECT CREATE INSERT BEGIN UPDATE ROLLBACK SELECT!1146 SELECT CALL LOAD SELECT "
		   "PREPARE EXECUTE SELECT USE SHOW DROP" },
	{ .file = "mysql/perl-prepared",
	  .found = "SET SET SET SET PREPARE EXECUTE EXECUTE EXECUTE PREPARE EXECUTE EXECUTE "
		   "PREPARE EXECUTE PREPARE!1064 PING" },
	{ .file = "mysql/pymysql", .found = "SELECT SELECT!1064 SELECT PING USE BEGIN COMMIT" },
	{ .file = "mysql/connector-pure",
	  .found = "SET SET PING SELECT SELECT CALL PING PREPARE RESET EXECUTE RESET EXECUTE "
		   "PREPARE RESET EXECUTE PREPARE!1064 PING STATISTICS RESET SET SET CHANGE_USER "
		   "SET SET PING SELECT" },
	{ .file = "mysql/raw-eof", .found = ALL_COMMANDS },
	{ .file = "mysql/raw-deprecate-eof", .found = ALL_COMMANDS },
	{ .file = "mysql/refused", .found = "" },
	{ .file = "mysql/compressed", .found = "", .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
};

#define SALT "01234567\0\xff\xf7\x08\2\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0"
#define GREETING                                                                                   \
	"\x35\0\0\0\x0a"                                                                           \
	"8.4.0\0\1\0\0\0" SALT "012345678901\0x\0"
#define ZEROS	  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define LOGIN	  "\x25\0\0\1\5\xa2\1\0\0\0\0\1\x21" ZEROS "test\0"
#define LOGIN_TLS "\x20\0\0\1\5\xaa\1\0\0\0\0\1\x21" ZEROS
#define ADMITTED  "\7\0\0\2\0\0\0\2\0\0\0"
#define OK	  "\7\0\0\1\0\0\0\2\0\0\0"
#define DUPLICATE "\xc\0\0\1\xff\x26\4#23000hm!"
#define SELECT_1  "\x9\0\0\0\3SELECT 1"
#define PING	  "\1\0\0\0\xe"
#define COLUMN                                                                                     \
	"\xa\0\0\2\3"                                                                              \
	"def\0\0\0\0\0\0"
#define ROWS                                                                                       \
	"\1\0\0\1\1" COLUMN "\5\0\0\3\xfe\0\0\2\0"                                                 \
	"\2\0\0\4\1x"                                                                              \
	"\5\0\0\5\xfe\0\0\2\0"
#define ROWS_NEW                                                                                   \
	"\1\0\0\1\1" COLUMN "\2\0\0\3\1x"                                                          \
	"\7\0\0\4\xfe\0\0\2\0\0\0"
#define PREPARED "\xc\0\0\1\0\1\0\0\0\1\0\1\0\0\0\0"
#define EXECUTE	 "\xa\0\0\0\x17\1\0\0\0\0\1\0\0\0"

static const struct conversation conversations[] = {
	{ .name = "a greeting, and then requests",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS(SELECT_1), SERVER_SAYS(ROWS), CLIENT_SAYS(PING), SERVER_SAYS(OK),
		       CLIENT_SAYS(SELECT_1), SERVER_SAYS(ROWS_NEW), CLIENT_SAYS("\1\0\0\0\1") },
	  .found = { { SQL_SELECT, 0, 0 }, { MYSQL_PING, 0, 0 }, { SQL_SELECT, 0, 0 } } },
	{ .name = "attributes before the text, none of them",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("\xb\0\0\0\3\0\1INSERT t"), SERVER_SAYS(DUPLICATE),
		       CLIENT_SAYS("\x29\0\0\0\3/*!40101 SET NAMES utf8 */ /*x*/# y\n\t   "),
		       SERVER_SAYS(OK) },
	  .found = { { SQL_INSERT, 1062, 0 }, { SQL_SET, 0, 0 } } },
	{ .name = "several requests before the first answer",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("\x9\0\0\0\x16SELECT ?" EXECUTE PING SELECT_1),
		       SERVER_SAYS(PREPARED COLUMN "\5\0\0\3\xfe\0\0\2\0" COLUMN
						   "\5\0\0\5\xfe\0\0\2\0" ROWS OK ROWS) },
	  .found = { { SQL_PREPARE, 0, 0 },
		     { SQL_EXECUTE, 0, 0 },
		     { MYSQL_PING, 0, 0 },
		     { SQL_SELECT, 0, 0 } } },
	{ .name = "the same without packets that end columns",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("\x9\0\0\0\x16SELECT ?" EXECUTE PING),
		       SERVER_SAYS(PREPARED COLUMN COLUMN ROWS_NEW OK) },
	  .found = { { SQL_PREPARE, 0, 0 }, { SQL_EXECUTE, 0, 0 }, { MYSQL_PING, 0, 0 } } },
	{ .name = "an error among the rows, and how far it is before",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS(SELECT_1),
		       SERVER_SAYS("\xa\0\0\1\xff\xff\xff\1\1\1\0\0\0\0"
				   "\1\0\0\1\1" COLUMN "\5\0\0\3\xfe\0\0\2\0"
				   "\xc\0\0\4\xff\x25\5#70100hm!") },
	  .found = { { SQL_SELECT, 1317, 0 } } },
	{ .name = "a file of the client's, in packets that count on to 0",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("\xa\0\0\0\3LOAD DATA"), SERVER_SAYS("\3\0\0\1\xfb/x"),
		       CLIENT_SAYS("\5\0\0\2\3load"
				   "\1\0\0\0\xe"
				   "\0\0\0\1"),
		       SERVER_SAYS("\7\0\0\2\0\0\0\2\0\0\0") },
	  .found = { { SQL_LOAD, 0, 0 } } },
	{ .name = "TLS",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN_TLS "\x16\3\1") },
	  .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
	{ .name = "replication",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("\xb\0\0\0\x12\4\0\0\0\0\0\1\0\0\0") },
	  .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
	{ .name = "a command that there is not",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("\1\0\0\0\x7f") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "a command of no length",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("\0\0\0\0\3") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "a row of no length",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS(SELECT_1), SERVER_SAYS("\1\0\0\1\1" COLUMN "\0\0\0\3\3") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "an answer that is cut off",
	  .sayings = { SERVER_SAYS(GREETING), CLIENT_SAYS(LOGIN), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS(SELECT_1),
		       SERVER_SAYS("\1\0\0\1\1"
				   "\xff\xff\xff\2") },
	  .closed = true,
	  .faults = { [WIRE_FAULT_UNANSWERED] = 1 } },
};

/* A packet of 16 MiB less one goes on in the next one, whose bytes look like an end or a command. */
static void long_packets_go_on(void **state)
{
	const size_t most = 0xffffff;
	cleanup_free char *packet = xcalloc(1, most + 4);
	cleanup_free struct player *player = player_new();
	const char head[] = "\xff\xff\xff\0\3INSERT ", rest[] = "\1\0\0\1\xe",
		   row[] = "\5\0\0\4\xfe";

	(void)state;
	play_call(player, true, GREETING, sizeof(GREETING) - 1, SIZE_MAX);
	play_call(player, false, LOGIN, sizeof(LOGIN) - 1, SIZE_MAX);
	play_call(player, true, ADMITTED, sizeof(ADMITTED) - 1, SIZE_MAX);
	memcpy(packet, head, sizeof(head) - 1);
	play_call(player, false, packet, most + 4, SIZE_MAX);
	play_call(player, false, rest, sizeof(rest) - 1, SIZE_MAX);
	play_call(player, true, "\1\0\0\2\1" COLUMN, sizeof("\1\0\0\2\1" COLUMN) - 1, SIZE_MAX);
	memcpy(packet, "\xff\xff\xff\3\xfd", 5);
	play_call(player, true, packet, most + 4, SIZE_MAX);
	play_call(player, true, row, sizeof(row) - 1, SIZE_MAX);
	play_call(player, true, "\0\0\2\0", 4, SIZE_MAX);
	assert_int_equal(player->n_found, 0);
	play_call(player, true, "\7\0\0\5\xfe\0\0\2\0\0\0", 11, SIZE_MAX);
	assert_int_equal(player->n_found, 1);
	assert_int_equal(player->found[0].operation, SQL_INSERT);
	assert_int_equal(player->x.known.n_asked, 0);
	assert_int_equal(player->x.known.unparsed, 0);
}

static void older_connections_are_recognised(void **state)
{
	(void)state;
	expect_guess(mysql_detect, SELECT_1, PROTOCOL_CLIENT);
	expect_guess(mysql_detect, "\xb\0\0\0\3\0\1INSERT t", PROTOCOL_CLIENT);
	expect_guess(mysql_detect, EXECUTE, PROTOCOL_CLIENT);
	expect_guess(mysql_detect, PING, PROTOCOL_CLIENT);
	expect_guess(mysql_detect, LOGIN, PROTOCOL_CLIENT);
	expect_guess(mysql_detect, "\xa\0\0\0\3SELECT 1", PROTOCOL_NO);
	expect_guess(mysql_detect, "\x9\0\0\0\3SOMEHOW!", PROTOCOL_NO);
	expect_guess(mysql_detect, GREETING, PROTOCOL_NO);
	expect_guess(mysql_detect, "\x16\3\1\2\0\1\0\1\xfc\3\3", PROTOCOL_NO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_RECORDINGS(recordings, naming),
		TEST_CONVERSATIONS(conversations),
		cmocka_unit_test(long_packets_go_on),
		cmocka_unit_test(older_connections_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
