/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The first word of an SQL statement, wherever comments and brackets put it. */
#pragma once

#include "bpf/protocols/letters.h"
#include "bpf/wire_sql.h"

/* A text of which the beginning is looked at, in pieces. */
struct sql_text {
	__u32 left; /* bytes that were not looked at yet */
	__u8 within;
	__u8 under_way;
};

enum { SQL_IN_TEXT, SQL_IN_COMMENT, SQL_IN_LINE };

enum { SQL_AT_ONCE = 8 }; /* bytes and comments that are passed over in one step */

/* The number of the operation that stands there. */
PROTOCOL_FUNCTION __u32 sql_operation(const struct protocol_window *window, __u32 at)
{
	__u64 word = letters_at(window, at);

#define SQL_ROW(name)                                                                              \
	if (LETTERS_ARE(word, #name))                                                              \
		return SQL_##name;
	SQL_OPERATIONS(SQL_ROW)
#undef SQL_ROW
	return SQL_OTHER;
}

/* Begins a transaction: what the client wants comes behind it. */
PROTOCOL_INLINE bool sql_only_begins(__u32 operation)
{
	return operation == SQL_BEGIN || operation == SQL_START;
}

/* What is no part of a statement. Digits: MySQL executes what stands in a comment behind '!' and them. */
PROTOCOL_INLINE bool sql_is_space(__u32 byte)
{
	return byte == ' ' || byte - '\t' < 5 || byte == '(' || byte == ';' || byte - '0' < 10;
}

/* How far a comment goes: behind its end, or as far as it can be seen. */
PROTOCOL_INLINE __u32 sql_pass_comment(const struct protocol_window *window, struct sql_text *text,
				       __u32 at, __u32 end)
{
	bool line = text->within == SQL_IN_LINE;
	__u32 found = protocol_find(window, at, line ? '\n' : '*');

	if (found >= end)
		return end;
	if (line) {
		text->within = SQL_IN_TEXT;
		return found + 1;
	}
	if (found + 1 >= end)
		return found; /* perhaps its end begins here */
	if (protocol_byte(window, found + 1) != '/')
		return found + 1;
	text->within = SQL_IN_TEXT;
	return found + 2;
}

/* Behind what begins a comment, or `at` when nothing does. */
PROTOCOL_INLINE __u32 sql_begin_comment(const struct protocol_window *window, struct sql_text *text,
					__u32 at, __u32 end)
{
	__u32 byte = protocol_byte(window, at), next = protocol_byte(window, at + 1);

	if (byte == '#') {
		text->within = SQL_IN_LINE;
		return at + 1;
	}
	if (at + 2 >= end)
		return at;
	if (byte == '-' && next == '-') {
		text->within = SQL_IN_LINE;
		return at + 2;
	}
	if (byte != '/' || next != '*')
		return at;
	if (protocol_byte(window, at + 2) == '!')
		return at + 3;
	text->within = SQL_IN_COMMENT;
	return at + 2;
}

/* Where the first word is, or as far as one can see from `at`; text->within says which. */
PROTOCOL_FUNCTION __u32 sql_pass(const struct protocol_window *window, struct sql_text *text,
				 __u32 at, __u32 end)
{
	if (!window || !text)
		return at;
	for (int i = 0; i < SQL_AT_ONCE && at < end; i++) {
		__u32 before = at;

		if (text->within)
			at = sql_pass_comment(window, text, at, end);
		else if (sql_is_space(protocol_byte(window, at)))
			at++;
		else
			at = sql_begin_comment(window, text, at, end);
		if (at == before)
			break;
	}
	return at;
}

/*
 * One step through a text from step->length on. PROTOCOL_OK with step->operation set: it is known, and the
 * step goes to the text's end; without: there is more to look at.
 */
PROTOCOL_FUNCTION int sql_parse(const struct protocol_window *window, struct sql_text *text,
				struct protocol_step *step)
{
	__u32 from, at, end, seen;
	bool whole, enough, stuck, at_word;

	if (!window || !text || !step)
		return PROTOCOL_FOREIGN;
	from = step->length;
	seen = window->n > from ? window->n - from : 0;
	end = from + (text->left < seen ? text->left : seen);
	at = sql_pass(window, text, from, end);
	text->left -= at - from;
	step->length = at;
	whole = text->left <= end - at;
	enough = whole || (!text->within && end - at > LETTERS);
	stuck = at == from;
	at_word = !text->within && at < end && letters_have(protocol_byte(window, at)) && enough;
	/* What does not get on has no word, or a comment without an end. */
	if (at_word || !text->left || (stuck && enough)) {
		step->operation = at_word ? sql_operation(window, at) : SQL_OTHER;
		step->length += text->left;
		text->left = 0;
		text->within = SQL_IN_TEXT;
		text->under_way = 0;
		return PROTOCOL_OK;
	}
	if (step->length)
		return PROTOCOL_OK;
	return protocol_more(window);
}
