/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protobuf wire format, as much of it as an encoder needs. Owns nothing.
 * Format: protobuf.dev "Encoding": varint, 64-bit and length-delimited fields.
 */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "collector/buffer.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

enum { WIRE_VARINT_MAX = 10 };

static inline size_t wire_varint_size(uint64_t value)
{
	return (size_t)(64 - __builtin_clzll(value | 1) + 6) / 7;
}

static inline void wire_varint(struct buffer *out, uint64_t value)
{
	char *start = buffer_reserve(out, WIRE_VARINT_MAX), *to = start;

	for (; value >= 0x80; value >>= 7)
		*to++ = (char)(value | 0x80);
	*to++ = (char)value;
	out->length += (size_t)(to - start);
}

/* Signed numbers of the types sint32 and sint64: small absolute values are short. */
static inline uint64_t wire_zigzag(int64_t value)
{
	return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline void wire_tag(struct buffer *out, unsigned field, enum wire_type type)
{
	wire_varint(out, field << 3 | type);
}

static inline void wire_uint(struct buffer *out, unsigned field, uint64_t value)
{
	wire_tag(out, field, WIRE_VARINT);
	wire_varint(out, value);
}

static inline void wire_sint(struct buffer *out, unsigned field, int64_t value)
{
	wire_uint(out, field, wire_zigzag(value));
}

static inline void wire_double(struct buffer *out, unsigned field, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	bits = htole64(bits);
	wire_tag(out, field, WIRE_FIXED64);
	buffer_append(out, &bits, sizeof(bits));
}

static inline void wire_bytes(struct buffer *out, unsigned field, const void *data, size_t length)
{
	wire_tag(out, field, WIRE_BYTES);
	wire_varint(out, length);
	if (length)
		buffer_append(out, data, length);
}

static inline void wire_string(struct buffer *out, unsigned field, const char *s)
{
	wire_bytes(out, field, s, strlen(s));
}

/*
 * A message within a message: begin, write its fields, end. Its length stands before it, in as many
 * bytes as it needs, so the content is moved up by them: for small messages only.
 */
static inline size_t wire_message_begin(struct buffer *out, unsigned field)
{
	wire_tag(out, field, WIRE_BYTES);
	return out->length;
}

static inline void wire_message_end(struct buffer *out, size_t start)
{
	size_t length = out->length - start, shift = wire_varint_size(length);

	buffer_reserve(out, shift);
	memmove(out->data + start + shift, out->data + start, length);
	out->length = start;
	wire_varint(out, length);
	out->length += length;
}
