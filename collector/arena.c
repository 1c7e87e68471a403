/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/arena.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Chunks come from mmap and not from malloc: a freed snapshot is then really gone from RssAnon. The next
 * one takes them over all the same, for touching new pages costs more than setting them to zero.
 */
enum { CHUNK_BYTES = 256 * 1024, ALIGNMENT = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;	  /* of the mapping */
	size_t used;	  /* header included */
	bool used_before; /* so it is not all zero */
	_Alignas(ALIGNMENT) char data[];
};

static struct arena_chunk *chunk_map(size_t size)
{
	struct arena_chunk *chunk =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (chunk == MAP_FAILED) {
		fputs("tallyman: out of memory\n", stderr);
		abort();
	}
	chunk->size = size;
	return chunk;
}

/* The first that is large enough; NULL without one. */
static struct arena_chunk *take_spare(struct arena *arena, size_t size)
{
	for (struct arena_chunk **link = &arena->spare; *link; link = &(*link)->next) {
		struct arena_chunk *chunk = *link;

		if (chunk->size < size)
			continue;
		*link = chunk->next;
		chunk->used_before = true;
		return chunk;
	}
	return NULL;
}

static struct arena_chunk *chunk_new(struct arena *arena, size_t payload)
{
	size_t size = sizeof(struct arena_chunk) + payload;

	size = size < CHUNK_BYTES ? CHUNK_BYTES : (size + 4095) & ~(size_t)4095;
	struct arena_chunk *chunk = take_spare(arena, size);
	if (!chunk)
		chunk = chunk_map(size);
	chunk->next = arena->chunk;
	chunk->used = sizeof(*chunk);
	arena->chunk = chunk;
	arena->bytes += chunk->size;
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
	if (chunk->used_before)
		memset(p, 0, size);
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

static void give_back(struct arena_chunk **chunks)
{
	while (*chunks) {
		struct arena_chunk *chunk = *chunks;

		*chunks = chunk->next;
		munmap(chunk, chunk->size);
	}
}

static void append(struct arena_chunk **to, struct arena_chunk **from)
{
	while (*to)
		to = &(*to)->next;
	*to = *from;
	*from = NULL;
}

void arena_reuse(struct arena *arena, struct arena *from)
{
	append(&arena->spare, &from->chunk);
	append(&arena->spare, &from->spare);
	from->bytes = 0;
}

void arena_trim(struct arena *arena)
{
	give_back(&arena->spare);
}

void arena_free(struct arena *arena)
{
	give_back(&arena->chunk);
	give_back(&arena->spare);
	arena->bytes = 0;
}
