/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope-owned resources: `cleanup_close int fd = -1;` and an early return is enough.
 * Owns nothing; may be used by everyone.
 */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "unused": clang does not see that holding something until the end of the block is a use. */
#define cleanup(fn)   __attribute__((cleanup(fn), unused))
#define cleanup_free  cleanup(cleanup_free_fn)
#define cleanup_close cleanup(cleanup_close_fn)
#define cleanup_file  cleanup(cleanup_file_fn)
#define cleanup_dir   cleanup(cleanup_dir_fn)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_free_fn(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_fn(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_file_fn(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_dir_fn(DIR **d)
{
	if (*d)
		closedir(*d);
}

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}
