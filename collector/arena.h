/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is freed as one. Owned by one snapshot (or one other holder); not thread-safe.
 */
#pragma once

#include <stddef.h>

struct arena {
	struct arena_chunk *chunk; /* newest first */
	struct arena_chunk *spare; /* of another arena: used before more is taken from the system */
	size_t bytes;		   /* taken from the system, chunk headers included */
};

/*
 * Memory of `size` bytes, zeroed, aligned to 16, valid until arena_free(). Never NULL: out of memory
 * aborts. A struct arena that is all zero is an empty arena.
 */
void *arena_alloc(struct arena *arena, size_t size);
/* Copies of strings, NUL-terminated; arena_strndup() copies at most `length` bytes. */
char *arena_strdup(struct arena *arena, const char *s);
char *arena_strndup(struct arena *arena, const char *s, size_t length);
/* Takes the memory of `from` over, for what will be allocated here, and leaves `from` empty. */
void arena_reuse(struct arena *arena, struct arena *from);
/* Gives back what was taken over and has not been used. */
void arena_trim(struct arena *arena);
/* Gives all memory back to the system and leaves an empty arena. */
void arena_free(struct arena *arena);
