/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a parser of an application protocol sees and says. One file per protocol, compiled for the
 * kernel (requests.bpf.c) and for user space (tests and fuzzers): functions of their arguments alone.
 *
 * A connection is two streams of bytes. A parser is called at the beginning of each, and from then on
 * where it said that it wants to go on: it sees a window of the bytes from there, and says how many
 * bytes to pass over and what they were. Bytes that are passed over need not have come yet, and are
 * never looked at. Each parser has, with NAME for its own:
 *
 *   enum protocol_guess NAME_detect(const struct protocol_window *window);
 *     Whose bytes are these, the first that were seen of one direction of a connection? It is asked
 *     again with more bytes while it says PROTOCOL_MAYBE, up to PROTOCOL_CARRY of them.
 *   int NAME_parse(const struct protocol_window *window, struct protocol_state *state,
 *                  struct protocol_step *step);
 *     One step. `step` is all zero before. Returns one of enum protocol_result.
 *
 * and bpf/wire_NAME.h with the names of its operations and errors, for the collector.
 * Both are PROTOCOL_FUNCTION, which the verifier checks once, each for itself: pointers are NULL there
 * for all it knows, and every number in the window or in the state may have any value. Index bytes
 * through protocol_byte() alone; loops have a constant bound; no more than 60 lines a function.
 */
#pragma once

#include <linux/types.h>
#include <stdbool.h>

/* Tables would need relocations: use switch or comparisons of packed bytes. */
#ifdef __bpf__
#define PROTOCOL_FUNCTION __attribute__((noinline))
#define PROTOCOL_INLINE	  static inline __attribute__((always_inline))
#define PROTOCOL_UNROLL	  _Pragma("unroll")
#else
#define PROTOCOL_FUNCTION static __attribute__((unused))
#define PROTOCOL_INLINE	  static inline __attribute__((unused))
#define PROTOCOL_UNROLL
#endif

enum {
	PROTOCOL_WINDOW = 256, /* bytes that are seen at once */
	/*
	 * With as many bytes a parser gets on: fewer are kept for it when it says PROTOCOL_MORE. What is
	 * longer (a line, a key) is passed over in pieces, with the parser's state saying where it is.
	 */
	PROTOCOL_CARRY = 48,
	PROTOCOL_STATE = 8, /* words of the parser's own */
};

/* In step.length: all that comes until the connection is closed. */
#define PROTOCOL_UNTIL_CLOSE (~0ULL)

/* Operation numbers are the parser's own, from 1 to 254. */
enum {
	PROTOCOL_NONE = 0,
	PROTOCOL_UNKNOWN = 255, /* so many requests are under way that it was not kept */
};

enum protocol_guess {
	PROTOCOL_NO,
	PROTOCOL_MAYBE,	 /* not enough bytes to tell */
	PROTOCOL_CLIENT, /* it is, and a client says this */
	PROTOCOL_SERVER, /* it is, and a server says this */
};

enum protocol_result {
	PROTOCOL_OK,
	PROTOCOL_MORE, /* fewer than PROTOCOL_CARRY bytes are there, and it takes more to get on */
	PROTOCOL_FOREIGN, /* not this protocol, or broken: the connection is not looked at any more */
	PROTOCOL_OPAQUE, /* from here on it is another one that is not understood: TLS, an upgrade */
};

struct protocol_window {
	union {
		unsigned char bytes[PROTOCOL_WINDOW]; /* behind `n` they mean nothing */
		__u64 words[PROTOCOL_WINDOW / 8];
	};
	__u32 n;	 /* bytes that are there, 1 to PROTOCOL_WINDOW */
	__u32 operation; /* of the oldest request that is not answered; PROTOCOL_NONE: there is none */
	__u64 left;	 /* bytes from bytes[0] on that came with this system call, `n` or more */
	__u8 from_client; /* which of the two streams */
	__u8 datagram; /* a message of its own, whole in `left` bytes: PROTOCOL_MORE is no answer */
	__u8 joining; /* for NAME_detect(): from the middle of a connection, and it may be an answer */
};

/* What a parser keeps per connection, for both directions; all zero at the beginning. */
struct protocol_state {
	__u64 words[PROTOCOL_STATE];
};

/*
 * What these bytes were. A request is a message that wants one answer; what wants none, or is a part of
 * another, is no event. One event of each kind at most in a step.
 */
enum {
	/*
	 * A request is recognised: `operation`, and `id` where answers come out of order. It has begun
	 * with the first byte of its message, in flight it is from now on.
	 */
	PROTOCOL_REQUEST = 1,
	/*
	 * A request is answered, with the last of the `length` bytes: `status`. It is the oldest
	 * one, or with PROTOCOL_BY_ID the one with this `id`.
	 */
	PROTOCOL_RESPONSE = 2,
	/* The message ends with the last of the `length` bytes; the next byte begins another. */
	PROTOCOL_END = 4,
	PROTOCOL_BY_ID = 8,
	/*
	 * The oldest request, or the one with this `id`, is to be forgotten: it will have no answer (Memcached's
	 * "noreply", what a client cancels).
	 */
	PROTOCOL_FORGET = 16,
};

struct protocol_step {
	__u64 length; /* bytes to pass over from bytes[0] on, at least 1 with PROTOCOL_OK */
	__u32 id;
	__u32 events;
	/* With PROTOCOL_REQUEST; with PROTOCOL_RESPONSE what the answer calls it, or 0. */
	__u16 operation;
	__u16 status; /* a number of the protocol's own: HTTP's status, an error's class */
};

/* A byte of the window; nothing of meaning from window->n on. */
PROTOCOL_INLINE __u32 protocol_byte(const struct protocol_window *window, __u64 i)
{
#ifdef __bpf__
	asm volatile("" : "+r"(i));
#endif
	i &= PROTOCOL_WINDOW - 1;
	return window->bytes[i];
}

/* Too little of something that is never long. */
PROTOCOL_INLINE int protocol_more(const struct protocol_window *window)
{
	return window->n < PROTOCOL_CARRY ? PROTOCOL_MORE : PROTOCOL_FOREIGN;
}

/* Eight bytes, the first one lowest. */
PROTOCOL_INLINE __u64 protocol_eight(const struct protocol_window *window, __u64 at)
{
	__u64 i = at / 8, next = i + 1, shift = at % 8 * 8;

#ifdef __bpf__
	asm volatile("" : "+r"(i));
	asm volatile("" : "+r"(next));
#endif
	i &= PROTOCOL_WINDOW / 8 - 1;
	next &= PROTOCOL_WINDOW / 8 - 1;
	/* Two shifts, because one by 64 bits is none. */
	return window->words[i] >> shift | window->words[next] << (56 - shift) << 8;
}

PROTOCOL_INLINE __u32 protocol_big16(const struct protocol_window *window, __u64 at)
{
	return protocol_byte(window, at) << 8 | protocol_byte(window, at + 1);
}

PROTOCOL_INLINE __u32 protocol_big32(const struct protocol_window *window, __u64 at)
{
	return __builtin_bswap32((__u32)protocol_eight(window, at));
}

/* Four bytes as they are written: protocol_word(window, 0) == PROTOCOL_WORD('G', 'E', 'T', ' '). */
#define PROTOCOL_WORD(a, b, c, d) ((__u32)(a) << 24 | (b) << 16 | (c) << 8 | (d))

PROTOCOL_INLINE __u32 protocol_word(const struct protocol_window *window, __u64 at)
{
	return protocol_big32(window, at);
}

/* The same in lower case; other bytes than letters change, too, but alike. */
PROTOCOL_INLINE __u32 protocol_word_lower(const struct protocol_window *window, __u64 at)
{
	return protocol_big32(window, at) | 0x20202020;
}

/* Where the first `byte` from `from` on is; window->n when there is none. */
PROTOCOL_FUNCTION __u32 protocol_find(const struct protocol_window *window, __u32 from, __u32 byte)
{
	const __u64 ones = 0x0101010101010101, high = 0x8080808080808080;
	const __u64 pattern = ones * (byte & 0xff);
	__u32 n = window ? window->n : 0;

	if (!window || from >= n || n > PROTOCOL_WINDOW)
		return n;
	for (__u32 done = 0; done < PROTOCOL_WINDOW / 8; done++) {
		__u64 i = from / 8 + done, place = i, word, hits;

		if (i * 8 >= n)
			break;
#ifdef __bpf__
		asm volatile("" : "+r"(place));
#endif
		place &= PROTOCOL_WINDOW / 8 - 1;
		word = window->words[place] ^ pattern;
		hits = (word - ones) & ~word & high;
		if (!done)
			hits &= ~0ULL << (from & 7) * 8;
		if (!hits)
			continue;
		/* The lowest hit is a true one, and as many bytes are below it as it takes ones to its own. */
		i = i * 8 + ((((hits & -hits) - 1) & ones) * ones >> 56) - 1;
		return i < n ? i : n;
	}
	return n;
}

/* Ends of lines with which the window begins. */
PROTOCOL_FUNCTION __u32 protocol_blanks(const struct protocol_window *window)
{
	__u32 n = 0;

	if (!window)
		return 0;
	for (; n < PROTOCOL_WINDOW && n < window->n; n++) {
		__u32 byte = protocol_byte(window, n);

		if (byte != '\r' && byte != '\n')
			break;
	}
	return n;
}

/* As protocol_number(), digit by digit. */
PROTOCOL_FUNCTION long protocol_long_number(const struct protocol_window *window, __u32 at,
					    __u32 *ret_end)
{
	__u64 number = 0;
	__u32 n = window ? window->n : 0, end = at;

	if (!window || !ret_end)
		return -1;
	for (int i = 0; i < 19; i++) {
		__u32 digit = protocol_byte(window, end) - '0';

		if (end >= n || digit > 9)
			break;
		number = number * 10 + digit;
		end++;
	}
	*ret_end = end;
	if (end == at || end >= n || protocol_byte(window, end) - '0' <= 9)
		return -1;
	return number >> 63 ? -1 : (long)number;
}

/*
 * An unsigned decimal number at `at`, that something else than a digit follows; -1 without one, when it
 * does not end in the window, or when it is 2^63 or above. *ret_end is where it ends.
 */
PROTOCOL_INLINE long protocol_number(const struct protocol_window *window, __u32 at, __u32 *ret_end)
{
	const __u64 ones = 0x0101010101010101;
	__u64 digits = protocol_eight(window, at) ^ ones * '0';
	/* The lowest mark is a true one: it is in the first byte that is no digit. */
	__u64 others = ((digits + ones * 6) | digits) & ones * 0xf0;
	__u64 size = ((((others & -others) - 1) & ones) * ones >> 56) - 1;

	if (!others || !size || at + size >= window->n)
		return protocol_long_number(window, at, ret_end);
	*ret_end = at + size;
	/* The last digit into the highest byte, then pairs, fours and all eight together. */
	digits <<= 64 - size * 8;
	digits = (digits * (10 << 8 | 1) >> 8) & 0x00ff00ff00ff00ff;
	digits = (digits * (100 << 16 | 1) >> 16) & 0x0000ffff0000ffff;
	return digits * (10000ULL << 32 | 1) >> 32;
}
