/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Chunks come from mmap and not from malloc: a freed snapshot is then really gone from RssAnon. */
enum { CHUNK_BYTES = 256 * 1024, ALIGNMENT = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* of the mapping */
	size_t used; /* header included */
	size_t unused_padding;
};

static struct arena_chunk *chunk_new(struct arena *arena, size_t payload)
{
	size_t size = sizeof(struct arena_chunk) + payload;

	size = size < CHUNK_BYTES ? CHUNK_BYTES : (size + 4095) & ~(size_t)4095;
	struct arena_chunk *chunk =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (chunk == MAP_FAILED) {
		fputs("tallyman: out of memory\n", stderr);
		abort();
	}
	chunk->next = arena->chunk;
	chunk->size = size;
	chunk->used = sizeof(*chunk);
	arena->chunk = chunk;
	arena->bytes += size;
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->chunk;

	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!chunk || chunk->size - chunk->used < size)
		chunk = chunk_new(arena, size);
	void *p = (char *)chunk + chunk->used;
	chunk->used += size;
	return p;
}

char *arena_strndup(struct arena *arena, const char *s, size_t length)
{
	length = strnlen(s, length);
	char *copy = arena_alloc(arena, length + 1);
	memcpy(copy, s, length);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return arena_strndup(arena, s, strlen(s));
}

void arena_free(struct arena *arena)
{
	while (arena->chunk) {
		struct arena_chunk *chunk = arena->chunk;

		arena->chunk = chunk->next;
		munmap(chunk, chunk->size);
	}
	arena->bytes = 0;
}
