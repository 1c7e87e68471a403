/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations of libpq, psycopg and pgbench with PostgreSQL, and what they do not show. */
#include "tests/protocol_recorded.h"

static const char *const operations[] = { [SQL_OTHER] = "OTHER",
#define SQL_ROW(name) [SQL_##name] = #name,
					  SQL_OPERATIONS(SQL_ROW)
#undef SQL_ROW
};

static const char *const statuses[] = { [POSTGRESQL_ERROR_OTHER] = "OTHER",
#define POSTGRESQL_ROW(name) [POSTGRESQL_ERROR_##name] = #name,
					POSTGRESQL_ERRORS(POSTGRESQL_ROW)
#undef POSTGRESQL_ROW
};

static const struct naming naming = { operations, statuses, ARRAY_SIZE(operations),
				      ARRAY_SIZE(statuses) };

static const struct recorded recordings[] = {
	{ .file = "postgresql/psql",
	  .found = "SELECT CREATE INSERT BEGIN UPDATE ROLLBACK SELECT!42 SELECT SELECT OTHER "
		   "SELECT LISTEN NOTIFY EXPLAIN DROP" },
	{ .file = "postgresql/copy", .found = "CREATE COPY COPY COPY!22 SELECT" },
	/* By the extended protocol there are two Syncs for each COPY from the client. */
	{ .file = "postgresql/copy-extended", .found = "CREATE COPY COPY!57 SELECT SELECT!57" },
	{ .file = "postgresql/pgbench-prepared",
	  .found =
		  "PREPARE BEGIN PREPARE UPDATE PREPARE SELECT PREPARE UPDATE PREPARE UPDATE "
		  "PREPARE INSERT PREPARE COMMIT BEGIN UPDATE SELECT UPDATE UPDATE INSERT COMMIT" },
	/* Three statements before one Sync, twice. */
	{ .file = "postgresql/pgbench-pipeline", .found = "SELECT SELECT" },
	{ .file = "postgresql/psycopg",
	  .found = "SELECT SELECT SELECT SELECT SELECT PREPARE SELECT SELECT SELECT!22 SELECT "
		   "CREATE COPY BEGIN DECLARE OTHER FETCH FETCH CLOSE COMMIT" },
	{ .file = "postgresql/scram", .found = "SELECT" },
	{ .file = "postgresql/ssl-refused", .found = "SELECT" },
	{ .file = "postgresql/ssl", .found = "", .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
	{ .file = "postgresql/timeout", .found = "SET SELECT!57" },
	{ .file = "postgresql/cancelled", .found = "SELECT!57" },
	{ .file = "postgresql/cancel-request", .found = "" },
};

#define STARTUP	 "\0\0\0\x10\0\3\0\0user\0a\0\0"
#define ADMITTED "R\0\0\0\x8\0\0\0\0" READY
#define READY	 "Z\0\0\0\5I"
#define SYNC	 "S\0\0\0\4"
#define SELECT_1 "Q\0\0\0\xdSELECT 1\0"
#define PARSE	 "P\0\0\0\x12s\0UPDATE t\0\0\0\0"
#define BIND	 "B\0\0\0\xc\0s\0\0\0\0\0\0"
#define EXECUTE	 "E\0\0\0\x9\0\0\0\0\0"
#define PARSED	 "1\0\0\0\4"
#define BOUND	 "2\0\0\0\4"
#define UPDATED	 "C\0\0\0\xdUPDATE 1\0"
#define SELECTED                                                                                   \
	"D\0\0\0\xb\0\1\0\0\0\1x"                                                                  \
	"C\0\0\0\xdSELECT 1\0"
#define NOTICE "N\0\0\0\x12VNOTICE\0Mhm!\0\0"
#define PARAMETER                                                                                  \
	"S\0\0\0\xa"                                                                               \
	"a\0bcd\0"
#define FAILED	"E\0\0\0\x1bSERROR\0VERROR\0C42601\0\0\0"
#define FATAL	"E\0\0\0\x1bSFATAL\0VFATAL\0C57P01\0\0\0"
#define BLANKS	"                    "
#define COMMENT "/* SELECT * it is not ** **\n-- DROP" BLANKS BLANKS BLANKS " **/"

static const struct conversation conversations[] = {
	{ .name = "several requests before the first answer",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS(PARSE BIND EXECUTE SYNC SELECT_1 BIND EXECUTE SYNC),
		       SERVER_SAYS(PARSED BOUND UPDATED READY SELECTED READY BOUND UPDATED READY) },
	  .found = { { SQL_UPDATE, 0, 0 }, { SQL_SELECT, 0, 0 }, { SQL_UPDATE, 0, 0 } } },
	{ .name = "an error leaves the others alone",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS(PARSE BIND EXECUTE SYNC BIND EXECUTE SYNC),
		       SERVER_SAYS(FAILED READY BOUND UPDATED READY) },
	  .found = { { SQL_UPDATE, POSTGRESQL_ERROR_42, 0 }, { SQL_UPDATE, 0, 0 } } },
	{ .name = "the end of the session is an answer, too",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED), CLIENT_SAYS(SELECT_1),
		       SERVER_SAYS(FATAL) },
	  .found = { { SQL_SELECT, POSTGRESQL_ERROR_57, 0 } } },
	{ .name = "the end of a session at rest is none",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED), SERVER_SAYS(FATAL) } },
	{ .name = "who is not admitted has asked nothing",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(FATAL) } },
	{ .name = "what the server says by itself",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(NOTICE ADMITTED), SERVER_SAYS(PARAMETER),
		       CLIENT_SAYS(SELECT_1),
		       SERVER_SAYS(NOTICE SELECTED PARAMETER NOTICE READY NOTICE) },
	  .found = { { SQL_SELECT, 0, 0 } } },
	{ .name = "comments that are longer than what is seen at once",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("Q\0\0\1\x6e" COMMENT COMMENT COMMENT
				   "\n-- x\n  ;(\tdelete FROM t\0" BLANKS BLANKS),
		       SERVER_SAYS(FAILED READY) },
	  .found = { { SQL_DELETE, POSTGRESQL_ERROR_42, 0 } } },
	{ .name = "comments without an end, and no text at all",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("Q\0\0\0\x9/* *\0"
				   "Q\0\0\0\4"
				   "Q\0\0\0\5\0"
				   "Q\0\0\0\7--\0"
				   "Q\0\0\0\x1a"
				   "SELECTANDMORELETTERS!\0"),
		       SERVER_SAYS(READY READY READY READY READY) },
	  .found = { { SQL_OTHER, 0, 0 },
		     { SQL_OTHER, 0, 0 },
		     { SQL_OTHER, 0, 0 },
		     { SQL_OTHER, 0, 0 },
		     { SQL_OTHER, 0, 0 } } },
	{ .name = "a function without SQL, and a Sync alone",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("F\0\0\0\xe\0\0\0\1\0\0\0\0\0\0" SYNC "X\0\0\0\4"),
		       SERVER_SAYS("V\0\0\0\x8\xff\xff\xff\xff" READY READY) },
	  .found = { { SQL_CALL, 0, 0 }, { SQL_OTHER, 0, 0 } } },
	{ .name = "an answer that is cut off",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED), CLIENT_SAYS(SELECT_1),
		       SERVER_SAYS("D\0\0\4\0\0\1") },
	  .closed = true,
	  .faults = { [WIRE_FAULT_UNANSWERED] = 1 } },
	{ .name = "replication",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("Q\0\0\0\x1aSTART_REPLICATION 0/0\0"),
		       SERVER_SAYS("W\0\0\0\7\0\0\0"),
		       SERVER_SAYS("d\0\0\0\6kx"
				   "d\0\0\0\6ky") },
	  .closed = true,
	  .unparsed = WIRE_UNPARSED_UPGRADE + 1 },
	{ .name = "an answer that nobody asked for",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED), SERVER_SAYS(READY) },
	  .faults = { [WIRE_FAULT_UNMATCHED] = 1 } },
	{ .name = "a length below the least",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED), CLIENT_SAYS("Q\0\0\0\3") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "a length above the most",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS("D\xff\xff\xff\xff") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "a name that ends behind its message",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("P\0\0\0\6name" BLANKS) },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "another protocol in the middle",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS(ADMITTED),
		       CLIENT_SAYS("GET / HTTP/1.1\r\n\r\n") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
	{ .name = "a ready server with more to say",
	  .sayings = { CLIENT_SAYS(STARTUP), SERVER_SAYS("Z\0\0\0\6II") },
	  .unparsed = WIRE_UNPARSED_BROKEN + 1 },
};

/* Of a connection that is older than we are the first call is seen somewhere in the middle. */
static void older_connections_are_recognised(void **state)
{
	(void)state;
	expect_guess(postgresql_detect, SELECT_1, PROTOCOL_CLIENT);
	expect_guess(postgresql_detect, BIND EXECUTE SYNC, PROTOCOL_CLIENT);
	expect_guess(postgresql_detect, PARSE BIND EXECUTE SYNC BIND EXECUTE SYNC, PROTOCOL_CLIENT);
	expect_guess(postgresql_detect, BIND EXECUTE, PROTOCOL_NO);
	expect_guess(postgresql_detect, "Q\0\0\0\xdWHATEVER\0", PROTOCOL_NO);
	expect_guess(postgresql_detect, "Q\0\0\0\xcSELECT 1\0", PROTOCOL_NO);
	expect_guess(postgresql_detect, SYNC, PROTOCOL_NO);
	expect_guess(postgresql_detect, READY, PROTOCOL_NO);
	expect_guess(postgresql_detect, "\0\0\0\x8\0\2\0\0", PROTOCOL_NO);
	expect_guess(postgresql_detect, "\0\0\0\x8\x4\xd2\x16\x2f", PROTOCOL_CLIENT);
	expect_guess(postgresql_detect, "\0\0\0\x9\x4\xd2\x16\x2f", PROTOCOL_NO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_RECORDINGS(recordings, naming),
		TEST_CONVERSATIONS(conversations),
		cmocka_unit_test(older_connections_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
