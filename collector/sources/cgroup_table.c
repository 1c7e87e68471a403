/* SPDX-License-Identifier: Apache-2.0 */
/* Rows into files, cells and targets, once per source that opens. A faulty table aborts here. */
#include "collector/sources/cgroup_engine.h"

#include <assert.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"

enum { LIST_MAX = 32, SEQUENCE_MAX = 3 };

/* Words of a list; a NULL list is one NULL. */
struct list {
	const char *items[LIST_MAX];
	unsigned n;
	bool is_label; /* a list or a pattern: the word is a label's value */
};

bool rows_match(const char *pattern, const char *word, size_t length, size_t *ret_start,
		size_t *ret_length)
{
	const char *star = strchr(pattern, '*');
	size_t before = star ? (size_t)(star - pattern) : strlen(pattern);
	size_t after = star ? strlen(star + 1) : 0;

	if (!star)
		return before == length && memcmp(pattern, word, length) == 0;
	if (length <= before + after || memcmp(pattern, word, before) != 0 ||
	    memcmp(star + 1, word + length - after, after) != 0)
		return false;
	*ret_start = before;
	*ret_length = length - before - after;
	return true;
}

static const char *keep_string(struct rows *rows, char *string)
{
	rows->strings = xreallocarray(rows->strings, rows->n_strings + 1, sizeof(char *));
	rows->strings[rows->n_strings++] = string;
	return string;
}

static struct list split(struct rows *rows, const char *text)
{
	struct list list = { .n = 0 };

	if (!text || !strchr(text, ' ')) {
		list.items[list.n++] = text;
		list.is_label = text && strchr(text, '*');
		return list;
	}
	list.is_label = true;
	for (const char *p = text; *p; p += strspn(p, " ")) {
		size_t length = strcspn(p, " ");

		assert(list.n < LIST_MAX);
		list.items[list.n++] = keep_string(rows, xstrndup(p, length));
		p += length;
	}
	return list;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && streq(a, b));
}

static enum rows_format format_of(const char *line, const char *key)
{
	if (!key)
		return FORMAT_SINGLE;
	if (key[0] == '#')
		return FORMAT_VALUES;
	return line ? FORMAT_NESTED : FORMAT_FLAT;
}

static enum rows_form form_of(int rule)
{
	if (rule == ROWS_PERCENT || rule == ROWS_WINDOW)
		return FORM_PERCENT;
	return rule == ROWS_CPU_LIST ? FORM_CPU_LIST : FORM_INTEGER;
}

static int file_index(struct rows *rows, const char *name, enum rows_format format)
{
	for (unsigned i = 0; i < rows->n_files; i++) {
		if (!streq(rows->files[i].name, name))
			continue;
		assert(rows->files[i].format == format);
		return (int)i;
	}
	rows->files = xreallocarray(rows->files, rows->n_files + 1, sizeof(*rows->files));
	rows->files[rows->n_files] = (struct rows_file){ .name = name, .format = format };
	return (int)rows->n_files++;
}

static int line_index(struct rows_file *file, const char *line)
{
	if (file->format != FORMAT_NESTED)
		return 0;
	for (unsigned i = 0; i < file->n_lines; i++)
		if (streq(file->lines[i].text, line))
			return (int)i;
	file->lines = xreallocarray(file->lines, file->n_lines + 1, sizeof(*file->lines));
	file->lines[file->n_lines] = (struct rows_line){ .text = line };
	return (int)file->n_lines++;
}

/* Whether a file with this cell always has text: what a pattern meets may not be there at all. */
static bool is_always_there(const struct rows_need *need, enum rows_format format)
{
	const char *word = format == FORMAT_NESTED ? need->line : need->key;

	return !word || !strchr(word, '*');
}

static struct rows_cell_id cell_id(struct rows *rows, const struct rows_need *need,
				   enum rows_form form)
{
	struct rows_cell_id id = {
		.file = file_index(rows, need->file, format_of(need->line, need->key)),
	};
	struct rows_file *file = &rows->files[id.file];

	for (unsigned i = 0; i < file->n_cells; i++) {
		if (!same(file->cells[i].line, need->line) || !same(file->cells[i].key, need->key))
			continue;
		assert(file->cells[i].form == form);
		id.cell = (int)i;
		return id;
	}
	file->cells = xreallocarray(file->cells, file->n_cells + 1, sizeof(*file->cells));
	int line = line_index(file, need->line);
	file->cells[file->n_cells] = (struct rows_cell){
		.line = need->line,
		.key = need->key,
		.form = form,
		.line_id = line,
	};
	if (file->lines && need->line && need->key && !strchr(need->line, '*') &&
	    !strchr(need->key, '*'))
		file->lines[line].n_required++;
	file->never_empty |= is_always_there(need, file->format);
	id.cell = (int)file->n_cells++;
	return id;
}

static int shape_index(struct rows *rows, const struct rows_shape *wanted)
{
	for (unsigned i = 0; i < rows->n_shapes; i++) {
		const struct rows_shape *shape = &rows->shapes[i];
		bool equal = shape->n == wanted->n && same(shape->pattern, wanted->pattern);

		for (unsigned n = 0; equal && n < shape->n; n++)
			equal = streq(shape->names[n], wanted->names[n]) &&
				same(shape->fixed[n], wanted->fixed[n]);
		if (equal)
			return (int)i;
	}
	rows->shapes = xreallocarray(rows->shapes, rows->n_shapes + 1, sizeof(*rows->shapes));
	rows->shapes[rows->n_shapes] = *wanted;
	return (int)rows->n_shapes++;
}

static void add_target(struct rows *rows, struct rows_cell_id id, unsigned row, int shape)
{
	struct rows_cell *cell = &rows->files[id.file].cells[id.cell];

	cell->targets = xreallocarray(cell->targets, cell->n_targets + 1, sizeof(*cell->targets));
	cell->targets[cell->n_targets++] = (struct rows_target){ .row = row, .shape = shape };
}

static const char *key_label(struct rows *rows, const struct metric *metric, const char *key)
{
	if (strchr(key, '*'))
		return NULL;
	if (metric->from.rule == ROWS_OPERATION)
		return key[0] == 'r' ? "Read" : "Write";
	if (metric->from.rule == ROWS_WINDOW)
		return keep_string(rows, xasprintf("%ss", key + strlen("avg")));
	return key;
}

/* Label values in a row's order: `sequence` for all that are no part of a device's number. */
static struct rows_shape make_shape(const struct metric *metric, const char *const *sequence,
				    unsigned n_sequence, const char *pattern)
{
	struct rows_shape shape = { .n = (unsigned)metric_n_labels(metric), .pattern = pattern };
	unsigned used = 0;

	for (unsigned i = 0; i < shape.n; i++) {
		const char *name = metric->labels[i];

		shape.names[i] = name;
		if (pattern && (streq(name, "major") || streq(name, "minor")))
			continue;
		assert(used < n_sequence);
		shape.fixed[i] = sequence[used++];
	}
	assert(used == n_sequence);
	return shape;
}

/* One series of a row: one line and one key, each a word or a pattern. */
static void add_series(struct rows *rows, unsigned row, const char *const variant[2],
		       const char *const line[2], const char *const key[2])
{
	const struct metric *metric = &rows->table.metrics[row];
	const struct rows_need need = { variant[0], line[0], key[0] };
	const char *sequence[SEQUENCE_MAX + 1], *pattern = NULL;
	unsigned n = 0;
	struct rows_cell_id id = cell_id(rows, &need, form_of(metric->from.rule));

	if (variant[1])
		sequence[n++] = variant[1];
	if (line[1]) {
		pattern = strchr(line[0], '*') ? line[0] : NULL;
		sequence[n++] = pattern ? NULL : line[0];
	}
	if (key[1]) {
		sequence[n] = key_label(rows, metric, key[0]);
		if (!sequence[n++]) {
			assert(!pattern);
			pattern = key[0];
		}
	}
	if (metric->from.rule == ROWS_TOTAL)
		sequence[n++] = "total";
	for (int pass = 0; pass < (metric->from.rule == ROWS_SCOPES ? 2 : 1); pass++) {
		struct rows_shape shape;

		if (metric->from.rule == ROWS_SCOPES)
			sequence[n] = pass ? "hierarchy" : "container";
		shape = make_shape(metric, sequence, n + (metric->from.rule == ROWS_SCOPES),
				   pattern);
		add_target(rows, id, row, shape.n ? shape_index(rows, &shape) : -1);
	}
}

/* All series of a row in one file. */
static void add_file(struct rows *rows, unsigned row, const char *file, const char *label)
{
	const struct metric *metric = &rows->table.metrics[row];
	struct list lines = split(rows, metric->from.line), keys = split(rows, metric->from.key);
	const char *const variant[] = { file, label };

	for (unsigned i = 0; i < lines.n; i++) {
		const char *const line[] = { lines.items[i], lines.is_label ? "" : NULL };

		for (unsigned n = 0; n < keys.n; n++) {
			const char *const key[] = { keys.items[n], keys.is_label ? "" : NULL };

			add_series(rows, row, variant, line, key);
		}
	}
}

static void bind_derived(struct rows *rows, unsigned row)
{
	const struct metric *metric = &rows->table.metrics[row];
	const struct rows_derived *derived = rows->table.derived;
	const struct rows_need own = { metric->from.file, metric->from.line, metric->from.key };
	struct rows_bound bound = { .row = row, .parent_limit = UINT64_MAX };

	while (derived->rule != metric->from.rule) {
		derived++;
		assert(derived < rows->table.derived + rows->table.n_derived);
	}
	assert(!metric->labels[0]);
	bound.derived = derived;
	for (unsigned i = 0; i <= ROWS_NEEDS_MAX; i++) {
		const struct rows_need *need = i ? &derived->needs[i - 1] : &own;

		bound.numbers[i].file = -1;
		if (!need->file)
			continue;
		bound.numbers[i] = cell_id(rows, need, FORM_INTEGER);
		if (derived->tightest)
			rows->files[bound.numbers[i].file].for_limits = true;
	}
	rows->bound = xreallocarray(rows->bound, rows->n_bound + 1, sizeof(bound));
	rows->bound[rows->n_bound++] = bound;
}

static void add_row(struct rows *rows, unsigned row)
{
	const struct metric *metric = &rows->table.metrics[row];

	if (metric->from.rule >= ROWS_DERIVED) {
		bind_derived(rows, row);
	} else if (!strchr(metric->from.file, '*')) {
		add_file(rows, row, metric->from.file, NULL);
	} else {
		for (size_t i = 0; i < rows->table.n_variants; i++)
			if (streq(rows->variants[i].pattern, metric->from.file))
				add_file(rows, row, rows->variants[i].file,
					 rows->variants[i].label);
	}
}

void rows_compile(struct rows *rows, const struct options *options)
{
	for (unsigned i = 0; i < rows->table.n_metrics; i++) {
		const struct metric *metric = &rows->table.metrics[i];

		if (!metric->optional || options_metric_enabled(options, metric->name))
			add_row(rows, i);
	}
	for (unsigned i = 0; i < rows->n_files; i++) {
		struct rows_file *file = &rows->files[i];

		if (file->format == FORMAT_FLAT || file->format == FORMAT_NESTED)
			file->line_slots = xcalloc(LINES_REMEMBERED, sizeof(*file->line_slots));
		if (file->format == FORMAT_NESTED)
			file->field_slots = xcalloc((size_t)file->n_lines * FIELDS_REMEMBERED,
						    sizeof(*file->field_slots));
	}
	rows_bind_record(rows);
}
