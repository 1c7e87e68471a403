/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS (RFC 1035), over TCP with a length before each message (RFC 7766). Answers come in any order, and
 * have the number of their question. Of names only the lengths are looked at.
 */
#pragma once

#include "bpf/protocols/protocol.h"
#include "bpf/wire_dns.h"

struct dns_state {
	__u32 left; /* of a question that is under way, over TCP */
	__u16 id;
	__u8 in_name;
};

_Static_assert(sizeof(struct dns_state) <= sizeof(struct protocol_state), "too large");

enum {
	DNS_HEADER = 12,
	DNS_LENGTH = 2,	 /* before the header, over TCP */
	DNS_LABELS = 16, /* that are passed over in one step */
	DNS_ANSWER = 1 << 15,
	DNS_TRUNCATED = 1 << 9,
	DNS_ZERO = 1 << 6,
	DNS_QUERY = 0, /* opcodes */
	DNS_OPCODE_NOTIFY = 4,
	DNS_OPCODE_UPDATE,
};

PROTOCOL_INLINE __u32 dns_opcode(__u32 flags)
{
	return flags >> 11 & 15;
}

PROTOCOL_INLINE bool dns_is_answer(const struct protocol_window *window, __u32 at)
{
	return protocol_big16(window, at + 2) & DNS_ANSWER;
}

PROTOCOL_FUNCTION int dns_operation(__u32 type)
{
	switch (type) {
#define DNS_ROW(name, number)                                                                      \
	case number:                                                                               \
		return DNS_##name;
		DNS_TYPES(DNS_ROW)
#undef DNS_ROW
	default:
		return DNS_OTHER;
	}
}

/* Flags that there are: what a query has no use for is none. */
PROTOCOL_INLINE bool dns_are_flags(__u32 flags)
{
	__u32 opcode = dns_opcode(flags);

	if (flags & DNS_ZERO)
		return false;
	if (opcode == DNS_QUERY)
		return (flags & DNS_ANSWER) || !(flags & (DNS_TRUNCATED | 15));
	return opcode == DNS_OPCODE_NOTIFY || opcode == DNS_OPCODE_UPDATE;
}

/* A header from `at` on that could be one of a message with this length. */
PROTOCOL_FUNCTION int dns_is_header(const struct protocol_window *window, __u32 at, __u64 length)
{
	__u32 flags, questions;

	if (!window)
		return 0;
	flags = protocol_big16(window, at + 2);
	questions = protocol_big16(window, at + 4);
	if (length < DNS_HEADER || !dns_are_flags(flags))
		return 0;
	if (flags & DNS_ANSWER)
		return questions <= 1;
	if (questions != 1 || length < DNS_HEADER + 5)
		return 0;
	return dns_opcode(flags) != DNS_QUERY ||
	       (!protocol_big16(window, at + 6) && !protocol_big16(window, at + 8) &&
		protocol_big16(window, at + 10) <= 2);
}

/* Labels from step->length on, to the end of the name, or as far as they begin in the window. */
PROTOCOL_FUNCTION int dns_name(const struct protocol_window *window, struct protocol_step *step)
{
	if (!window || !step)
		return PROTOCOL_FOREIGN;
	for (int i = 0; i < DNS_LABELS; i++) {
		__u32 at = step->length, size = protocol_byte(window, at);

		if (step->length >= window->n || !size)
			return PROTOCOL_OK;
		if (size > 63) /* no name of a question points elsewhere */
			return PROTOCOL_FOREIGN;
		step->length += size + 1;
	}
	return PROTOCOL_OK;
}

/* The question is known: what does it ask for? */
PROTOCOL_INLINE void dns_ask(struct protocol_step *step, __u32 id, __u32 operation)
{
	step->events = PROTOCOL_REQUEST | PROTOCOL_BY_ID | PROTOCOL_END;
	step->id = id;
	step->operation = operation;
}

PROTOCOL_INLINE void dns_answer(const struct protocol_window *window, __u32 at,
				struct protocol_step *step)
{
	step->events = PROTOCOL_RESPONSE | PROTOCOL_BY_ID | PROTOCOL_END;
	step->id = protocol_big16(window, at);
	step->status = protocol_big16(window, at + 2) & 15;
}

/* The operation that the header alone tells, or 0. */
PROTOCOL_INLINE __u32 dns_header_operation(const struct protocol_window *window, __u32 at)
{
	__u32 opcode = dns_opcode(protocol_big16(window, at + 2));

	return opcode == DNS_OPCODE_NOTIFY   ? DNS_NOTIFY
	       : opcode == DNS_OPCODE_UPDATE ? DNS_UPDATE
					     : 0;
}

/*
 * A datagram is whole. One that is no DNS is one of many from anybody, and no reason to look at no other;
 * neither is one that goes the wrong way (multicast DNS has both from one socket).
 */
PROTOCOL_INLINE int dns_datagram(const struct protocol_window *window, struct protocol_step *step)
{
	__u32 operation = dns_header_operation(window, 0);
	bool answer = dns_is_answer(window, 0);

	if (window->n < DNS_HEADER || !dns_is_header(window, 0, window->left)) {
		step->length = window->left;
		step->events = PROTOCOL_END;
		return PROTOCOL_OK;
	}
	step->length = DNS_HEADER;
	if (answer == !!window->from_client) {
		step->events = PROTOCOL_END;
	} else if (answer) {
		dns_answer(window, 0, step);
	} else {
		if (!operation && dns_name(window, step) == PROTOCOL_OK &&
		    step->length + 3 <= window->n && !protocol_byte(window, step->length))
			operation = dns_operation(protocol_big16(window, step->length + 1));
		dns_ask(step, protocol_big16(window, 0), operation ? operation : DNS_OTHER);
	}
	step->length = window->left;
	return PROTOCOL_OK;
}

/* The name of a question over TCP, and its type, from step->length on. */
PROTOCOL_FUNCTION int dns_question(const struct protocol_window *window, struct dns_state *state,
				   struct protocol_step *step)
{
	__u32 from, at, operation;

	if (!window || !state || !step)
		return PROTOCOL_FOREIGN;
	from = step->length;
	if (dns_name(window, step) != PROTOCOL_OK || step->length - from + 5 > state->left)
		return PROTOCOL_FOREIGN;
	at = step->length;
	state->left -= at - from;
	state->in_name = 1;
	if (step->length + 3 > window->n || protocol_byte(window, at))
		return at ? PROTOCOL_OK : window->n < 3 ? PROTOCOL_MORE : PROTOCOL_FOREIGN;
	operation = dns_operation(protocol_big16(window, at + 1));
	/* The answer to these is many messages. */
	if (operation == DNS_AXFR || operation == DNS_IXFR)
		return PROTOCOL_OPAQUE;
	step->length += state->left;
	state->left = 0;
	state->in_name = 0;
	dns_ask(step, state->id, operation);
	return PROTOCOL_OK;
}

PROTOCOL_FUNCTION int dns_parse(const struct protocol_window *window, struct protocol_state *words,
				struct protocol_step *step)
{
	struct dns_state *state = (void *)words;
	__u32 length, operation;

	if (!window || !words || !step)
		return PROTOCOL_FOREIGN;
	if (window->datagram)
		return dns_datagram(window, step);
	if (state->in_name && window->from_client)
		return dns_question(window, state, step);
	if (window->n < DNS_LENGTH + DNS_HEADER)
		return PROTOCOL_MORE;
	length = protocol_big16(window, 0);
	if (!dns_is_header(window, DNS_LENGTH, length) ||
	    dns_is_answer(window, DNS_LENGTH) == !!window->from_client)
		return PROTOCOL_FOREIGN;
	step->length = DNS_LENGTH + length;
	if (!window->from_client) {
		dns_answer(window, DNS_LENGTH, step);
		return PROTOCOL_OK;
	}
	operation = dns_header_operation(window, DNS_LENGTH);
	if (operation) {
		dns_ask(step, protocol_big16(window, DNS_LENGTH), operation);
		return PROTOCOL_OK;
	}
	state->id = protocol_big16(window, DNS_LENGTH);
	state->left = length - DNS_HEADER;
	step->length = DNS_LENGTH + DNS_HEADER;
	return dns_question(window, state, step);
}

/* The Internet's, Chaos' (version.bind), or any; the highest bit is multicast DNS' own. */
PROTOCOL_INLINE bool dns_is_class(__u32 class)
{
	class &= 0x7fff;
	return class == 1 || class == 3 || class == 255;
}

/* A question, with a name that is one as far as it can be seen. */
PROTOCOL_FUNCTION int dns_detect(const struct protocol_window *window)
{
	struct protocol_step step = { 0 };
	__u32 at;
	__u64 length;

	if (!window)
		return PROTOCOL_NO;
	at = window->datagram ? 0 : DNS_LENGTH;
	length = window->datagram ? window->left : protocol_big16(window, 0);
	if (window->n < at + DNS_HEADER) {
		if (window->datagram || (window->n >= 2 && length < DNS_HEADER + 5))
			return PROTOCOL_NO;
		if (window->n >= DNS_LENGTH + 4 &&
		    (dns_is_answer(window, at) || !dns_are_flags(protocol_big16(window, at + 2))))
			return PROTOCOL_NO;
		return PROTOCOL_MAYBE;
	}
	if (!dns_is_header(window, at, length))
		return PROTOCOL_NO;
	if (dns_is_answer(window, at))
		return window->datagram ? PROTOCOL_SERVER : PROTOCOL_NO;
	step.length = at + DNS_HEADER;
	if (dns_name(window, &step) != PROTOCOL_OK || step.length + 5 > at + length)
		return PROTOCOL_NO;
	/* Small numbers look like a header, too, but not like a name and a class of it. */
	if (window->n > at + DNS_HEADER + 1 && protocol_byte(window, at + DNS_HEADER) &&
	    protocol_byte(window, at + DNS_HEADER + 1) - '!' > '~' - '!')
		return PROTOCOL_NO;
	if (step.length + 5 <= window->n)
		return dns_is_class(protocol_big16(window, step.length + 3)) ? PROTOCOL_CLIENT
									     : PROTOCOL_NO;
	return window->n < PROTOCOL_CARRY && !window->datagram ? PROTOCOL_MAYBE : PROTOCOL_CLIENT;
}
