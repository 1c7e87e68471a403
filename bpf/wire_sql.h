/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Operations of SQL that are told apart, by the first word of the statement. */
#pragma once

/* The first eight letters are compared; what comes often stands first. */
/* clang-format off */
#define SQL_OPERATIONS(X) \
	X(SELECT) X(INSERT) X(UPDATE) X(DELETE) X(BEGIN) X(COMMIT) X(ROLLBACK) X(SET) X(START) \
	X(EXECUTE) X(PREPARE) X(REPLACE) X(WITH) X(SHOW) X(CALL) X(COPY) X(FETCH) X(DECLARE) \
	X(CLOSE) X(SAVEPOINT) X(RELEASE) X(CREATE) X(ALTER) X(DROP) X(TRUNCATE) X(USE) X(RESET) \
	X(ABORT) X(ANALYZE) X(CHECKPOINT) X(CLUSTER) X(COMMENT) X(DEALLOCATE) X(DESCRIBE) \
	X(DISCARD) X(DO) X(END) X(EXPLAIN) X(FLUSH) X(GRANT) X(HANDLER) X(KILL) X(LISTEN) X(LOAD) \
	X(LOCK) X(MERGE) X(MOVE) X(NOTIFY) X(OPTIMIZE) X(REFRESH) X(REINDEX) X(RENAME) X(REVOKE) \
	X(TABLE) X(UNLISTEN) X(UNLOCK) X(VACUUM) X(VALUES) X(XA)
/* clang-format on */

enum {
	SQL_OTHER = 1,
#define SQL_ROW(name) SQL_##name,
	SQL_OPERATIONS(SQL_ROW)
#undef SQL_ROW
		SQL_OPERATIONS_END
};
