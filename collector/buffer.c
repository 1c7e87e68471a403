/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/memory.h"

enum { FIRST_CAPACITY = 4096 };

char *buffer_reserve_slow(struct buffer *buffer, size_t more)
{
	size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;

	while (capacity - buffer->length < more)
		capacity *= 2;
	buffer->data = xrealloc(buffer->data, capacity);
	buffer->capacity = capacity;
	return buffer->data + buffer->length;
}

void buffer_puts(struct buffer *buffer, const char *s)
{
	buffer_append(buffer, s, strlen(s));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length > 0) {
		vsnprintf(buffer_reserve(buffer, (size_t)length + 1), (size_t)length + 1, format,
			  again);
		buffer->length += (size_t)length;
	}
	va_end(again);
}

void buffer_consume(struct buffer *buffer, size_t n)
{
	buffer->length -= n;
	if (buffer->length)
		memmove(buffer->data, buffer->data + n, buffer->length);
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){ 0 };
}
