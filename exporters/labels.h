/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels that stand before a row's own ones, written once per workload and rendering and then
 * copied. Owned by a rendering; used by the exposition formats.
 */
#pragma once

#include "collector/buffer.h"
#include "collector/snapshot.h"

/* Bytes that someone else keeps; not NUL-terminated. */
struct text {
	const char *data;
	size_t length;
};

/* Texts of text_keep() can be read up to here, so that short ones are copied without a call. */
enum { TEXT_ROOM = 48 };

/* A copy in an arena, for text_copy() and text_append(). */
struct text text_keep(struct arena *arena, const char *data, size_t length);

/* Copies it to where there is room for TEXT_ROOM bytes more than it has; returns its end. */
static inline char *text_copy(char *to, struct text text)
{
	if (__builtin_expect(text.length <= TEXT_ROOM, 1))
		memcpy(to, text.data, TEXT_ROOM);
	else
		memcpy(to, text.data, text.length);
	return to + text.length;
}

static inline void text_append(struct buffer *out, struct text text)
{
	char *to = buffer_reserve(out, text.length + TEXT_ROOM);

	out->length += (size_t)(text_copy(to, text) - to);
}

/* A label every workload's series has, in the order in which they are written (alphabetical). */
struct workload_label {
	const char *name;
	size_t offset; /* of the value in struct workload */
};

enum { N_WORKLOAD_LABELS = 6 };
extern const struct workload_label workload_labels[N_WORKLOAD_LABELS];

/* The value of a workload's label: "" where it is unknown, never NULL. */
static inline const char *workload_label_value(const struct workload *workload, size_t i)
{
	return *(const char *const *)((const char *)workload + workload_labels[i].offset);
}

struct label_cache {
	void (*write)(struct buffer *out,
		      const struct workload *workload); /* one rendering's form */
	struct arena arena;
	struct text *texts; /* by workload->index; data is NULL until it is first needed */
	struct buffer scratch;
};

/* A cache for `n` workloads. Release with label_cache_free(). */
void label_cache_init(struct label_cache *cache, size_t n,
		      void (*write)(struct buffer *out, const struct workload *workload));
void label_cache_free(struct label_cache *cache);
struct text label_cache_fill(struct label_cache *cache, const struct workload *workload);

/* The labels of a workload; nothing for NULL. Valid as long as the cache. */
static inline struct text label_cache_get(struct label_cache *cache,
					  const struct workload *workload)
{
	if (!workload)
		return (struct text){ .data = "" };
	if (!cache->texts[workload->index].data)
		return label_cache_fill(cache, workload);
	return cache->texts[workload->index];
}

/*
 * Writes a label's value as the text formats want it to where there is room for twice its length;
 * returns the end.
 */
char *label_value_copy(char *to, const char *value);

/*
 * Append a string as the text formats want it: a label's value (backslash, quote and newline are
 * escaped, all else is left as it is), and a help (as a value in OpenMetrics; without the quote in
 * text 0.0.4). Control characters are legal in both.
 */
void label_value_append(struct buffer *out, const char *value);
void help_append(struct buffer *out, const char *help, bool quotes);
