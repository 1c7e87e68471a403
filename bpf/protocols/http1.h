/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1.0 and 1.1 (RFC 9112): methods and statuses, and where a message ends. Of headers only
 * Content-Length and Transfer-Encoding are looked at.
 */
#pragma once

#include "bpf/protocols/protocol.h"
#include "bpf/wire_http1.h"
#include "bpf/wire_routes.h"

enum http1_phase { HTTP1_START, HTTP1_HEADERS, HTTP1_CHUNK, HTTP1_TRAILERS };

struct http1_side {
	__u64 length; /* of the body, plus 1; 0: it was not said */
	__u16 status;
	__u8 phase;
	__u8 chunked;
	__u8 in_line; /* the window begins within a line that means nothing */
	__u8 method;
	__u16 route; /* its number */
};

enum { HTTP1_TRACE_WORDS = 3 };

struct http1_state {
	struct http1_side sides[2]; /* [1] is the server's */
	__u32 upgraded;		    /* what comes is another protocol */
	__u32 has_own_trace;	    /* `trace` is of the head that came last; 0: of one before it */
	/*
	 * Of the last request that began while no other one was under way: the id of its trace, two words,
	 * and of the span that asks, as they are written, the first digit highest; 0: it has none.
	 */
	__u64 trace[HTTP1_TRACE_WORDS];
};

/* Whether they are read: requests.bpf.c has a constant of the collector's. */
#ifndef HTTP1_TRACES
#define HTTP1_TRACES 1
#endif

/* Whether requests have routes: the same, and the function is the kernel's alone. */
#ifndef HTTP1_ROUTES
#define HTTP1_ROUTES 0
PROTOCOL_INLINE __u32 http1_route(const struct protocol_window *window, __u32 at)
{
	(void)window;
	(void)at;
	return ROUTE_NONE;
}
#endif

_Static_assert(sizeof(struct http1_state) <= sizeof(struct protocol_state), "too large");

enum {
	HTTP1_LINES = 24, /* that are looked at in one step */
	HTTP1_SWITCHING = 101,
	HTTP1_NO_CONTENT = 204,
	HTTP1_NOT_MODIFIED = 304,
};

PROTOCOL_INLINE bool http1_is_token(__u32 byte)
{
	return (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_';
}

/* "GET /": ret_size is that of the method, without the space; 0: no method stands there. */
PROTOCOL_FUNCTION int http1_method(const struct protocol_window *window, __u32 *ret_size)
{
	__u32 size = 0, first, second;

	if (!window || !ret_size)
		return HTTP1_OTHER;
	for (__u32 i = 0; i < 20 && i < window->n && http1_is_token(protocol_byte(window, i)); i++)
		size++;
	*ret_size = protocol_byte(window, size) == ' ' && size < window->n ? size : 0;
	first = protocol_word(window, 0);
	second = protocol_word(window, 4);
	if (size == 3 && first == PROTOCOL_WORD('G', 'E', 'T', ' '))
		return HTTP1_GET;
	if (size == 3 && first == PROTOCOL_WORD('P', 'U', 'T', ' '))
		return HTTP1_PUT;
	if (size == 4 && first == PROTOCOL_WORD('P', 'O', 'S', 'T'))
		return HTTP1_POST;
	if (size == 4 && first == PROTOCOL_WORD('H', 'E', 'A', 'D'))
		return HTTP1_HEAD;
	if (size == 5 && first == PROTOCOL_WORD('P', 'A', 'T', 'C') && second >> 24 == 'H')
		return HTTP1_PATCH;
	if (size == 5 && first == PROTOCOL_WORD('T', 'R', 'A', 'C') && second >> 24 == 'E')
		return HTTP1_TRACE;
	if (size == 6 && first == PROTOCOL_WORD('D', 'E', 'L', 'E') &&
	    second >> 16 == ('T' << 8 | 'E'))
		return HTTP1_DELETE;
	if (size == 7 && first == PROTOCOL_WORD('O', 'P', 'T', 'I') &&
	    second == PROTOCOL_WORD('O', 'N', 'S', ' '))
		return HTTP1_OPTIONS;
	if (size == 7 && first == PROTOCOL_WORD('C', 'O', 'N', 'N') &&
	    second == PROTOCOL_WORD('E', 'C', 'T', ' '))
		return HTTP1_CONNECT;
	return HTTP1_OTHER;
}

PROTOCOL_INLINE bool http1_is_answer(const struct protocol_window *window)
{
	return protocol_word(window, 0) == PROTOCOL_WORD('H', 'T', 'T', 'P') &&
	       protocol_word(window, 4) >> 8 == ('/' << 16 | '1' << 8 | '.');
}

/* "200": 0 when it is no status. */
PROTOCOL_INLINE __u32 http1_status(const struct protocol_window *window)
{
	__u32 a = protocol_byte(window, 9) - '0', b = protocol_byte(window, 10) - '0',
	      c = protocol_byte(window, 11) - '0';

	if (a < 1 || a > 9 || b > 9 || c > 9)
		return 0;
	return a * 100 + b * 10 + c;
}

/* A hexadecimal number at `at`; -1: none, or a very large one. */
PROTOCOL_FUNCTION long http1_hexadecimal(const struct protocol_window *window, __u32 at)
{
	__u64 number = 0;
	__u32 i;

	if (!window)
		return -1;
	for (i = 0; i < 15; i++) {
		__u32 byte = protocol_byte(window, at + i) | 0x20;
		__u32 digit = byte - '0' < 10 ? byte - '0' : byte - 'a' + 10;

		if (at + i >= window->n || digit > 15)
			break;
		number = number << 4 | digit;
	}
	return i == 0 || i == 15 ? -1 : (long)number;
}

PROTOCOL_INLINE bool http1_is_length(const struct protocol_window *window, __u32 at)
{
	return protocol_word_lower(window, at) == PROTOCOL_WORD('c', 'o', 'n', 't') &&
	       protocol_word_lower(window, at + 4) == PROTOCOL_WORD('e', 'n', 't', '-') &&
	       protocol_word_lower(window, at + 8) == PROTOCOL_WORD('l', 'e', 'n', 'g') &&
	       protocol_word_lower(window, at + 11) == PROTOCOL_WORD('g', 't', 'h', ':');
}

PROTOCOL_INLINE bool http1_is_coding(const struct protocol_window *window, __u32 at)
{
	return protocol_word_lower(window, at) == PROTOCOL_WORD('t', 'r', 'a', 'n') &&
	       protocol_word_lower(window, at + 4) == PROTOCOL_WORD('s', 'f', 'e', 'r') &&
	       protocol_word_lower(window, at + 8) ==
		       (PROTOCOL_WORD('-', 'e', 'n', 'c') | 0x20202020) &&
	       protocol_word_lower(window, at + 14) == PROTOCOL_WORD('i', 'n', 'g', ':');
}

PROTOCOL_INLINE bool http1_is_trace(const struct protocol_window *window, __u32 at)
{
	return protocol_word_lower(window, at) == PROTOCOL_WORD('t', 'r', 'a', 'c') &&
	       protocol_word_lower(window, at + 4) == PROTOCOL_WORD('e', 'p', 'a', 'r') &&
	       protocol_word_lower(window, at + 8) == PROTOCOL_WORD('e', 'n', 't', ':');
}

/* Eight hexadecimal digits in lower case, all at once; false: they are something else. */
PROTOCOL_INLINE bool http1_digits(const struct protocol_window *window, __u32 at, __u64 *ret)
{
	const __u64 ones = 0x0101010101010101;
	__u64 text = __builtin_bswap64(protocol_eight(window, at));
	__u64 digits = (text & ones * 0xf) + (text >> 6 & ones) * 9;
	__u64 letters = (digits + ones * 6) >> 4 & ones;

	if (digits & ones * 0xf0 || text != digits + ones * '0' + letters * ('a' - '0' - 10))
		return false;
	digits = (digits | digits >> 4) & 0x00ff00ff00ff00ff;
	digits = (digits | digits >> 8) & 0x0000ffff0000ffff;
	*ret = (digits | digits >> 16) & 0xffffffff;
	return true;
}

PROTOCOL_INLINE bool http1_sixteen(const struct protocol_window *window, __u32 at, __u64 *ret)
{
	__u64 high = 0, low = 0;

	if (!http1_digits(window, at, &high) || !http1_digits(window, at + 8, &low))
		return false;
	*ret = high << 32 | low;
	return true;
}

/*
 * "traceparent: 00-<32 digits>-<16 digits>-<2 digits>" (W3C Trace Context, 3.2): a version above 00 may
 * have more behind it. `at` is behind the colon, `end` the end of the line.
 */
PROTOCOL_FUNCTION int http1_trace(const struct protocol_window *window, struct http1_state *state,
				  __u32 at, __u32 end)
{
	__u64 trace[HTTP1_TRACE_WORDS] = {};

	if (!window || !state)
		return 0;
	for (int i = 0; i < 8 && protocol_byte(window, at) == ' '; i++)
		at++;
	if (end < 55 || at > end - 55 || protocol_word(window, at) >> 16 == ('f' << 8 | 'f') ||
	    protocol_byte(window, at + 2) != '-' || protocol_byte(window, at + 35) != '-' ||
	    protocol_byte(window, at + 52) != '-')
		return 0;
	if (!http1_sixteen(window, at + 3, &trace[0]) ||
	    !http1_sixteen(window, at + 19, &trace[1]) ||
	    !http1_sixteen(window, at + 36, &trace[2]) || !(trace[0] | trace[1]) || !trace[2])
		return 0;
	for (int i = 0; i < HTTP1_TRACE_WORDS; i++)
		state->trace[i] = trace[i];
	state->has_own_trace = 1;
	return 0;
}

/* The last coding is "chunked": then the message ends where the chunks do (RFC 9112, 6.1). */
PROTOCOL_INLINE bool http1_ends_chunked(const struct protocol_window *window, __u32 end)
{
	if (protocol_byte(window, end - 1) == '\r')
		end--;
	return protocol_word_lower(window, end - 7) == PROTOCOL_WORD('c', 'h', 'u', 'n') &&
	       protocol_word_lower(window, end - 4) == PROTOCOL_WORD('n', 'k', 'e', 'd');
}

/* A whole header whose name begins as theirs, from `at` to its newline at `end`. False: it contradicts another. */
PROTOCOL_FUNCTION int http1_header(const struct protocol_window *window, struct http1_side *side,
				   __u32 at, __u32 end)
{
	__u32 number_end = 0;
	long length;

	if (!window || !side)
		return 0;
	if (http1_is_coding(window, at)) {
		side->chunked = http1_ends_chunked(window, end);
		return 1;
	}
	if (!http1_is_length(window, at))
		return 1;
	at += 15;
	for (int i = 0; i < 8 && protocol_byte(window, at) == ' '; i++)
		at++;
	length = protocol_number(window, at, &number_end);
	if (length < 0 || (side->length && side->length != (__u64)length + 1))
		return 0;
	side->length = (__u64)length + 1;
	return 1;
}

/* Answers come in order, so what is kept of one request is that of the next answer. */
PROTOCOL_INLINE bool http1_begins_alone(const struct protocol_window *window)
{
	return window->from_client && window->operation == PROTOCOL_NONE;
}

PROTOCOL_INLINE void http1_forget_trace(struct http1_state *state)
{
	for (int i = 0; i < HTTP1_TRACE_WORDS; i++)
		state->trace[i] = 0;
	state->has_own_trace = 1;
}

/* What the window begins with is a line whose end is not in it. */
PROTOCOL_INLINE int http1_part_of_line(const struct protocol_window *window,
				       struct http1_side *side, struct protocol_step *step)
{
	if (!side->in_line) {
		if (window->n < PROTOCOL_CARRY)
			return PROTOCOL_MORE;
		if (side->phase == HTTP1_HEADERS &&
		    (http1_is_length(window, 0) || http1_is_coding(window, 0)))
			return PROTOCOL_FOREIGN;
		side->in_line = 1;
	}
	step->length = window->n;
	return PROTOCOL_OK;
}

/* The head is complete: how long is what follows? */
PROTOCOL_FUNCTION int http1_end_of_head(const struct protocol_window *window,
					struct http1_state *state, struct protocol_step *step)
{
	struct http1_side *side;
	bool server, bodiless = false;
	__u32 method = 0;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	server = !window->from_client;
	side = &state->sides[server];
	if (!server) {
		/* The one before it was answered while its head came. */
		if (HTTP1_TRACES && http1_begins_alone(window) && !state->has_own_trace)
			http1_forget_trace(state);
		step->events = PROTOCOL_REQUEST;
		step->operation = side->method;
		if (HTTP1_ROUTES)
			step->operation |= side->route << ROUTE_METHOD_BITS;
	} else {
		if (window->operation == PROTOCOL_UNKNOWN)
			return PROTOCOL_FOREIGN;
		method = window->operation;
		if (HTTP1_ROUTES)
			method &= (1 << ROUTE_METHOD_BITS) - 1;
		bodiless = side->status < 200 || side->status == HTTP1_NO_CONTENT ||
			   side->status == HTTP1_NOT_MODIFIED || method == HTTP1_HEAD;
		state->upgraded = side->status == HTTP1_SWITCHING ||
				  (method == HTTP1_CONNECT && side->status / 100 == 2);
		bodiless |= state->upgraded;
		step->status = side->status;
	}
	side->phase = HTTP1_START;
	if (server && side->status < 200 && !state->upgraded) { /* the answer is yet to come */
		step->events = PROTOCOL_END;
		return PROTOCOL_OK;
	}
	if (side->chunked && !bodiless) {
		side->phase = HTTP1_CHUNK;
		return PROTOCOL_OK;
	}
	step->events |= PROTOCOL_END | (server ? PROTOCOL_RESPONSE : 0);
	if (side->length && !bodiless)
		step->length += side->length - 1;
	else if (server && !bodiless)
		step->length = PROTOCOL_UNTIL_CLOSE;
	return PROTOCOL_OK;
}

/* Headers or trailers, as many as the window has; an empty line ends them. */
PROTOCOL_FUNCTION int http1_lines(const struct protocol_window *window, struct http1_state *state,
				  struct protocol_step *step)
{
	struct http1_side *side;
	__u32 at, end;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	side = &state->sides[!window->from_client];
	at = step->length; /* behind the first line */
	for (int i = 0; i < HTTP1_LINES; i++) {
		__u32 first = protocol_byte(window, at) | 0x20;
		bool empty;

		end = protocol_find(window, at, '\n');
		if (end >= window->n || at >= window->n)
			break;
		empty = end == at || (end == at + 1 && protocol_byte(window, at) == '\r');
		if (side->in_line) {
			side->in_line = 0;
			empty = false;
		} else if (side->phase == HTTP1_HEADERS && (first == 'c' || first == 't') &&
			   !http1_header(window, side, at, end)) {
			return PROTOCOL_FOREIGN;
		} else if (HTTP1_TRACES && http1_begins_alone(window) &&
			   http1_is_trace(window, at)) {
			http1_trace(window, state, at + 12, end);
		}
		at = end + 1;
		step->length = at;
		if (!empty)
			continue;
		if (side->phase == HTTP1_HEADERS)
			return http1_end_of_head(window, state, step);
		side->phase = HTTP1_START;
		step->status = side->status;
		step->events = PROTOCOL_END | (window->from_client ? 0 : PROTOCOL_RESPONSE);
		return PROTOCOL_OK;
	}
	return step->length ? PROTOCOL_OK : http1_part_of_line(window, side, step);
}

/* The first line of a message, and what of it follows in the window. */
PROTOCOL_FUNCTION int http1_first(const struct protocol_window *window, struct http1_state *state,
				  struct protocol_step *step)
{
	struct http1_side *side;
	__u32 size = 0, end;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	side = &state->sides[!window->from_client];
	step->length = window->from_client ? protocol_blanks(window) : 0;
	if (step->length) { /* RFC 9112, 2.2 */
		step->events = PROTOCOL_END;
		return PROTOCOL_OK;
	}
	end = protocol_find(window, 0, '\n');
	if (end >= window->n && window->n < PROTOCOL_CARRY)
		return PROTOCOL_MORE;
	if (window->from_client) {
		side->method = http1_method(window, &size);
		if (!size)
			return PROTOCOL_FOREIGN;
		if (HTTP1_ROUTES)
			side->route = http1_route(window, size + 1);
	} else {
		side->status = http1_status(window);
		if (!http1_is_answer(window) || !side->status || window->n < 13)
			return PROTOCOL_FOREIGN;
	}
	if (HTTP1_TRACES && http1_begins_alone(window))
		http1_forget_trace(state);
	else if (HTTP1_TRACES && window->from_client)
		state->has_own_trace = 0;
	side->phase = HTTP1_HEADERS;
	side->length = 0;
	side->chunked = 0;
	side->in_line = end >= window->n;
	step->length = side->in_line ? window->n : end + 1;
	return http1_lines(window, state, step);
}

/* "1a;name=value" and what it announces, with the end of line behind it. */
PROTOCOL_INLINE int http1_chunk(const struct protocol_window *window, struct http1_side *side,
				struct protocol_step *step)
{
	__u32 end = protocol_find(window, 0, '\n');
	long size;

	if (side->in_line || end >= window->n) {
		/* An extension that does not end is not waited for. */
		return window->n < PROTOCOL_CARRY && !side->in_line ? PROTOCOL_MORE
								    : PROTOCOL_FOREIGN;
	}
	size = http1_hexadecimal(window, 0);
	if (size < 0)
		return PROTOCOL_FOREIGN;
	step->length = end + 1;
	if (size)
		step->length += size + 2;
	else
		side->phase = HTTP1_TRAILERS;
	return PROTOCOL_OK;
}

PROTOCOL_FUNCTION int http1_parse(const struct protocol_window *window,
				  struct protocol_state *words, struct protocol_step *step)
{
	struct http1_state *state = (void *)words;
	struct http1_side *side;

	if (!window || !words || !step)
		return PROTOCOL_FOREIGN;
	if (state->upgraded)
		return PROTOCOL_OPAQUE;
	side = &state->sides[!window->from_client];
	if (side->phase == HTTP1_START)
		return http1_first(window, state, step);
	if (side->phase == HTTP1_CHUNK)
		return http1_chunk(window, side, step);
	return http1_lines(window, state, step);
}

/* A client's "PURGE /path" is one, too; what stands behind the method makes it likely. */
PROTOCOL_FUNCTION int http1_detect(const struct protocol_window *window)
{
	__u32 size = 0, next;
	int method;

	if (!window)
		return PROTOCOL_NO;
	if (window->n >= 8 && http1_is_answer(window))
		return PROTOCOL_SERVER;
	method = http1_method(window, &size);
	if (!size) {
		/* As far as it goes it may be one. */
		for (__u32 i = 0; i < 16; i++) {
			if (i >= window->n)
				return PROTOCOL_MAYBE;
			next = protocol_byte(window, i);
			if (!http1_is_token(next) && next != '/' && next != '.' && next - '0' > 9)
				return PROTOCOL_NO;
		}
		return PROTOCOL_NO;
	}
	/* "PRI * HTTP/2.0" is no method, but how HTTP/2 begins (RFC 9113, 3.4). */
	if (protocol_word(window, 0) == PROTOCOL_WORD('P', 'R', 'I', ' '))
		return window->n < 8 ? PROTOCOL_MAYBE : PROTOCOL_NO;
	if (size < 3)
		return PROTOCOL_NO;
	if (size + 1 >= window->n)
		return PROTOCOL_MAYBE;
	next = protocol_byte(window, size + 1);
	if (method == HTTP1_CONNECT)
		return PROTOCOL_CLIENT;
	return next == '/' || next == '*' || (next | 0x20) == 'h' ? PROTOCOL_CLIENT : PROTOCOL_NO;
}
