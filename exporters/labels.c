/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/labels.h"

const struct workload_label workload_labels[N_WORKLOAD_LABELS] = {
	{ "container", offsetof(struct workload, container) },
	{ "id", offsetof(struct workload, path) },
	{ "image", offsetof(struct workload, image) },
	{ "name", offsetof(struct workload, name) },
	{ "namespace", offsetof(struct workload, namespace) },
	{ "pod", offsetof(struct workload, pod) },
};

struct text text_keep(struct arena *arena, const char *data, size_t length)
{
	char *copy = arena_alloc(arena, length > TEXT_ROOM ? length : TEXT_ROOM);

	memcpy(copy, data, length);
	return (struct text){ copy, length };
}

void label_cache_init(struct label_cache *cache, size_t n,
		      void (*write)(struct buffer *out, const struct workload *workload))
{
	*cache = (struct label_cache){ .write = write };
	cache->texts = arena_alloc(&cache->arena, n * sizeof(*cache->texts));
}

void label_cache_free(struct label_cache *cache)
{
	arena_free(&cache->arena);
	buffer_free(&cache->scratch);
}

struct text label_cache_fill(struct label_cache *cache, const struct workload *workload)
{
	struct buffer *scratch = &cache->scratch;

	scratch->length = 0;
	cache->write(scratch, workload);
	char *data = arena_alloc(&cache->arena, scratch->length);
	memcpy(data, scratch->data, scratch->length);
	return cache->texts[workload->index] = (struct text){ data, scratch->length };
}

char *label_value_copy(char *to, const char *value)
{
	for (; *value; value++) {
		char c = *value;

		if (__builtin_expect(c == '\\' || c == '"' || c == '\n', 0)) {
			*to++ = '\\';
			c = c == '\n' ? 'n' : c;
		}
		*to++ = c;
	}
	return to;
}

void label_value_append(struct buffer *out, const char *value)
{
	char *to = buffer_reserve(out, 2 * strlen(value));

	out->length += (size_t)(label_value_copy(to, value) - to);
}

void help_append(struct buffer *out, const char *help, bool quotes)
{
	if (quotes) {
		label_value_append(out, help);
		return;
	}
	for (; *help; help++) {
		if (*help == '\\' || *help == '\n')
			buffer_putc(out, '\\');
		buffer_putc(out, *help == '\n' ? 'n' : *help);
	}
}
