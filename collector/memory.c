/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A supervised exporter has nothing better to do without memory than to be started again. */
static void *checked(void *p)
{
	if (!p) {
		fputs("tallyman: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *xmalloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
	return checked(realloc(p, size ? size : 1));
}

void *xreallocarray(void *p, size_t count, size_t size)
{
	return checked(reallocarray(p, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return checked(strdup(s));
}

char *xstrndup(const char *s, size_t length)
{
	return checked(strndup(s, length));
}

char *xasprintf(const char *format, ...)
{
	char *s = NULL;
	va_list args;

	va_start(args, format);
	int length = vasprintf(&s, format, args);
	va_end(args);
	return checked(length < 0 ? NULL : s);
}
