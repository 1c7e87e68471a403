/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that cannot fail: out of memory aborts, so callers carry no branches for it.
 * Owns nothing; may be used by everyone.
 */
#pragma once

#include <stddef.h>

/* All of these return memory that the caller frees with free(); they abort when there is none. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
/* realloc of an array of `count` elements of `size` bytes; aborts on overflow too. */
void *xreallocarray(void *p, size_t count, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t length);
/* printf into a fresh string. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
