/* SPDX-License-Identifier: Apache-2.0 */
/* Label values: made once per collection and word, in the snapshot's arena. */
#include "collector/sources/cgroup_engine.h"

#include <stdio.h>

#include "collector/procfs/blockdevice.h"
#include "collector/cleanup.h"
#include "collector/memory.h"

static bool is_device_number(const char *text, size_t length)
{
	static const char digits[] = "0123456789";
	size_t major = strspn(text, digits);

	return major && text[major] == ':' && length > major + 1 &&
	       major + 1 + strspn(text + major + 1, digits) == length;
}

static int check_word(const struct rows *rows, const char *text, size_t length)
{
	static const char gone[] = "(unknown)"; /* bdi_dev_name() of a disk on its way out */

	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return -EBADMSG;
	if (!rows->table.block_devices || is_device_number(text, length))
		return 0;
	return length == strlen(gone) && memcmp(text, gone, length) == 0 ? -ENODEV : -EBADMSG;
}

int rows_word(struct rows *rows, const char *text, size_t length, struct rows_word **ret_word)
{
	struct rows_word *word;
	int err = check_word(rows, text, length);

	if (err)
		return err;
	HASH_FIND(hh, rows->words, text, length, *ret_word);
	if (*ret_word)
		return 0;
	if (rows->n_words >= WORDS_MAX) {
		rows->words_full = true;
		return -ENOBUFS;
	}
	word = xcalloc(1, sizeof(*word) + length + 1);
	memcpy(word->text, text, length);
	word->length = length;
	word->labels = xcalloc(rows->n_shapes ? rows->n_shapes : 1, sizeof(*word->labels));
	HASH_ADD_KEYPTR(hh, rows->words, word->text, length, word);
	rows->n_words++;
	*ret_word = word;
	return 0;
}

/* Forgets labels of the last collection, and resolves MAJ:MIN anew: numbers are used again. */
static void word_begin(struct rows *rows, struct rows_word *word)
{
	struct arena *arena = &rows->collection->snapshot->arena;
	unsigned major, minor;
	char name[BLOCKDEVICE_NAME_MAX], rest;

	memset(word->labels, 0, rows->n_shapes * sizeof(*word->labels));
	word->generation = rows->generation;
	word->device = arena_strdup(arena, word->text);
	word->major = word->minor = "";
	if (sscanf(word->text, "%9u:%9u%c", &major, &minor, &rest) != 2)
		return;
	blockdevice_name(rows->path_sysfs, major, minor, name);
	word->device = arena_strdup(arena, name);
	snprintf(name, sizeof(name), "%u", major);
	word->major = arena_strdup(arena, name);
	snprintf(name, sizeof(name), "%u", minor);
	word->minor = arena_strdup(arena, name);
}

static const char *word_value(struct rows *rows, const struct rows_word *word,
			      const struct rows_shape *shape, const char *label)
{
	size_t start = 0, length = 0;

	if (streq(label, "major"))
		return word->major;
	if (streq(label, "minor"))
		return word->minor;
	if (streq(label, "device"))
		return word->device;
	rows_match(shape->pattern, word->text, word->length, &start, &length);
	return arena_strndup(&rows->collection->snapshot->arena, word->text + start, length);
}

const char *const *rows_word_labels(struct rows *rows, struct rows_word *word, int index)
{
	const struct rows_shape *shape = &rows->shapes[index];
	const char *values[METRIC_LABELS_MAX];

	if (word->generation != rows->generation)
		word_begin(rows, word);
	if (word->labels[index])
		return word->labels[index];
	for (unsigned i = 0; i < shape->n; i++)
		values[i] = shape->fixed[i] ? arena_strdup(&rows->collection->snapshot->arena,
							   shape->fixed[i])
					    : word_value(rows, word, shape, shape->names[i]);
	word->labels[index] = snapshot_labels(rows->collection->snapshot, shape->n, values);
	return word->labels[index];
}

void rows_free_words(struct rows *rows)
{
	struct rows_word *word, *next;

	HASH_ITER(hh, rows->words, word, next) {
		HASH_DEL(rows->words, word);
		free(word->labels);
		free(word);
	}
	rows->n_words = 0;
}

/* Slots point at words: they go together. */
static void forget(struct rows *rows)
{
	for (unsigned i = 0; i < rows->n_files; i++) {
		struct rows_file *file = &rows->files[i];

		for (unsigned n = 0; file->line_slots && n < LINES_REMEMBERED; n++)
			file->line_slots[n].length = 0;
		for (unsigned n = 0; n < file->n_lines * FIELDS_REMEMBERED; n++)
			file->field_slots[n].length = 0;
	}
	rows_free_words(rows);
}

void rows_begin_labels(struct rows *rows)
{
	struct snapshot *snapshot = rows->collection->snapshot;

	rows->generation++;
	rows->words_full = false;
	if (rows->n_words >= WORDS_MAX / 2) /* devices came and went for long */
		forget(rows);
	for (unsigned i = 0; i < rows->n_shapes; i++) {
		struct rows_shape *shape = &rows->shapes[i];
		const char *values[METRIC_LABELS_MAX];

		if (shape->pattern)
			continue;
		/* Copied: a snapshot may outlive the source. */
		for (unsigned n = 0; n < shape->n; n++)
			values[n] = arena_strdup(&snapshot->arena, shape->fixed[n]);
		shape->labels = snapshot_labels(snapshot, shape->n, values);
	}
}
