/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * MySQL's client/server protocol from 4.1 on, as MySQL and MariaDB have it (MySQL's source documentation,
 * "Client/Server Protocol"; MariaDB's documentation, "Clientserver Protocol"). How an answer ends depends
 * on the command, and not on what was agreed upon when the connection was made: of older connections
 * nobody knows that.
 */
#pragma once

#include "bpf/protocols/mysql_request.h"

PROTOCOL_INLINE int mysql_answered(struct mysql_state *state, struct protocol_step *step,
				   __u32 status)
{
	step->events = PROTOCOL_RESPONSE | PROTOCOL_END;
	step->status = status;
	state->part = MYSQL_HEAD;
	state->has_more = 0;
	state->loading = 0;
	return PROTOCOL_OK;
}

/* One result has ended, and the request with it if the server's status does not say otherwise. */
PROTOCOL_INLINE int mysql_end_result(struct mysql_state *state, struct protocol_step *step,
				     int server_status)
{
	if (server_status < 0)
		return PROTOCOL_FOREIGN;
	if (!(server_status & MYSQL_MORE_RESULTS))
		return mysql_answered(state, step, 0);
	state->part = MYSQL_HEAD;
	state->has_more = 1;
	state->loading = 0;
	return PROTOCOL_OK;
}

/* How long the number at `at` is that says how long it is. */
PROTOCOL_INLINE __u32 mysql_number_size(const struct protocol_window *window, __u32 at)
{
	__u32 byte = protocol_byte(window, at);

	return byte < 0xfc ? 1 : byte == 0xfc ? 3 : byte == 0xfd ? 4 : 9;
}

/* The server's status, as it stands in OK; or in EOF. -1: the packet is too short for it. */
PROTOCOL_FUNCTION int mysql_server_status(const struct protocol_window *window)
{
	__u32 at = MYSQL_HEADER + 1, size;

	if (!window)
		return -1;
	size = mysql_little24(window, 0);
	if (protocol_byte(window, MYSQL_HEADER) == MYSQL_END && size == MYSQL_END_LENGTH)
		return mysql_little16(window, at + 2);
	at += mysql_number_size(window, at);
	at += mysql_number_size(window, at);
	return at + 2 <= size + MYSQL_HEADER ? (int)mysql_little16(window, at) : -1;
}

PROTOCOL_INLINE int mysql_failed(const struct protocol_window *window, struct mysql_state *state,
				 struct protocol_step *step)
{
	__u32 error = mysql_little16(window, MYSQL_HEADER + 1);

	if (mysql_little24(window, 0) < 3)
		return PROTOCOL_FOREIGN;
	return error == MYSQL_PROGRESS ? PROTOCOL_OK : mysql_answered(state, step, error);
}

/*
 * COM_STMT_PREPARE is answered by the number of the statement, and the definitions of its columns and
 * parameters. What ends each of these, unless that is left out, is passed over: the last end comes when
 * the answer is done.
 */
PROTOCOL_INLINE int mysql_prepared(const struct protocol_window *window, struct mysql_state *state,
				   struct protocol_step *step)
{
	state->definitions =
		mysql_little16(window, MYSQL_HEADER + 5) + mysql_little16(window, MYSQL_HEADER + 7);
	/* MySQL leaves them out if it is asked to. */
	if (mysql_little24(window, 0) == 13 && !protocol_byte(window, MYSQL_HEADER + 12))
		state->definitions = 0;
	if (!state->definitions)
		return mysql_answered(state, step, 0);
	state->part = MYSQL_DEFINITIONS;
	return PROTOCOL_OK;
}

/* What may follow a login, too, when the user is changed. */
PROTOCOL_INLINE bool mysql_is_login(__u32 operation, __u32 type)
{
	return operation == MYSQL_CHANGE_USER && type != MYSQL_OK && type != MYSQL_ERROR;
}

/* The first packet of an answer, or of a further result. */
PROTOCOL_FUNCTION int mysql_head(const struct protocol_window *window, struct mysql_state *state,
				 struct protocol_step *step)
{
	__u32 type, size, operation;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	type = protocol_byte(window, MYSQL_HEADER);
	size = mysql_little24(window, 0);
	operation = window->operation;
	if (operation == PROTOCOL_UNKNOWN)
		return PROTOCOL_FOREIGN;
	if (mysql_is_login(operation, type))
		return PROTOCOL_OK;
	/* The end of what was taken for whole: the first packet of an answer has the number 1. */
	if (type == MYSQL_END && !state->has_more && protocol_byte(window, 3) != 1)
		return PROTOCOL_OK;
	if (type == MYSQL_ERROR)
		return mysql_failed(window, state, step);
	if (operation == MYSQL_STATISTICS)
		return mysql_answered(state, step, 0);
	if (type == MYSQL_END)
		return mysql_end_result(state, step, mysql_server_status(window));
	state->part = MYSQL_ROWS;
	state->ends = 0;
	if (operation == SQL_FETCH || operation == MYSQL_FIELD_LIST) {
		state->ends = 1;
		return PROTOCOL_OK;
	}
	/* A number of columns that are not defined (MySQL, if it is asked to) is shorter than OK. */
	if (type == MYSQL_OK && size >= 7) {
		if (operation == SQL_PREPARE && (size == 12 || size == 13) &&
		    !protocol_byte(window, MYSQL_HEADER + 9))
			return mysql_prepared(window, state, step);
		return mysql_end_result(state, step, mysql_server_status(window));
	}
	if (type == MYSQL_LOCAL_FILE) {
		state->part = MYSQL_HEAD;
		state->loading = 1;
	}
	return PROTOCOL_OK;
}

/* No row begins so: a number of such a size needs a packet that is longer. */
PROTOCOL_INLINE bool mysql_is_end(__u32 type, __u32 size)
{
	return type == MYSQL_END && size < MYSQL_LONGEST;
}

/*
 * The end of columns or rows. OK in the place of EOF ends the rows, and nothing ends the columns then
 * (CLIENT_DEPRECATE_EOF).
 */
PROTOCOL_INLINE int mysql_end(const struct protocol_window *window, struct mysql_state *state,
			      struct protocol_step *step)
{
	int status = mysql_server_status(window);

	if (mysql_little24(window, 0) == MYSQL_END_LENGTH && !state->ends &&
	    !(status & MYSQL_CURSOR)) {
		state->ends = 1;
		return PROTOCOL_OK;
	}
	return mysql_end_result(state, step, status);
}

/* Columns, rows and definitions: as many as have their beginning in the window. */
PROTOCOL_FUNCTION int mysql_rows(const struct protocol_window *window, struct mysql_state *state,
				 struct protocol_step *step)
{
	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	for (int i = 0; i < MYSQL_AT_ONCE; i++) {
		__u32 at = step->length, size = mysql_little24(window, at);
		__u32 type = protocol_byte(window, at + MYSQL_HEADER);
		bool end = mysql_is_end(type, size), failed = type == MYSQL_ERROR;

		if (step->length + MYSQL_HEADER >= window->n || state->server_continues)
			return at ? PROTOCOL_OK : protocol_more(window);
		if (!size)
			return PROTOCOL_FOREIGN;
		if (end || failed) {
			/* It is looked at by itself, at the beginning of a window. */
			if (at)
				return PROTOCOL_OK;
			if (window->n < MYSQL_SEEN && window->n < MYSQL_HEADER + size)
				return PROTOCOL_MORE;
			step->length = MYSQL_HEADER + size;
			if (failed)
				return mysql_failed(window, state, step);
			if (state->part == MYSQL_ROWS)
				return mysql_end(window, state, step);
			continue;
		}
		step->length += MYSQL_HEADER + size;
		state->server_continues = size == MYSQL_LONGEST;
		if (state->part == MYSQL_DEFINITIONS && !--state->definitions)
			return mysql_answered(state, step, 0);
	}
	return PROTOCOL_OK;
}

/* The login of a connection, to its end. */
PROTOCOL_INLINE int mysql_logged_in(struct mysql_state *state, struct protocol_step *step,
				    __u32 type)
{
	step->events = PROTOCOL_END;
	if (type == MYSQL_OK || type == MYSQL_ERROR)
		state->part = MYSQL_HEAD;
	if (type == MYSQL_OK)
		state->compressed = state->compresses;
	return PROTOCOL_OK;
}

PROTOCOL_FUNCTION int mysql_answer(const struct protocol_window *window, struct mysql_state *state,
				   struct protocol_step *step)
{
	__u32 size, type;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	if (window->n < MYSQL_HEADER)
		return protocol_more(window);
	size = mysql_little24(window, 0);
	if (state->server_continues) {
		state->server_continues = size == MYSQL_LONGEST;
		step->length = MYSQL_HEADER + size;
		return PROTOCOL_OK;
	}
	if (state->part == MYSQL_ROWS || state->part == MYSQL_DEFINITIONS)
		return mysql_rows(window, state, step);
	if (!size)
		return PROTOCOL_FOREIGN;
	if (window->n < MYSQL_SEEN && window->n < MYSQL_HEADER + size)
		return PROTOCOL_MORE;
	state->server_continues = size == MYSQL_LONGEST;
	step->length = MYSQL_HEADER + size;
	type = protocol_byte(window, MYSQL_HEADER);
	if (state->part == MYSQL_LOGIN)
		return mysql_logged_in(state, step, type);
	if (window->operation != PROTOCOL_NONE)
		return mysql_head(window, state, step);
	step->events = PROTOCOL_END;
	if (type == MYSQL_VERSION && !protocol_byte(window, 3) && !state->greeted)
		state->part = MYSQL_LOGIN;
	return PROTOCOL_OK;
}

PROTOCOL_FUNCTION int mysql_parse(const struct protocol_window *window,
				  struct protocol_state *words, struct protocol_step *step)
{
	struct mysql_state *state = (void *)words;

	if (!window || !words || !step)
		return PROTOCOL_FOREIGN;
	if (state->compressed)
		return PROTOCOL_OPAQUE;
	return window->from_client ? mysql_request(window, state, step)
				   : mysql_answer(window, state, step);
}

/* A version as servers give it: "5.5.5-10.11.19-MariaDB", "8.4.0". */
PROTOCOL_INLINE bool mysql_is_version(const struct protocol_window *window, __u32 at)
{
	__u32 second = protocol_byte(window, at + 1), third = protocol_byte(window, at + 2);

	return protocol_byte(window, at) - '0' < 10 &&
	       (second == '.' ? third - '0' < 10 : second - '0' < 10 && third == '.');
}

/* A command that is whole and alone, of a connection that is older. */
PROTOCOL_INLINE bool mysql_is_command(const struct protocol_window *window, __u32 size)
{
	__u32 command = protocol_byte(window, MYSQL_HEADER), at = MYSQL_HEADER + 1;

	if (window->left != (__u64)size + MYSQL_HEADER)
		return false;
	if (command == MYSQL_COM_QUERY) {
		if (!protocol_byte(window, at))
			at += 2;
		return sql_operation(window, at) != SQL_OTHER;
	}
	if (command == MYSQL_COM_STMT_EXECUTE) /* once, as ever */
		return size >= 10 && window->n >= 14 && protocol_byte(window, 9) < 2 &&
		       mysql_little32(window, 10) == 1;
	return command == MYSQL_COM_PING && size == 1;
}

/*
 * The server speaks first, and says what it is. A client's login has 19 bytes of zeros; what it says later
 * is a length that is right, and a command that is likely.
 */
PROTOCOL_FUNCTION int mysql_detect(const struct protocol_window *window)
{
	__u32 size, sequence, zeros = 0;

	if (!window || window->datagram)
		return PROTOCOL_NO;
	size = mysql_little24(window, 0);
	sequence = protocol_byte(window, 3);
	if (window->n >= 4 && (sequence > 1 || !size))
		return PROTOCOL_NO;
	if (window->n < 8)
		return window->n >= 5 && mysql_is_command(window, size) ? PROTOCOL_CLIENT
									: PROTOCOL_MAYBE;
	if (!sequence && !window->from_client)
		return size > 40 && size < 1024 &&
				       protocol_byte(window, MYSQL_HEADER) == MYSQL_VERSION &&
				       mysql_is_version(window, MYSQL_HEADER + 1)
			       ? PROTOCOL_SERVER
			       : PROTOCOL_NO;
	if (!sequence)
		return mysql_is_command(window, size) ? PROTOCOL_CLIENT : PROTOCOL_NO;
	if (size < MYSQL_TLS_REQUEST || !(mysql_little32(window, 4) & MYSQL_PROTOCOL_41))
		return PROTOCOL_NO;
	if (window->n < 32)
		return PROTOCOL_MAYBE;
	for (__u32 i = 13; i < 32; i++)
		zeros |= protocol_byte(window, i);
	return zeros ? PROTOCOL_NO : PROTOCOL_CLIENT;
}
