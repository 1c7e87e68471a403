/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memcached's text protocol and its meta commands (doc/protocol.txt of memcached 1.6). Requests are
 * answered in order. The binary protocol is recognised, and not understood.
 */
#pragma once

#include "bpf/protocols/letters.h"
#include "bpf/wire_memcached.h"

/* A line of words, of which one may be the length of the data that follow. */
struct memcached_line {
	__u64 bytes;	   /* plus 1; 0: it was not said */
	__u8 word;	   /* number of the next one; the first is passed over before */
	__u8 in_word;	   /* the window begins within one that means nothing */
	__u8 bytes_at;	   /* number of the word; 0: no data follow */
	__u8 noreply_from; /* number of the first word that may be "noreply"; 0: none */
	__u8 is_meta;	   /* a word "q" makes it quiet */
	__u8 quiet;
	__u8 ended;
};

struct memcached_state {
	struct memcached_line client, server;
	__u8 operation; /* of the command whose line is under way */
	__u8 answering; /* a line of the server's is under way */
	__u8 last;	/* it is an answer's last one */
	__u8 error;
};

_Static_assert(sizeof(struct memcached_state) <= sizeof(struct protocol_state), "too large");

enum {
	MEMCACHED_AT_ONCE = 8, /* words that are looked at in one step */
	MEMCACHED_LONGEST = 1 << 30,
	MEMCACHED_TEXT = 16,   /* bytes of a first command that are looked at */
	MEMCACHED_HEADER = 24, /* of the binary protocol */
	MEMCACHED_BINARY_REQUEST = 0x80,
	MEMCACHED_BINARY_ANSWER,
};

PROTOCOL_INLINE bool memcached_is_noreply(const struct protocol_window *window, __u32 at,
					  __u32 size)
{
	return size == 7 && protocol_word(window, at) == PROTOCOL_WORD('n', 'o', 'r', 'e') &&
	       protocol_word(window, at + 3) == PROTOCOL_WORD('e', 'p', 'l', 'y');
}

/* A word that is there as a whole. */
PROTOCOL_INLINE void memcached_word(const struct protocol_window *window,
				    struct memcached_line *line, __u32 at, __u32 size)
{
	__u32 end = 0;
	long number;

	if (line->word == line->bytes_at) {
		number = protocol_number(window, at, &end);
		if (number >= 0 && number <= MEMCACHED_LONGEST && end == at + size)
			line->bytes = number + 1;
	} else if (line->is_meta) {
		line->quiet |= size == 1 && protocol_byte(window, at) == 'q' && line->word > 1;
	} else {
		line->quiet = line->noreply_from && line->word >= line->noreply_from &&
			      memcached_is_noreply(window, at, size);
	}
}

PROTOCOL_INLINE bool memcached_is_plain(const struct memcached_line *line)
{
	return !line->bytes_at && !line->noreply_from && !line->is_meta;
}

/* The end of a word or a line, from step->length on; line->ended says whether it is the line's. */
PROTOCOL_FUNCTION int memcached_next(const struct protocol_window *window,
				     struct memcached_line *line, struct protocol_step *step)
{
	__u32 at, end, space, size;

	if (!window || !line || !step)
		return PROTOCOL_FOREIGN;
	at = step->length;
	end = protocol_find(window, at, '\n');
	space = memcached_is_plain(line) ? end : protocol_find(window, at, ' ');
	line->ended = end < window->n && end <= space;
	if (space < end)
		end = space;
	if (end >= window->n) {
		if (!at && window->n < PROTOCOL_CARRY && !memcached_is_plain(line))
			return PROTOCOL_MORE;
		if (!at || memcached_is_plain(line)) {
			step->length = window->n;
			line->in_word = 1;
		}
		return PROTOCOL_OK;
	}
	size = end - at;
	if (line->ended && size && protocol_byte(window, end - 1) == '\r')
		size--;
	if (size && !line->in_word)
		memcached_word(window, line, at, size);
	if ((size || line->in_word) && line->word < 255)
		line->word++;
	line->in_word = 0;
	step->length = end + 1;
	return PROTOCOL_OK;
}

/* A line from step->length on: to its end, or as far as it can be seen. */
PROTOCOL_FUNCTION int memcached_line(const struct protocol_window *window,
				     struct memcached_line *line, struct protocol_step *step)
{
	if (!window || !line || !step)
		return PROTOCOL_FOREIGN;
	for (int i = 0; i < MEMCACHED_AT_ONCE; i++) {
		__u64 before = step->length;
		int result = memcached_next(window, line, step);

		if (result != PROTOCOL_OK)
			return result;
		if (line->ended || step->length == before)
			break;
	}
	if (line->ended && line->bytes)
		step->length += line->bytes - 1 + 2;
	return PROTOCOL_OK;
}

/* What words a command has. */
PROTOCOL_INLINE void memcached_begin(struct memcached_line *line, __u32 operation)
{
	*line = (struct memcached_line){ .word = 1 };
	switch (operation) {
	case MEMCACHED_set:
	case MEMCACHED_add:
	case MEMCACHED_replace:
	case MEMCACHED_append:
	case MEMCACHED_prepend:
	case MEMCACHED_cas:
		line->bytes_at = 4;
		line->noreply_from = operation == MEMCACHED_cas ? 6 : 5;
		break;
	case MEMCACHED_ms:
		line->bytes_at = 2;
		line->is_meta = 1;
		break;
	case MEMCACHED_mg:
	case MEMCACHED_md:
	case MEMCACHED_ma:
		line->is_meta = 1;
		break;
	case MEMCACHED_flush_all:
	case MEMCACHED_verbosity:
		line->noreply_from = 1;
		break;
	case MEMCACHED_delete:
	case MEMCACHED_incr:
	case MEMCACHED_decr:
	case MEMCACHED_touch:
	case MEMCACHED_cache_memlimit:
		line->noreply_from = 2;
		break;
	default:
		break;
	}
}

PROTOCOL_FUNCTION int memcached_operation(const struct protocol_window *window)
{
	__u64 word = letters_at(window, 0);

#define MEMCACHED_ROW(name)                                                                        \
	if (LETTERS_ARE(word, #name))                                                              \
		return MEMCACHED_##name;
	MEMCACHED_OPERATIONS(MEMCACHED_ROW)
#undef MEMCACHED_ROW
	return MEMCACHED_OTHER;
}

/* Where the first word of a line ends, without the line's end; window->n: it does not. */
PROTOCOL_INLINE __u32 memcached_first(const struct protocol_window *window)
{
	__u32 line = protocol_find(window, 0, '\n'), space = protocol_find(window, 0, ' ');

	if (line < window->n && line && protocol_byte(window, line - 1) == '\r')
		line--;
	return space < line ? space : line;
}

PROTOCOL_FUNCTION int memcached_request(const struct protocol_window *window,
					struct memcached_state *state, struct protocol_step *step)
{
	__u64 word;
	__u32 end;
	int result;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	if (!state->operation) {
		if (protocol_byte(window, 0) == MEMCACHED_BINARY_REQUEST)
			return PROTOCOL_OPAQUE;
		end = memcached_first(window);
		if (end >= window->n)
			return protocol_more(window);
		if (end >= PROTOCOL_CARRY || (end && !letters_have(protocol_byte(window, 0))))
			return PROTOCOL_FOREIGN;
		word = letters_at(window, 0);
		if (LETTERS_ARE(word, "watch")) /* the server reports what it likes from then on */
			return PROTOCOL_OPAQUE;
		state->operation = memcached_operation(window);
		memcached_begin(&state->client, state->operation);
		state->client.quiet = LETTERS_ARE(word, "quit") || LETTERS_ARE(word, "shutdown");
		step->length = end;
	}
	result = memcached_line(window, &state->client, step);
	if (result != PROTOCOL_OK && step->length)
		result = PROTOCOL_OK;
	if (result != PROTOCOL_OK || !state->client.ended)
		return result;
	step->events = PROTOCOL_END;
	if (!state->client.quiet) {
		step->events |= PROTOCOL_REQUEST;
		step->operation = state->operation;
	}
	state->operation = 0;
	return PROTOCOL_OK;
}

/* Lines of which an answer has many. */
PROTOCOL_INLINE bool memcached_goes_on(__u64 word)
{
	return LETTERS_ARE(word, "VALUE") || LETTERS_ARE(word, "STAT") ||
	       LETTERS_ARE(word, "ITEM") || LETTERS_ARE(word, "PREFIX") || LETTERS_ARE(word, "key");
}

/* Answers to a get or to meta commands; those to quiet ones come before that to "mn". */
PROTOCOL_INLINE bool memcached_is_meta(__u64 word)
{
	return LETTERS_ARE(word, "HD") || LETTERS_ARE(word, "VA") || LETTERS_ARE(word, "EN") ||
	       LETTERS_ARE(word, "NF") || LETTERS_ARE(word, "NS") || LETTERS_ARE(word, "EX");
}

PROTOCOL_INLINE bool memcached_is_answer(__u64 word)
{
	return LETTERS_ARE(word, "END") || LETTERS_ARE(word, "STORED") ||
	       LETTERS_ARE(word, "NOT_STORED") || LETTERS_ARE(word, "EXISTS") ||
	       LETTERS_ARE(word, "NOT_FOUND") || LETTERS_ARE(word, "DELETED") ||
	       LETTERS_ARE(word, "TOUCHED") || LETTERS_ARE(word, "OK") ||
	       LETTERS_ARE(word, "RESET") || LETTERS_ARE(word, "VERSION") ||
	       LETTERS_ARE(word, "MN") || LETTERS_ARE(word, "ME") || LETTERS_ARE(word, "BUSY") ||
	       LETTERS_ARE(word, "BADCLASS");
}

PROTOCOL_INLINE __u32 memcached_error(__u64 word)
{
#define MEMCACHED_ROW(name)                                                                        \
	if (LETTERS_ARE(word, #name))                                                              \
		return MEMCACHED_ERROR_##name;
	MEMCACHED_ERRORS(MEMCACHED_ROW)
#undef MEMCACHED_ROW
	return 0;
}

/* The first word of a line of the server's. False: it says nothing of the kind. */
PROTOCOL_FUNCTION int memcached_says(const struct protocol_window *window,
				     struct memcached_state *state)
{
	__u64 word = letters_at(window, 0);
	bool known;

	if (!window || !state)
		return 0;
	state->server = (struct memcached_line){ .word = 1 };
	state->error = memcached_error(word);
	known = state->error || memcached_is_answer(word) || memcached_is_meta(word) ||
		protocol_byte(window, 0) - '0' < 10 || window->operation == MEMCACHED_OTHER;
	if (LETTERS_ARE(word, "VALUE"))
		state->server.bytes_at = 3;
	if (LETTERS_ARE(word, "VA"))
		state->server.bytes_at = 1;
	state->last = !memcached_goes_on(word) &&
		      !(window->operation == MEMCACHED_mn && memcached_is_meta(word));
	state->answering = 1;
	return known || memcached_goes_on(word);
}

PROTOCOL_FUNCTION int memcached_answer(const struct protocol_window *window,
				       struct memcached_state *state, struct protocol_step *step)
{
	__u32 end;
	int result;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	if (!state->answering) {
		if (protocol_byte(window, 0) == MEMCACHED_BINARY_ANSWER)
			return PROTOCOL_OPAQUE;
		end = memcached_first(window);
		if (end >= window->n && window->n < PROTOCOL_CARRY)
			return PROTOCOL_MORE;
		if (!memcached_says(window, state))
			return PROTOCOL_FOREIGN;
		step->length = end;
	}
	result = memcached_line(window, &state->server, step);
	if (result != PROTOCOL_OK && step->length)
		result = PROTOCOL_OK;
	if (result != PROTOCOL_OK || !state->server.ended)
		return result;
	state->answering = 0;
	if (state->server.bytes_at && !state->server.bytes)
		return PROTOCOL_FOREIGN;
	if (!state->last)
		return PROTOCOL_OK;
	step->events = PROTOCOL_RESPONSE | PROTOCOL_END;
	step->status = state->error;
	return PROTOCOL_OK;
}

PROTOCOL_FUNCTION int memcached_parse(const struct protocol_window *window,
				      struct protocol_state *words, struct protocol_step *step)
{
	struct memcached_state *state = (void *)words;

	if (!window || !words || !step)
		return PROTOCOL_FOREIGN;
	return window->from_client ? memcached_request(window, state, step)
				   : memcached_answer(window, state, step);
}

/* A header of the binary protocol, with lengths that fit. */
PROTOCOL_INLINE int memcached_detect_binary(const struct protocol_window *window)
{
	__u32 key = protocol_big16(window, 2), extras = protocol_byte(window, 4);
	__u32 total = protocol_big32(window, 8);

	if (window->n < MEMCACHED_HEADER)
		return PROTOCOL_MAYBE;
	return protocol_byte(window, 1) < 0x50 && key <= 250 && extras <= 24 &&
			       !protocol_byte(window, 5) && !protocol_big16(window, 6) &&
			       total >= key + extras && total < MEMCACHED_LONGEST
		       ? PROTOCOL_CLIENT
		       : PROTOCOL_NO;
}

/* Letters to `end`, and then nothing that is no text. */
PROTOCOL_FUNCTION int memcached_is_text(const struct protocol_window *window, __u32 end)
{
	if (!window || end >= MEMCACHED_TEXT)
		return 0;
	for (__u32 i = 0; i < MEMCACHED_TEXT; i++) {
		__u32 byte = protocol_byte(window, i);

		if (i >= window->n || byte == '\r' || byte == '\n')
			break;
		if (byte - ' ' > '~' - ' ' || (i < end && !letters_have(byte)))
			return 0;
	}
	return 1;
}

/* A command in lower case with its line's end, or as much of it as can be seen. */
PROTOCOL_FUNCTION int memcached_detect(const struct protocol_window *window)
{
	__u32 first, end, line, operation;

	if (!window || window->datagram)
		return PROTOCOL_NO;
	first = protocol_byte(window, 0);
	if (first == MEMCACHED_BINARY_REQUEST)
		return memcached_detect_binary(window);
	if (first < 'a' || first > 'v')
		return PROTOCOL_NO;
	operation = memcached_operation(window);
	end = memcached_first(window);
	if (end >= window->n)
		return window->n < 16 ? PROTOCOL_MAYBE : PROTOCOL_NO;
	line = protocol_find(window, 0, '\n');
	if (operation == MEMCACHED_OTHER || !memcached_is_text(window, end))
		return PROTOCOL_NO;
	if (line >= window->n)
		return window->n < PROTOCOL_CARRY ? PROTOCOL_MAYBE : PROTOCOL_CLIENT;
	if (protocol_byte(window, line - 1) != '\r')
		return PROTOCOL_NO;
	if (end + 1 == line)
		return operation == MEMCACHED_version || operation == MEMCACHED_stats ||
				       operation == MEMCACHED_mn
			       ? PROTOCOL_CLIENT
			       : PROTOCOL_NO;
	return PROTOCOL_CLIENT;
}
