/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a MySQL client says; bpf/protocols/mysql.h has the rest. A command has the sequence number 0. */
#pragma once

#include "bpf/protocols/sql.h"
#include "bpf/wire_mysql.h"

struct mysql_state {
	struct sql_text text;
	__u32 definitions;     /* of a prepared statement, that are to come */
	__u8 part;	       /* of an answer */
	__u8 ends;	       /* of columns or rows, that have come */
	__u8 client_continues; /* the next packet is a part of the one before */
	__u8 server_continues;
	__u8 of_query; /* the text is that of COM_QUERY */
	__u8 greeted;  /* the client has answered the greeting */
	__u8 compresses;
	__u8 compressed;
	__u8 loading;  /* a file of the client's comes, in packets that are no commands */
	__u8 has_more; /* results of the same request */
};

_Static_assert(sizeof(struct mysql_state) <= sizeof(struct protocol_state), "too large");

enum mysql_part { MYSQL_HEAD, MYSQL_ROWS, MYSQL_DEFINITIONS, MYSQL_LOGIN };

enum {
	MYSQL_HEADER = 4,	  /* a length, and a sequence number */
	MYSQL_LONGEST = 0xffffff, /* such a packet goes on in the next one */
	MYSQL_AT_ONCE = 8,	  /* packets that are passed over in one step */
	MYSQL_SEEN = 28,    /* bytes of a packet that tell all: a header, OK, two numbers, flags */
	MYSQL_VERSION = 10, /* of the greeting */
	MYSQL_TLS_REQUEST = 32, /* its length, and the least of an answer to the greeting */
	MYSQL_END_LENGTH = 5,	/* of EOF; OK in its place is longer */
	/* Capabilities. */
	MYSQL_COMPRESS = 1 << 5,
	MYSQL_PROTOCOL_41 = 1 << 9,
	MYSQL_TLS = 1 << 11,
	MYSQL_COMPRESS_ZSTD = 1 << 26,
	/* The server's status. */
	MYSQL_MORE_RESULTS = 8,
	MYSQL_CURSOR = 64,
	MYSQL_PROGRESS = 0xffff, /* MariaDB says by an error with this number how far it is */
};

enum mysql_command {
	MYSQL_COM_QUIT = 1,
	MYSQL_COM_INIT_DB,
	MYSQL_COM_QUERY,
	MYSQL_COM_FIELD_LIST,
	MYSQL_COM_CREATE_DB,
	MYSQL_COM_DROP_DB,
	MYSQL_COM_REFRESH,
	MYSQL_COM_SHUTDOWN,
	MYSQL_COM_STATISTICS,
	MYSQL_COM_PROCESS_INFO,
	MYSQL_COM_PROCESS_KILL = 12,
	MYSQL_COM_DEBUG,
	MYSQL_COM_PING,
	MYSQL_COM_CHANGE_USER = 17,
	MYSQL_COM_BINLOG_DUMP,
	MYSQL_COM_REGISTER_SLAVE = 21,
	MYSQL_COM_STMT_PREPARE,
	MYSQL_COM_STMT_EXECUTE,
	MYSQL_COM_STMT_SEND_LONG_DATA,
	MYSQL_COM_STMT_CLOSE,
	MYSQL_COM_STMT_RESET,
	MYSQL_COM_SET_OPTION,
	MYSQL_COM_STMT_FETCH,
	MYSQL_COM_BINLOG_DUMP_GTID = 30,
	MYSQL_COM_RESET_CONNECTION,
	MYSQL_COM_CLONE,
	MYSQL_COM_STMT_BULK_EXECUTE = 250, /* MariaDB's */
};

enum { MYSQL_OK, MYSQL_LOCAL_FILE = 0xfb, MYSQL_END = 0xfe, MYSQL_ERROR };

PROTOCOL_INLINE __u32 mysql_little16(const struct protocol_window *window, __u64 at)
{
	return protocol_byte(window, at) | protocol_byte(window, at + 1) << 8;
}

PROTOCOL_INLINE __u32 mysql_little24(const struct protocol_window *window, __u64 at)
{
	return mysql_little16(window, at) | protocol_byte(window, at + 2) << 16;
}

PROTOCOL_INLINE __u32 mysql_little32(const struct protocol_window *window, __u64 at)
{
	return mysql_little16(window, at) | mysql_little16(window, at + 2) << 16;
}

/* The operation of a command without a statement's text; 0: there is none, or none that has one. */
PROTOCOL_FUNCTION int mysql_operation(__u32 command)
{
	switch (command) {
	case MYSQL_COM_INIT_DB:
		return SQL_USE;
	case MYSQL_COM_FIELD_LIST:
		return MYSQL_FIELD_LIST;
	case MYSQL_COM_CREATE_DB:
		return SQL_CREATE;
	case MYSQL_COM_DROP_DB:
		return SQL_DROP;
	case MYSQL_COM_REFRESH:
		return SQL_FLUSH;
	case MYSQL_COM_SHUTDOWN:
		return MYSQL_SHUTDOWN;
	case MYSQL_COM_STATISTICS:
		return MYSQL_STATISTICS;
	case MYSQL_COM_PROCESS_INFO:
		return SQL_SHOW;
	case MYSQL_COM_PROCESS_KILL:
		return SQL_KILL;
	case MYSQL_COM_DEBUG:
		return MYSQL_DEBUG;
	case MYSQL_COM_PING:
		return MYSQL_PING;
	case MYSQL_COM_CHANGE_USER:
		return MYSQL_CHANGE_USER;
	case MYSQL_COM_REGISTER_SLAVE:
		return MYSQL_REGISTER_SLAVE;
	case MYSQL_COM_STMT_PREPARE:
		return SQL_PREPARE;
	case MYSQL_COM_STMT_EXECUTE:
	case MYSQL_COM_STMT_BULK_EXECUTE:
		return SQL_EXECUTE;
	case MYSQL_COM_STMT_RESET:
	case MYSQL_COM_RESET_CONNECTION:
		return SQL_RESET;
	case MYSQL_COM_SET_OPTION:
		return MYSQL_SET_OPTION;
	case MYSQL_COM_STMT_FETCH:
		return SQL_FETCH;
	default:
		return 0;
	}
}

/* The text of COM_QUERY, from step->length on. */
PROTOCOL_INLINE int mysql_text(const struct protocol_window *window, struct mysql_state *state,
			       struct protocol_step *step)
{
	int result;

	/* Attributes come before it, as a rule none: a zero and a one (CLIENT_QUERY_ATTRIBUTES). */
	if (state->of_query && step->length < window->n) {
		state->of_query = 0;
		if (!protocol_byte(window, step->length) && state->text.left > 2) {
			step->length += 2;
			state->text.left -= 2;
			if (step->length > window->n)
				return PROTOCOL_OK;
		}
	}
	result = sql_parse(window, &state->text, step);
	if (result == PROTOCOL_OK && step->operation)
		step->events = PROTOCOL_REQUEST | PROTOCOL_END;
	return result;
}

/* Asks nothing that is answered. */
PROTOCOL_INLINE bool mysql_is_silent(__u32 command)
{
	return command == MYSQL_COM_QUIT || command == MYSQL_COM_STMT_CLOSE ||
	       command == MYSQL_COM_STMT_SEND_LONG_DATA;
}

/* From then on the server sends as long as it likes. */
PROTOCOL_INLINE bool mysql_is_endless(__u32 command)
{
	return command == MYSQL_COM_BINLOG_DUMP || command == MYSQL_COM_BINLOG_DUMP_GTID ||
	       command == MYSQL_COM_CLONE;
}

PROTOCOL_INLINE int mysql_command(const struct protocol_window *window, struct mysql_state *state,
				  struct protocol_step *step)
{
	__u32 size = step->length - MYSQL_HEADER, command = protocol_byte(window, MYSQL_HEADER);

	if (!size)
		return PROTOCOL_FOREIGN;
	if (window->n <= MYSQL_HEADER)
		return protocol_more(window);
	if (command == MYSQL_COM_QUERY) {
		state->text.left = size - 1;
		state->text.under_way = 1;
		state->of_query = 1;
		step->length = MYSQL_HEADER + 1;
		return mysql_text(window, state, step);
	}
	step->events = PROTOCOL_END;
	if (mysql_is_silent(command))
		return PROTOCOL_OK;
	if (mysql_is_endless(command))
		return PROTOCOL_OPAQUE;
	step->operation = mysql_operation(command);
	step->events |= PROTOCOL_REQUEST;
	return step->operation ? PROTOCOL_OK : PROTOCOL_FOREIGN;
}

/* What the client says to the greeting: whether it can be understood from here on. */
PROTOCOL_INLINE int mysql_login(const struct protocol_window *window, struct mysql_state *state,
				struct protocol_step *step)
{
	__u32 capabilities = mysql_little32(window, MYSQL_HEADER);

	if (window->n < MYSQL_HEADER + 4)
		return protocol_more(window);
	if (step->length < MYSQL_HEADER + MYSQL_TLS_REQUEST || !(capabilities & MYSQL_PROTOCOL_41))
		return PROTOCOL_FOREIGN;
	if (capabilities & MYSQL_TLS)
		return PROTOCOL_OPAQUE;
	state->greeted = 1;
	state->compresses = !!(capabilities & (MYSQL_COMPRESS | MYSQL_COMPRESS_ZSTD));
	step->events = PROTOCOL_END;
	return PROTOCOL_OK;
}

PROTOCOL_FUNCTION int mysql_request(const struct protocol_window *window, struct mysql_state *state,
				    struct protocol_step *step)
{
	__u32 size, sequence;
	bool continued;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	if (state->text.under_way)
		return mysql_text(window, state, step);
	if (window->n < MYSQL_HEADER)
		return protocol_more(window);
	size = mysql_little24(window, 0);
	sequence = protocol_byte(window, 3);
	step->length = MYSQL_HEADER + size;
	continued = state->client_continues;
	if (!continued && !state->loading) {
		if (sequence == 1 && !state->greeted)
			return mysql_login(window, state, step);
		if (!sequence) {
			/* Else it is to be looked at again, with more of it. */
			if (window->n > MYSQL_HEADER)
				state->client_continues = size == MYSQL_LONGEST;
			return mysql_command(window, state, step);
		}
	}
	if (!size)
		state->loading = 0;
	state->client_continues = size == MYSQL_LONGEST;
	step->events = PROTOCOL_END;
	return PROTOCOL_OK;
}
