/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words of letters, packed so that they are compared at once. */
#pragma once

#include "bpf/protocols/protocol.h"

enum { LETTERS = 8 }; /* that are compared; what follows them is not looked at */

PROTOCOL_INLINE bool letters_have(__u32 byte)
{
	return ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') || byte == '_';
}

/* The word at `at`, in upper case; 0: none is there. */
PROTOCOL_FUNCTION __u64 letters_at(const struct protocol_window *window, __u32 at)
{
	__u64 packed = 0;

	if (!window)
		return 0;
	for (__u32 i = 0; i < LETTERS; i++) {
		__u64 byte = protocol_byte(window, at + i);

		if (at + i >= window->n || !letters_have(byte))
			break;
		packed |= (byte & 0xdf) << i * 8;
	}
	return packed;
}

/* The same of a constant. */
PROTOCOL_INLINE __u64 letters_of(const char *text, __u32 size)
{
	__u64 packed = 0;

	PROTOCOL_UNROLL
	for (__u32 i = 0; i < LETTERS; i++)
		packed |= (__u64)(i < size ? text[i] & 0xdf : 0) << i * 8;
	return packed;
}

#define LETTERS_ARE(word, text) ((word) == letters_of(text, sizeof(text) - 1))
