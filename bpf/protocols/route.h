/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The route of a path: its segments, with "{id}" for each that looks as if it were one of many. The query is
 * not looked at. Compiled for the kernel and for tests.
 */
#pragma once

#include "bpf/protocols/protocol.h"
#include "bpf/wire_routes.h"

enum {
	ROUTE_PATH = 200,	/* bytes of a path that are looked at */
	ROUTE_SEGMENT_MAX = 24, /* longer ones are tokens, or titles */
	ROUTE_HEX_MIN = 8,	/* shorter ones may be words */
	ROUTE_DIGITS_MIN = 4,
	ROUTE_ROOM =
		ROUTE_BYTES - 8, /* behind it an "{id}", a slash, a star and a zero have room */
};

/* In memory: what the verifier does not follow it has not to follow in each way. */
struct route_scan {
	struct wire_route route; /* what comes of it */
	__u32 out;		 /* where the next byte goes */
	__u32 segment;		 /* where the segment began */
	__u32 length, digits, letters;
	__u32 beyond_hex; /* letters behind f, dots, ... */
	__u32 odd;	  /* what needs quoting */
};

/* 1 or 0, without a branch. */
PROTOCOL_INLINE __u32 route_within(__u32 byte, __u32 first, __u32 last)
{
	return 1 - (((byte - first) | (last - byte)) >> 31);
}

PROTOCOL_INLINE void route_put(struct route_scan *scan, __u32 byte)
{
	unsigned char *text = (unsigned char *)scan->route.words;
	__u32 at = scan->out;

#ifdef __bpf__
	asm volatile("" : "+r"(at));
#endif
	text[at & (ROUTE_BYTES - 1)] = byte;
	scan->out++;
}

/* Of a whole segment. */
PROTOCOL_INLINE bool route_is_id(const struct route_scan *scan)
{
	if (!scan->length)
		return false;
	if (scan->odd || scan->length > ROUTE_SEGMENT_MAX || scan->digits == scan->length)
		return true;
	if (!scan->beyond_hex && scan->digits && scan->length >= ROUTE_HEX_MIN)
		return true;
	return scan->digits >= ROUTE_DIGITS_MIN && scan->digits >= scan->letters;
}

PROTOCOL_INLINE void route_end_segment(struct route_scan *scan)
{
	if (route_is_id(scan)) {
		scan->out = scan->segment;
		route_put(scan, '{');
		route_put(scan, 'i');
		route_put(scan, 'd');
		route_put(scan, '}');
	}
	scan->length = scan->digits = scan->letters = scan->beyond_hex = scan->odd = 0;
}

/* A segment that is longer than any name is "{id}" in any case: what does not fit is not written. */
PROTOCOL_INLINE void route_add(struct route_scan *scan, __u32 byte)
{
	__u32 lower = byte | 0x20;
	__u32 digit = route_within(byte, '0', '9'), letter = route_within(lower, 'a', 'z');
	__u32 hex = digit | route_within(lower, 'a', 'f') | route_within(byte, '-', '-');
	__u32 mark = route_within(byte, '-', '.') | route_within(byte, '_', '_') |
		     route_within(byte, '~', '~');

	scan->length++;
	scan->digits += digit;
	scan->letters += letter;
	scan->beyond_hex |= 1 - hex;
	scan->odd |= 1 - (digit | letter | mark);
	if (scan->length <= ROUTE_SEGMENT_MAX)
		route_put(scan, byte);
}

/* Zeros behind the text, which may have been longer. */
PROTOCOL_INLINE void route_close(struct route_scan *scan)
{
	PROTOCOL_UNROLL
	for (__u32 i = 0; i < ROUTE_BYTES / 8; i++) {
		if (scan->out <= i * 8)
			scan->route.words[i] = 0;
		else if (scan->out < i * 8 + 8)
			scan->route.words[i] &= ~0ULL >> (64 - (scan->out - i * 8) * 8);
	}
}

PROTOCOL_INLINE bool route_is_end(__u32 byte)
{
	return byte == ' ' || byte == '?' || byte == '#' || byte == '\r' || byte == '\n';
}

/*
 * Of the path that begins at `at`, in scan->route. What does not fit, or is not in the window, is "*". False:
 * it is no path, but a URL, or "*".
 */
PROTOCOL_FUNCTION int route_of(const struct protocol_window *window, __u32 at,
			       struct route_scan *scan)
{
	__u32 byte = 0;

	if (!window || !scan || protocol_byte(window, at) != '/')
		return false;
	scan->out = scan->segment = 0;
	scan->length = scan->digits = scan->letters = scan->beyond_hex = scan->odd = 0;
	for (__u32 i = 0; i < ROUTE_PATH; i++) {
		byte = at + i < window->n ? protocol_byte(window, at + i) : 0;
		if (!byte || scan->out > ROUTE_ROOM || route_is_end(byte))
			break;
		if (byte != '/') {
			route_add(scan, byte);
			continue;
		}
		route_end_segment(scan);
		route_put(scan, '/');
		scan->segment = scan->out;
	}
	if (route_is_end(byte) && scan->out <= ROUTE_ROOM) {
		route_end_segment(scan);
	} else {
		scan->out = scan->segment;
		route_put(scan, '*');
	}
	route_close(scan);
	return true;
}
