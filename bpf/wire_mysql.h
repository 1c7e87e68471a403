/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations of MySQL and MariaDB: those of bpf/wire_sql.h, and what commands of the protocol have no
 * statement for. A status is the number of an error as the server has it (1062: a duplicate key).
 */
#pragma once

#include "bpf/wire_sql.h"

/* clang-format off */
#define MYSQL_OPERATIONS(X) \
	X(PING) X(FIELD_LIST) X(STATISTICS) X(CHANGE_USER) X(SET_OPTION) X(DEBUG) X(SHUTDOWN) \
	X(REGISTER_SLAVE)
/* clang-format on */

enum {
	MYSQL_OPERATIONS_BEFORE = SQL_OPERATIONS_END - 1,
#define MYSQL_ROW(name) MYSQL_##name,
	MYSQL_OPERATIONS(MYSQL_ROW)
#undef MYSQL_ROW
		MYSQL_OPERATIONS_END
};
