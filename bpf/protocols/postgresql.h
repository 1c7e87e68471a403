/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * PostgreSQL's protocol 3 (PostgreSQL's documentation, chapter "Frontend/Backend Protocol"). A request is
 * a Query, or what ends with Sync; ReadyForQuery ends its answer. What was done is told best by the tag of
 * CommandComplete, with which a prepared statement has a name, too.
 */
#pragma once

#include "bpf/protocols/sql.h"
#include "bpf/wire_postgresql.h"

enum postgresql_part { POSTGRESQL_MESSAGE, POSTGRESQL_NAME, POSTGRESQL_TEXT };

struct postgresql_state {
	struct sql_text text;
	__u32 fields_left; /* bytes of an error that were not looked at yet */
	__u8 part;	   /* of what the client says */
	__u8 of_query;	   /* the text is a Query's, and not a Parse's */
	__u8 parsed;	   /* operation of what is being prepared */
	__u8 executed;
	__u8 simple;	 /* the last request was a Query */
	__u8 copy_ended; /* the client has said so */
	__u8 in_fields;
	__u8 in_field; /* the window begins within one that means nothing */
	__u8 asked;    /* for encryption: one byte answers that */
	__u8 starting; /* no request was made that ReadyForQuery could answer */
	__u8 copying_in;
	__u8 fatal;
	__u8 tag;
	__u8 error;
};

_Static_assert(sizeof(struct postgresql_state) <= sizeof(struct protocol_state), "too large");

enum {
	POSTGRESQL_HEADER = 5, /* a type, and a length that counts itself */
	POSTGRESQL_LONGEST = 1 << 30,
	POSTGRESQL_AT_ONCE = 8,	      /* messages or fields that are passed over in one step */
	POSTGRESQL_STARTUP = 3 << 16, /* and the minor version */
	POSTGRESQL_CANCEL = 80877102,
	POSTGRESQL_TLS,
	POSTGRESQL_GSS,
};

/* The length of a message with its type, 0: it can be none. */
PROTOCOL_INLINE __u32 postgresql_size(const struct protocol_window *window, __u32 at)
{
	__u32 size = protocol_big32(window, at + 1);

	return size < 4 || size > POSTGRESQL_LONGEST ? 0 : size + 1;
}

/* What a client begins with, alone without a type: to start, to encrypt, to cancel. */
PROTOCOL_INLINE int postgresql_start(const struct protocol_window *window,
				     struct postgresql_state *state, struct protocol_step *step)
{
	__u32 size = protocol_big32(window, 0), code = protocol_big32(window, 4);

	if (window->n < 8)
		return protocol_more(window);
	step->length = size;
	step->events = PROTOCOL_END;
	if ((code == POSTGRESQL_TLS || code == POSTGRESQL_GSS) && size == 8)
		state->asked = 1;
	else if (code >> 16 == 3 && size > 8 && size <= 10000)
		state->starting = 1;
	else if (code != POSTGRESQL_CANCEL || size < 16 || size > 300)
		return PROTOCOL_FOREIGN;
	return PROTOCOL_OK;
}

/* The text of a Query or Parse, from step->length on. */
PROTOCOL_INLINE int postgresql_text(const struct protocol_window *window,
				    struct postgresql_state *state, struct protocol_step *step)
{
	int result = sql_parse(window, &state->text, step);

	if (result != PROTOCOL_OK || !step->operation)
		return result;
	state->part = POSTGRESQL_MESSAGE;
	if (state->of_query) {
		step->events = PROTOCOL_REQUEST | PROTOCOL_END;
		state->simple = 1;
		return PROTOCOL_OK;
	}
	if (!state->parsed || sql_only_begins(state->parsed))
		state->parsed = step->operation;
	step->operation = 0;
	return PROTOCOL_OK;
}

/* The name that a Parse gives, from step->length on, and the text behind it. */
PROTOCOL_INLINE int postgresql_name(const struct protocol_window *window,
				    struct postgresql_state *state, struct protocol_step *step)
{
	__u32 at = step->length, end = protocol_find(window, at, 0), size;
	bool whole = end < window->n;

	if (at >= window->n)
		return PROTOCOL_OK;
	size = whole ? end + 1 - at : window->n - at;
	if (size > state->text.left)
		return PROTOCOL_FOREIGN;
	step->length += size;
	state->text.left -= size;
	if (!whole)
		return PROTOCOL_OK;
	state->part = POSTGRESQL_TEXT;
	return postgresql_text(window, state, step);
}

/*
 * A Sync that ends a COPY from the client by the extended protocol ends what an earlier one has begun: that
 * one was passed over by the server, as it was copying then.
 */
PROTOCOL_INLINE int postgresql_sync(struct postgresql_state *state, struct protocol_step *step)
{
	bool same = state->copying_in && !state->simple && (state->copy_ended || state->error);

	state->copy_ended = 0;
	step->events = PROTOCOL_END;
	if (same)
		return PROTOCOL_OK;
	step->events |= PROTOCOL_REQUEST;
	if (state->executed)
		step->operation = state->parsed ? state->parsed : SQL_EXECUTE;
	else
		step->operation = state->parsed ? SQL_PREPARE : SQL_OTHER;
	state->parsed = 0;
	state->executed = 0;
	state->simple = 0;
	return PROTOCOL_OK;
}

/* A message of the client, whose length is known. */
PROTOCOL_FUNCTION int postgresql_message(const struct protocol_window *window,
					 struct postgresql_state *state, struct protocol_step *step)
{
	__u32 type;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	type = protocol_byte(window, 0);
	switch (type) {
	case 'Q':
	case 'P':
		state->copy_ended = 0;
		state->text.left = step->length - POSTGRESQL_HEADER;
		state->of_query = type == 'Q';
		state->part = type == 'Q' ? POSTGRESQL_TEXT : POSTGRESQL_NAME;
		step->length = POSTGRESQL_HEADER;
		return type == 'Q' ? postgresql_text(window, state, step)
				   : postgresql_name(window, state, step);
	case 'S':
		return postgresql_sync(state, step);
	case 'F': /* calls a function, without SQL */
		step->operation = SQL_CALL;
		step->events = PROTOCOL_REQUEST | PROTOCOL_END;
		state->simple = 1;
		return PROTOCOL_OK;
	case 'c':
	case 'f':
		state->copy_ended = 1;
		step->events = PROTOCOL_END;
		return PROTOCOL_OK;
	case 'd':
	case 'p':
	case 'X':
		step->events = PROTOCOL_END;
		return PROTOCOL_OK;
	case 'E':
		state->executed = 1;
		return PROTOCOL_OK;
	case 'B':
	case 'C':
	case 'D':
	case 'H':
		return PROTOCOL_OK;
	default:
		return PROTOCOL_FOREIGN;
	}
}

PROTOCOL_INLINE int postgresql_request(const struct protocol_window *window,
				       struct postgresql_state *state, struct protocol_step *step)
{
	if (state->part == POSTGRESQL_TEXT)
		return postgresql_text(window, state, step);
	if (state->part == POSTGRESQL_NAME)
		return postgresql_name(window, state, step);
	if (!protocol_byte(window, 0))
		return postgresql_start(window, state, step);
	if (window->n < POSTGRESQL_HEADER)
		return protocol_more(window);
	step->length = postgresql_size(window, 0);
	return step->length ? postgresql_message(window, state, step) : PROTOCOL_FOREIGN;
}

/* The first two letters of SQLSTATE. */
PROTOCOL_FUNCTION int postgresql_error(const struct protocol_window *window, __u32 at)
{
	__u32 class = window ? protocol_big16(window, at) : 0;

#define POSTGRESQL_ROW(name)                                                                       \
	if (class == ((__u32) #name[0] << 8 | #name[1]))                                           \
		return POSTGRESQL_ERROR_##name;
	POSTGRESQL_ERRORS(POSTGRESQL_ROW)
#undef POSTGRESQL_ROW
	return POSTGRESQL_ERROR_OTHER;
}

/* The answer has ended; the next one begins with nothing known. */
PROTOCOL_INLINE void postgresql_answered(struct postgresql_state *state, struct protocol_step *step)
{
	step->events = PROTOCOL_END;
	if (!state->starting) {
		step->events |= PROTOCOL_RESPONSE;
		step->operation = state->tag;
		step->status = state->error;
	}
	state->tag = 0;
	state->error = 0;
	state->fatal = 0;
}

/* An error has been looked at: the first one is the answer's, and the last one before it is closed. */
PROTOCOL_INLINE void postgresql_end_error(const struct protocol_window *window,
					  struct postgresql_state *state,
					  struct protocol_step *step, __u32 error)
{
	step->length += state->fields_left;
	state->fields_left = 0;
	state->in_fields = 0;
	state->in_field = 0;
	if (!state->error)
		state->error = error;
	/* Nothing may have been asked: the server is stopped. */
	if (state->fatal && window->operation != PROTOCOL_NONE)
		postgresql_answered(state, step);
}

/*
 * Fields of an error from step->length on: a letter and a string each. The severity (V, not translated)
 * stands before the code (C).
 */
PROTOCOL_FUNCTION int postgresql_fields(const struct protocol_window *window,
					struct postgresql_state *state, struct protocol_step *step)
{
	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	for (int i = 0; i < POSTGRESQL_AT_ONCE; i++) {
		__u32 at = step->length, end, type = protocol_byte(window, at), size;

		if (!state->fields_left || (at < window->n && !state->in_field && !type)) {
			postgresql_end_error(window, state, step, POSTGRESQL_ERROR_OTHER);
			return PROTOCOL_OK;
		}
		if (!state->in_field && (type == 'V' || type == 'C') && state->fields_left > 2) {
			if (at + 3 > window->n)
				return at ? PROTOCOL_OK : protocol_more(window);
			if (type == 'V')
				state->fatal = protocol_byte(window, at + 1) == 'F' ||
					       protocol_byte(window, at + 1) == 'P';
			else
				postgresql_end_error(window, state, step,
						     postgresql_error(window, at + 1));
			if (type == 'C')
				return PROTOCOL_OK;
		}
		if (at >= window->n)
			break;
		end = protocol_find(window, at, 0);
		state->in_field = end >= window->n;
		size = state->in_field ? window->n - at : end + 1 - at;
		if (size > state->fields_left)
			size = state->fields_left;
		state->fields_left -= size;
		step->length += size;
	}
	if (!state->fields_left)
		postgresql_end_error(window, state, step, POSTGRESQL_ERROR_OTHER);
	return PROTOCOL_OK;
}

/* Of these there may be many, and no one says anything of the answer. */
PROTOCOL_INLINE bool postgresql_is_plain(__u32 type)
{
	return type == 'D' || type == 'd' || type == 'T' || type == 't' || type == 'n' ||
	       type == 'V' || type == 'v' || type == 'c' || (type >= '1' && type <= '3');
}

/* What the server says by itself, also when nothing is asked. */
PROTOCOL_INLINE bool postgresql_is_aside(__u32 type)
{
	return type == 'N' || type == 'A' || type == 'S' || type == 'R' || type == 'K';
}

/* Messages that are passed over, as many as have their beginning in the window. */
PROTOCOL_FUNCTION int postgresql_pass(const struct protocol_window *window,
				      struct protocol_step *step)
{
	if (!window || !step)
		return PROTOCOL_FOREIGN;
	for (int i = 0; i < POSTGRESQL_AT_ONCE; i++) {
		__u32 at = step->length, size = postgresql_size(window, at);

		if (step->length + POSTGRESQL_HEADER > window->n ||
		    !postgresql_is_plain(protocol_byte(window, at)))
			return PROTOCOL_OK;
		if (!size)
			return at ? PROTOCOL_OK : PROTOCOL_FOREIGN;
		step->length += size;
	}
	return PROTOCOL_OK;
}

/* "INSERT 0 1": the first word is the operation. */
PROTOCOL_INLINE int postgresql_tag(const struct protocol_window *window,
				   struct postgresql_state *state, struct protocol_step *step)
{
	if (window->n < step->length && window->n <= POSTGRESQL_HEADER + LETTERS)
		return protocol_more(window);
	if (!state->tag || sql_only_begins(state->tag))
		state->tag = sql_operation(window, POSTGRESQL_HEADER);
	return PROTOCOL_OK;
}

/* Any other message of the server. */
PROTOCOL_FUNCTION int postgresql_say(const struct protocol_window *window,
				     struct postgresql_state *state, struct protocol_step *step)
{
	__u32 type;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	type = protocol_byte(window, 0);
	switch (type) {
	case 'Z':
		if (step->length != POSTGRESQL_HEADER + 1)
			return PROTOCOL_FOREIGN;
		postgresql_answered(state, step);
		state->starting = 0;
		state->copying_in = 0;
		state->copy_ended = 0;
		return PROTOCOL_OK;
	case 'E':
		state->fields_left = step->length - POSTGRESQL_HEADER;
		state->in_fields = 1;
		state->fatal = 0;
		step->length = POSTGRESQL_HEADER;
		return postgresql_fields(window, state, step);
	case 'C':
		return postgresql_tag(window, state, step);
	case 'W': /* both copy, until one of them ends it: replication */
		return PROTOCOL_OPAQUE;
	case 'G':
		state->copying_in = 1;
		return PROTOCOL_OK;
	case 'H':
	case 'I':
	case 's':
		return PROTOCOL_OK;
	default:
		if (!postgresql_is_aside(type))
			return PROTOCOL_FOREIGN;
		if (window->operation == PROTOCOL_NONE || state->starting)
			step->events = PROTOCOL_END;
		return PROTOCOL_OK;
	}
}

PROTOCOL_INLINE int postgresql_answer(const struct protocol_window *window,
				      struct postgresql_state *state, struct protocol_step *step)
{
	__u32 type = protocol_byte(window, 0);

	if (state->in_fields)
		return postgresql_fields(window, state, step);
	if (state->asked) {
		state->asked = 0;
		if (type == 'S' || type == 'G')
			return PROTOCOL_OPAQUE;
		if (type == 'N') {
			step->length = 1;
			step->events = PROTOCOL_END;
			return PROTOCOL_OK;
		}
	}
	if (window->n < POSTGRESQL_HEADER)
		return protocol_more(window);
	if (postgresql_is_plain(type))
		return postgresql_pass(window, step);
	step->length = postgresql_size(window, 0);
	return step->length ? postgresql_say(window, state, step) : PROTOCOL_FOREIGN;
}

PROTOCOL_FUNCTION int postgresql_parse(const struct protocol_window *window,
				       struct protocol_state *words, struct protocol_step *step)
{
	struct postgresql_state *state = (void *)words;

	if (!window || !words || !step)
		return PROTOCOL_FOREIGN;
	return window->from_client ? postgresql_request(window, state, step)
				   : postgresql_answer(window, state, step);
}

/*
 * Messages one behind the other, to the end of what was said at once, as a client or a server that is under
 * way does: 0, or the type of the last one.
 */
PROTOCOL_FUNCTION int postgresql_chain(const struct protocol_window *window)
{
	__u64 at = 0;

	if (!window)
		return 0;
	for (int i = 0; i < POSTGRESQL_AT_ONCE; i++) {
		__u32 size = postgresql_size(window, at), type = protocol_byte(window, at);

		if (at + POSTGRESQL_HEADER > window->n || !size || !letters_have(type))
			return 0;
		at += size;
		if (at == window->left)
			return size == POSTGRESQL_HEADER && !i ? 0 : type;
	}
	return 0;
}

/*
 * The first message of a connection has a number that no other protocol has there; of one that is older, a
 * statement with a length that is right, or a whole chain of messages that ends with Sync.
 */
PROTOCOL_FUNCTION int postgresql_detect(const struct protocol_window *window)
{
	__u32 first, code, text, last;

	if (!window || window->datagram)
		return PROTOCOL_NO;
	first = protocol_byte(window, 0);
	if (!first) {
		if (window->n >= 2 && protocol_byte(window, 1))
			return PROTOCOL_NO;
		if (window->n < 8)
			return PROTOCOL_MAYBE;
		code = protocol_big32(window, 4);
		text = protocol_big32(window, 0);
		if (code == POSTGRESQL_TLS || code == POSTGRESQL_GSS)
			return text == 8 ? PROTOCOL_CLIENT : PROTOCOL_NO;
		if (code == POSTGRESQL_CANCEL)
			return text >= 16 && text <= 300 ? PROTOCOL_CLIENT : PROTOCOL_NO;
		if (code < POSTGRESQL_STARTUP || code >= POSTGRESQL_STARTUP + 16 || text <= 8 ||
		    text > 10000)
			return PROTOCOL_NO;
		/* The name of a parameter follows. */
		if (window->n < 9)
			return PROTOCOL_MAYBE;
		return letters_have(protocol_byte(window, 8)) ? PROTOCOL_CLIENT : PROTOCOL_NO;
	}
	if (first != 'Q' && first != 'P' && first != 'B')
		return PROTOCOL_NO;
	if (window->n < POSTGRESQL_HEADER)
		return PROTOCOL_MAYBE;
	last = postgresql_chain(window);
	if (first == 'Q')
		return last == 'Q' && sql_operation(window, POSTGRESQL_HEADER) != SQL_OTHER
			       ? PROTOCOL_CLIENT
			       : PROTOCOL_NO;
	return last == 'S' ? PROTOCOL_CLIENT : PROTOCOL_NO;
}
