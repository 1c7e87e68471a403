/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Redis: RESP2 and RESP3, and commands in a line ("Redis serialization protocol specification").
 * Requests are answered in order. What turns a connection into a one-way stream (subscriptions,
 * replication) makes it opaque.
 */
#pragma once

#include "bpf/protocols/protocol.h"
#include "bpf/wire_redis.h"

struct redis_state {
	__u64 client_left; /* arguments that are to come */
	__u64 server_left; /* elements of the answer that are to come */
	__u32 client_in_line;
	__u32 server_in_line;
	__u32 server_status; /* of the answer that has begun */
	__u32 server_pushes; /* it is none: the server speaks by itself */
};

_Static_assert(sizeof(struct redis_state) <= sizeof(struct protocol_state), "too large");

enum { REDIS_AT_ONCE = 8 }; /* elements that are passed over in one step */

/* Sixteen letters in upper case, in the order of memory. */
struct redis_name {
	__u64 first, second;
};

PROTOCOL_INLINE __u64 redis_pack(const char *text, __u32 size, __u32 from)
{
	__u64 packed = 0;

	PROTOCOL_UNROLL
	for (__u32 i = 0; i < 8; i++)
		packed |= (__u64)(from + i < size ? (unsigned char)text[from + i] : 0) << i * 8;
	return packed;
}

PROTOCOL_INLINE __u64 redis_upper(__u64 letters, __u32 n)
{
	return n >= 8 ? letters & 0xdfdfdfdfdfdfdfdf
		      : letters & 0xdfdfdfdfdfdfdfdf & ((1ULL << n * 8) - 1);
}

PROTOCOL_INLINE struct redis_name redis_name(const struct protocol_window *window, __u32 at,
					     __u32 size)
{
	return (struct redis_name){
		redis_upper(protocol_eight(window, at), size),
		size > 8 ? redis_upper(protocol_eight(window, at + 8), size - 8) : 0,
	};
}

#define REDIS_IS(name, text)                                                                       \
	((name).first == redis_pack(text, sizeof(text) - 1, 0) &&                                  \
	 (name).second == redis_pack(text, sizeof(text) - 1, 8))

/* The number of the operation that stands there. */
PROTOCOL_FUNCTION int redis_operation(const struct protocol_window *window, __u32 at, __u32 size)
{
	struct redis_name name;

	if (!window || !size || size > 16)
		return REDIS_OTHER;
	name = redis_name(window, at, size);
#define REDIS_ROW(row)                                                                             \
	if (REDIS_IS(name, #row))                                                                  \
		return REDIS_##row;
	REDIS_OPERATIONS(REDIS_ROW)
#undef REDIS_ROW
	return REDIS_OTHER;
}

/* After these the server speaks by itself, in RESP2 with nothing to tell it by. */
PROTOCOL_FUNCTION int redis_ends_answers(const struct protocol_window *window, __u32 at, __u32 size)
{
	struct redis_name name;

	if (!window || !size || size > 16)
		return 0;
	name = redis_name(window, at, size);
	return REDIS_IS(name, "SUBSCRIBE") || REDIS_IS(name, "PSUBSCRIBE") ||
	       REDIS_IS(name, "SSUBSCRIBE") || REDIS_IS(name, "MONITOR") ||
	       REDIS_IS(name, "SYNC") || REDIS_IS(name, "PSYNC") || REDIS_IS(name, "REPLCONF");
}

PROTOCOL_FUNCTION int redis_error(const struct protocol_window *window, __u32 at)
{
	struct redis_name name;
	__u32 size = 0;

	if (!window)
		return REDIS_ERROR_OTHER;
	for (__u32 i = 0; i < 16; i++, size++) {
		__u32 letter = protocol_byte(window, at + i);

		if (letter < 'A' || letter > 'Z' || at + i >= window->n)
			break;
	}
	name = redis_name(window, at, size);
#define REDIS_ROW(row)                                                                             \
	if (REDIS_IS(name, #row))                                                                  \
		return REDIS_ERROR_##row;
	REDIS_ERRORS(REDIS_ROW)
#undef REDIS_ROW
	return REDIS_ERROR_OTHER;
}

/*
 * A number with the line's end behind it: "12\r\n". *ret_end is behind it. -1: none; -2: it goes on
 * behind the window.
 */
PROTOCOL_INLINE long redis_length(const struct protocol_window *window, __u32 at, __u32 *ret_end)
{
	__u32 end = at;
	long number;

	if (!window || !ret_end)
		return -1;
	number = protocol_number(window, at, &end);
	if (end + 2 > window->n && end < at + 19)
		return -2;
	if (number < 0 || number > 1L << 32 || protocol_byte(window, end) != '\r' ||
	    protocol_byte(window, end + 1) != '\n')
		return -1;
	*ret_end = end + 2;
	return number;
}

/* Arguments from `at` on, as many as have their beginning in the window. */
PROTOCOL_INLINE int redis_arguments(const struct protocol_window *window, struct redis_state *state,
				    struct protocol_step *step)
{
	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	for (int i = 0; i < REDIS_AT_ONCE && state->client_left; i++) {
		__u32 at = step->length, end = at;
		long size;

		if (step->length >= window->n)
			return PROTOCOL_OK;
		if (protocol_byte(window, at) != '$')
			return PROTOCOL_FOREIGN;
		size = redis_length(window, at + 1, &end);
		if (size == -2)
			return step->length ? PROTOCOL_OK : protocol_more(window);
		if (size < 0)
			return PROTOCOL_FOREIGN;
		step->length = end + size + 2;
		state->client_left--;
	}
	if (!state->client_left)
		step->events |= PROTOCOL_END;
	return PROTOCOL_OK;
}

/* CLIENT REPLY: from here on there are requests without answers. */
PROTOCOL_INLINE bool redis_stops_answers(const struct protocol_window *window, __u64 at)
{
	return protocol_word(window, at) == PROTOCOL_WORD('$', '5', '\r', '\n') &&
	       (protocol_word(window, at + 4) & 0xdfdfdfdf) == PROTOCOL_WORD('R', 'E', 'P', 'L');
}

/* "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n": the first two lines and the name are never long. */
PROTOCOL_INLINE int redis_array(const struct protocol_window *window, struct redis_state *state,
				struct protocol_step *step)
{
	__u32 end = 0, at;
	long n = redis_length(window, 1, &end), size;

	if (n == -2)
		return protocol_more(window);
	if (n == 0) { /* is passed over without an answer */
		step->length = end;
		step->events = PROTOCOL_END;
		return PROTOCOL_OK;
	}
	if (n < 0 || n > 1 << 20)
		return PROTOCOL_FOREIGN;
	at = end;
	if (at >= window->n)
		return protocol_more(window);
	if (protocol_byte(window, at) != '$')
		return PROTOCOL_FOREIGN;
	size = redis_length(window, at + 1, &at);
	if (size == -2)
		return protocol_more(window);
	if (size < 0)
		return PROTOCOL_FOREIGN;
	if (at + (size < 16 ? size : 0) > window->n)
		return protocol_more(window);
	step->operation = redis_operation(window, at, size);
	if (step->operation == REDIS_OTHER && redis_ends_answers(window, at, size))
		return PROTOCOL_OPAQUE;
	step->length = at + size + 2;
	if (step->operation == REDIS_CLIENT && n > 2) {
		if (step->length + 8 > window->n)
			return protocol_more(window);
		if (redis_stops_answers(window, step->length))
			return PROTOCOL_OPAQUE;
	}
	step->events = PROTOCOL_REQUEST;
	state->client_left = n - 1;
	return redis_arguments(window, state, step);
}

/* To the end of a line, or as far as the window goes. */
PROTOCOL_INLINE bool redis_line(const struct protocol_window *window, __u32 from,
				struct protocol_step *step)
{
	__u32 end = protocol_find(window, from, '\n');

	step->length = end < window->n ? end + 1 : window->n;
	return end < window->n;
}

PROTOCOL_INLINE int redis_inline(const struct protocol_window *window, struct redis_state *state,
				 struct protocol_step *step)
{
	__u32 end, size;
	bool whole = redis_line(window, 0, step);

	if (whole)
		step->events |= PROTOCOL_END;
	if (state->client_in_line) {
		state->client_in_line = !whole;
		return PROTOCOL_OK;
	}
	if (!whole && window->n < PROTOCOL_CARRY)
		return PROTOCOL_MORE;
	size = step->length;
	end = protocol_find(window, 0, ' ');
	if (end < size)
		size = end;
	end = protocol_find(window, 0, '\r');
	if (end < size)
		size = end;
	state->client_in_line = !whole;
	if (size == 0) /* nor is one of a space and nothing more */
		return PROTOCOL_OK;
	step->operation = redis_operation(window, 0, size);
	if (step->operation == REDIS_OTHER && redis_ends_answers(window, 0, size))
		return PROTOCOL_OPAQUE;
	step->events |= PROTOCOL_REQUEST;
	return PROTOCOL_OK;
}

PROTOCOL_INLINE int redis_request(const struct protocol_window *window, struct redis_state *state,
				  struct protocol_step *step)
{
	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	if (state->client_left)
		return redis_arguments(window, state, step);
	if (!state->client_in_line && protocol_byte(window, 0) == '*')
		return redis_array(window, state, step);
	step->length = state->client_in_line ? 0 : protocol_blanks(window);
	if (step->length) { /* empty lines are no commands */
		step->events = PROTOCOL_END;
		return PROTOCOL_OK;
	}
	return redis_inline(window, state, step);
}

/* How many elements stand in an element of this type, for each that its number says; 0: none. */
PROTOCOL_INLINE __u32 redis_elements(__u32 type)
{
	switch (type) {
	case '*':
	case '~':
	case '>':
		return 1;
	case '%':
	case '|':
		return 2;
	default:
		return 0;
	}
}

PROTOCOL_INLINE bool redis_is_bulk(__u32 type)
{
	return type == '$' || type == '=' || type == '!';
}

PROTOCOL_INLINE bool redis_is_line(__u32 type)
{
	return type == '+' || type == '-' || type == ':' || type == '_' || type == '#' ||
	       type == ',' || type == '(';
}

/* One element, from step->length on. */
PROTOCOL_INLINE int redis_element(const struct protocol_window *window, struct redis_state *state,
				  struct protocol_step *step)
{
	__u32 at, type, end = 0;
	bool first;
	long n;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	at = step->length;
	type = protocol_byte(window, at);
	first = !state->server_left;
	if (redis_is_line(type)) {
		if (first && type == '-') {
			if (window->n - at < 14 && protocol_find(window, at, '\n') == window->n)
				return PROTOCOL_MORE;
			state->server_status = redis_error(window, at + 1);
		}
		end = protocol_find(window, at, '\n');
		state->server_in_line = end >= window->n;
		step->length = state->server_in_line ? window->n : end + 1;
		if (first)
			state->server_left = 1;
		if (!state->server_in_line)
			state->server_left--;
		return PROTOCOL_OK;
	}
	if (!redis_elements(type) && !redis_is_bulk(type))
		return PROTOCOL_FOREIGN;
	if (at + 1 < window->n && protocol_byte(window, at + 1) == '-') { /* "-1": null */
		if (at + 5 > window->n)
			return PROTOCOL_MORE;
		n = redis_is_bulk(type) ? -2 : 0;
		end = at + 5;
	} else {
		n = redis_length(window, at + 1, &end);
		if (n == -2)
			return PROTOCOL_MORE;
		if (n < 0)
			return PROTOCOL_FOREIGN;
	}
	if (first) {
		state->server_left = 1;
		state->server_pushes = type == '>';
		if (type == '!')
			state->server_status = REDIS_ERROR_OTHER;
	}
	if (redis_is_bulk(type)) {
		step->length = end + n + 2;
		state->server_left--;
		return PROTOCOL_OK;
	}
	step->length = end;
	/* What an attribute says belongs to the element behind it. */
	state->server_left += n * redis_elements(type) - (type != '|');
	return state->server_left >> 40 ? PROTOCOL_FOREIGN : PROTOCOL_OK;
}

/* A replica says by itself how far it is: OK is that it does not. */
PROTOCOL_INLINE int redis_replica(const struct protocol_window *window)
{
	__u32 n = window->n;
	__u64 keep = n >= 8 ? ~0ULL : (1ULL << n * 8) - 1;

	if ((protocol_eight(window, 0) ^ redis_pack("*3\r\n$8\r\n", 8, 0)) & keep)
		return PROTOCOL_OK;
	if (n < 16)
		return PROTOCOL_MORE;
	return protocol_eight(window, 8) == redis_pack("REPLCONF", 8, 0) ? PROTOCOL_OPAQUE
									 : PROTOCOL_OK;
}

PROTOCOL_INLINE int redis_answer(const struct protocol_window *window, struct redis_state *state,
				 struct protocol_step *step)
{
	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	if (!state->server_left && !state->server_in_line) {
		int result = redis_replica(window);

		if (result != PROTOCOL_OK)
			return result;
	}
	if (state->server_in_line) {
		if (redis_line(window, 0, step)) {
			state->server_in_line = 0;
			state->server_left--;
		}
	}
	for (int i = 0; i < REDIS_AT_ONCE; i++) {
		int result;

		if (state->server_in_line || step->length >= window->n ||
		    (step->length && !state->server_left))
			break;
		result = redis_element(window, state, step);
		if (result == PROTOCOL_MORE)
			return step->length ? PROTOCOL_OK : protocol_more(window);
		if (result != PROTOCOL_OK)
			return result;
	}
	if (state->server_left)
		return PROTOCOL_OK;
	step->events = PROTOCOL_END | (state->server_pushes ? 0 : PROTOCOL_RESPONSE);
	step->status = state->server_status;
	state->server_status = 0;
	state->server_pushes = 0;
	return PROTOCOL_OK;
}

PROTOCOL_FUNCTION int redis_parse(const struct protocol_window *window,
				  struct protocol_state *state, struct protocol_step *step)
{
	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	return window->from_client ? redis_request(window, (void *)state, step)
				   : redis_answer(window, (void *)state, step);
}

/* Whether an operation's name stands there, as a bulk string. */
PROTOCOL_INLINE bool redis_is_named(const struct protocol_window *window, __u32 at)
{
	__u32 name = at;
	long size = redis_length(window, at + 1, &name);

	return size > 0 && name + size <= window->n &&
	       redis_operation(window, name, size) != REDIS_OTHER;
}

/*
 * A command as an array is told by its second line; of commands in a line only those with which people
 * and health checks begin. Answers could be of much else: where it may be one, the name must be known.
 */
PROTOCOL_FUNCTION int redis_detect(const struct protocol_window *window)
{
	__u32 end = 0, word;
	long n;

	if (!window)
		return PROTOCOL_NO;
	if (protocol_byte(window, 0) != '*') {
		word = protocol_word_lower(window, 0);
		if (window->n < 6)
			return PROTOCOL_MAYBE;
		return word == PROTOCOL_WORD('p', 'i', 'n', 'g') && protocol_byte(window, 4) == '\r'
			       ? PROTOCOL_CLIENT
			       : PROTOCOL_NO;
	}
	n = redis_length(window, 1, &end);
	if (n == -2)
		return window->n < 12 ? PROTOCOL_MAYBE : PROTOCOL_NO;
	if (n < 1)
		return PROTOCOL_NO;
	if (end + 1 >= window->n)
		return PROTOCOL_MAYBE;
	if (protocol_byte(window, end) != '$' || protocol_byte(window, end + 1) - '1' >= 9)
		return PROTOCOL_NO;
	return !window->joining || redis_is_named(window, end) ? PROTOCOL_CLIENT : PROTOCOL_NO;
}
