/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * PostgreSQL's operations are those of bpf/wire_sql.h. Its errors are told apart by the class, the first
 * two letters of SQLSTATE (PostgreSQL's documentation, appendix A).
 */
#pragma once

#include "bpf/wire_sql.h"

/* clang-format off */
#define POSTGRESQL_ERRORS(X) \
	X(03) X(08) X(09) X(0A) X(0B) X(0F) X(0L) X(0P) X(0Z) X(20) X(21) X(22) X(23) X(24) X(25) \
	X(26) X(27) X(28) X(2B) X(2D) X(2F) X(34) X(38) X(39) X(3B) X(3D) X(3F) X(40) X(42) X(44) \
	X(53) X(54) X(55) X(57) X(58) X(F0) X(HV) X(P0) X(XX)
/* clang-format on */

/* Statuses; 0 is none. */
enum {
	POSTGRESQL_ERROR_OTHER = 1,
#define POSTGRESQL_ROW(name) POSTGRESQL_ERROR_##name,
	POSTGRESQL_ERRORS(POSTGRESQL_ROW)
#undef POSTGRESQL_ROW
		POSTGRESQL_ERRORS_END
};
