/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing bytes. Owned by whoever declares it; a struct buffer that is all zero is empty.
 */
#pragma once

#include <stddef.h>
#include <string.h>

struct buffer {
	char *data;
	size_t length, capacity;
};

/* Room for `more` bytes behind the content: a pointer to it. Aborts when out of memory. */
char *buffer_reserve_slow(struct buffer *buffer, size_t more);
/* Appends a NUL-terminated string, or printf output. */
void buffer_puts(struct buffer *buffer, const char *s);
void buffer_printf(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Drops the first `n` bytes, keeping the rest. */
void buffer_consume(struct buffer *buffer, size_t n);
/* Frees the memory and leaves an empty buffer. */
void buffer_free(struct buffer *buffer);

static inline char *buffer_reserve(struct buffer *buffer, size_t more)
{
	if (buffer->capacity - buffer->length < more)
		return buffer_reserve_slow(buffer, more);
	return buffer->data + buffer->length;
}

static inline void buffer_append(struct buffer *buffer, const void *data, size_t length)
{
	memcpy(buffer_reserve(buffer, length), data, length);
	buffer->length += length;
}

static inline void buffer_putc(struct buffer *buffer, char c)
{
	*buffer_reserve(buffer, 1) = c;
	buffer->length++;
}
