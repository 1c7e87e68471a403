/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of the kernel's formats into cells. The kernel writes a file's lines in the same order every
 * time, so each place remembers the word that stood there last: one memcmp instead of a search.
 * Text is NUL-terminated at `end`; `end` itself is never taken for a newline, so a value that was
 * cut off is no value.
 */
#include "collector/sources/cgroup_engine.h"

#include <errno.h>
#include <string.h>

#include "collector/cgroups.h"
#include "collector/fast_path.h"

static const char *next_line(const char *p, const char *end)
{
	const char *newline = memchr(p, '\n', (size_t)(end - p));

	return newline ? newline + 1 : end;
}

/* The end of the word at p; `also` ends it too. */
static const char *word_end(const char *p, char also)
{
	while (*p && *p != ' ' && *p != '\n' && *p != also)
		p++;
	return p;
}

static const char *skip_spaces(const char *p)
{
	while (*p == ' ')
		p++;
	return p;
}

/* Digits at p: their end, or NULL when there are none or they do not fit 64 bits. */
static const char *parse_digits(const char *p, uint64_t *ret_value)
{
	const char *start = p;
	uint64_t value = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (p - start >= 19 && (value > UINT64_MAX / 10 || value * 10 > UINT64_MAX - digit))
			return NULL;
		value = value * 10 + digit;
	}
	if (p == start)
		return NULL;
	*ret_value = value;
	return p;
}

/* "12.34" as 1234, as PSI and iocost print it. */
static const char *parse_percent(const char *p, uint64_t *ret_value)
{
	uint64_t whole, hundredths;
	const char *dot = parse_digits(p, &whole), *stop;

	if (!dot || *dot != '.' || whole > UINT64_MAX / 100 - 1)
		return NULL;
	stop = parse_digits(dot + 1, &hundredths);
	if (!stop || stop - dot != 3)
		return NULL;
	*ret_value = whole * 100 + hundredths;
	return stop;
}

/* "0-3,8" is 5; an empty list is 0. */
static const char *parse_cpu_list(const char *p, uint64_t *ret_value)
{
	uint64_t count = 0, first, last;

	while (*p != '\n') {
		p = parse_digits(p, &first);
		if (!p)
			return NULL;
		last = first;
		if (*p == '-')
			p = parse_digits(p + 1, &last);
		if (!p || last < first || last - first > UINT32_MAX)
			return NULL;
		count += last - first + 1;
		if (*p == ',')
			p++;
		else if (*p != '\n')
			return NULL;
	}
	*ret_value = count;
	return p;
}

static bool begins_number(const char *p)
{
	return (*p >= '0' && *p <= '9') || *p == '-' || strncmp(p, "max", 3) == 0;
}

/* The number at p, which must end at a space or a newline. */
static struct rows_number parse_number(enum rows_form form, const char *p)
{
	struct rows_number number = { NUMBER_ABSENT, 0 };
	uint64_t value = 0;

	if (form != FORM_CPU_LIST && strncmp(p, "max", 3) == 0) {
		if (p[3] == '\n' || p[3] == ' ')
			number.state = NUMBER_MAX;
		return number;
	}
	if (form == FORM_PERCENT)
		p = parse_percent(p, &value);
	else if (form == FORM_CPU_LIST)
		p = parse_cpu_list(p, &value);
	else
		p = parse_digits(p, &value);
	if (p && (*p == '\n' || *p == ' ')) {
		number.state = NUMBER_VALUE;
		number.value = value;
	}
	return number;
}

void rows_put(struct rows *rows, struct rows_cell *cell, struct rows_word *word,
	      struct rows_number number)
{
	if (cell->in_record && number.state == NUMBER_VALUE)
		rows_keep_told(rows, cell->in_record, &number.value);
	if (word && cell->stamp >= rows->reading.since && cell->number.state == NUMBER_VALUE)
		cell->number.value += number.value;
	else
		cell->number = number;
	cell->stamp = rows->stamp;
	if (number.state == NUMBER_ABSENT)
		rows->malformed = true;
	if (number.state != NUMBER_VALUE || !rows->workload)
		return;
	for (unsigned i = 0; i < cell->n_targets; i++) {
		const struct rows_target *target = &cell->targets[i];
		const char *const *labels = NULL;

		if (target->shape >= 0)
			labels = rows->shapes[target->shape].labels;
		if (word)
			labels = rows_word_labels(rows, word, target->shape);
		family_add_integer(rows->collection->snapshot, &rows->families[target->row],
				   rows->workload, labels, number.value);
	}
}

static bool slot_holds(const struct rows_slot *slot, const char *p, const char *end, char after)
{
	return slot->length && end - p > slot->length && p[slot->length] == after &&
	       memcmp(p, slot->text, slot->length) == 0;
}

static void slot_remember(struct rows_slot *slot, const char *word, size_t length, int index,
			  struct rows_word *met)
{
	slot->length = 0;
	if (length > WORD_MAX)
		return;
	memcpy(slot->text, word, length);
	slot->length = (uint8_t)length;
	slot->index = index;
	slot->word = met;
}

/* What a pattern's index becomes with a word that met it. */
static int met_word(struct rows *rows, const char *text, size_t length, int index,
		    struct rows_word **ret_word)
{
	int err = rows_word(rows, text, length, ret_word);

	if (!err)
		return index;
	return err == -EBADMSG ? BAD_CELL : NO_CELL;
}

/* Looks a key up among the cells of a line; the word it is when a pattern met it. */
static int find_cell(struct rows *rows, const struct rows_file *file, int line_id, const char *key,
		     size_t length, struct rows_word **ret_word)
{
	size_t start, matched;
	int found = NO_CELL;

	*ret_word = NULL;
	for (unsigned i = 0; i < file->n_cells; i++) {
		const struct rows_cell *cell = &file->cells[i];

		if (cell->line_id != line_id ||
		    !rows_match(cell->key, key, length, &start, &matched))
			continue;
		found = (int)i;
		if (!strchr(cell->key, '*'))
			return found; /* the very word goes before a pattern: "default" in io.weight */
	}
	return found == NO_CELL ? found : met_word(rows, key, length, found, ret_word);
}

/* Remembers what the key at p is. NULL: not even a key. */
static const struct rows_slot *key_slot(struct rows *rows, struct rows_file *file, int line_id,
					struct rows_slot *slot, const char *p, size_t length)
{
	struct rows_word *word;
	int cell = find_cell(rows, file, line_id, p, length, &word);

	slot_remember(slot, p, length, cell, word);
	return slot->length ? slot : NULL;
}

/* A cell may be met once in a file, or in a line of a pattern; a pattern's word likewise. */
static bool is_duplicate(const struct rows_cell *cell, struct rows_word *word, uint64_t since)
{
	if (!word)
		return cell->stamp >= since;
	if (word->stamp >= since)
		return true;
	word->stamp = since;
	return false;
}

/*
 * Whether somebody wants what stands behind the word at p. NULL: it is no word. Of what nobody wants
 * it is only known that it is no garbage.
 */
static bool is_wanted(struct rows *rows, const struct rows_slot *slot, const char *p)
{
	if (slot && slot->index >= 0)
		return true;
	if (!slot || slot->index == BAD_CELL || !begins_number(p + slot->length + 1))
		rows->malformed = true;
	return false;
}

static void parse_flat(struct rows *rows, struct rows_file *file, const char *p, const char *end)
{
	struct rows_slot spare = { .length = 0 };

	for (unsigned n = 0; p < end; n++, p = next_line(p, end)) {
		struct rows_slot *place = n < LINES_REMEMBERED ? &file->line_slots[n] : &spare;
		const struct rows_slot *slot = place;

		if (!slot_holds(place, p, end, ' ')) {
			const char *stop = next_line(p, end);
			const char *space = memchr(p, ' ', (size_t)(stop - p));

			slot = space ? key_slot(rows, file, 0, place, p, (size_t)(space - p))
				     : NULL;
		}
		if (!is_wanted(rows, slot, p))
			continue;
		struct rows_cell *cell = &file->cells[slot->index];
		p += slot->length + 1;
		if (!is_duplicate(cell, slot->word, rows->stamp))
			rows_put(rows, cell, slot->word, parse_number(cell->form, p));
	}
}

/* Which line this is: fills the slot. */
static void find_line(struct rows *rows, const struct rows_file *file, struct rows_slot *slot,
		      const char *p, size_t length)
{
	size_t start, matched;

	slot_remember(slot, p, length, NO_CELL, NULL);
	for (unsigned i = 0; i < file->n_lines && slot->length; i++) {
		if (!rows_match(file->lines[i].text, p, length, &start, &matched))
			continue;
		slot->index = (int)i;
		if (strchr(file->lines[i].text, '*'))
			slot->index = met_word(rows, p, length, (int)i, &slot->word);
		return;
	}
}

/* One line's `key=value` fields, from p to its newline: how many of its own words were met. */
static unsigned parse_fields(struct rows *rows, struct rows_file *file,
			     const struct rows_slot *line, const char *p, const char *end)
{
	struct rows_slot spare = { .length = 0 };
	unsigned found = 0;

	for (unsigned n = 0; p < end && *p && *p != '\n'; n++) {
		struct rows_slot *place =
			n < FIELDS_REMEMBERED
				? &file->field_slots[line->index * FIELDS_REMEMBERED + (int)n]
				: &spare;
		const struct rows_slot *slot = place;

		if (!slot_holds(place, p, end, '=')) {
			const char *stop = word_end(p, '=');

			slot = *stop == '=' ? key_slot(rows, file, line->index, place, p,
						       (size_t)(stop - p))
					    : NULL;
		}
		if (is_wanted(rows, slot, p)) {
			struct rows_cell *cell = &file->cells[slot->index];
			struct rows_word *word = slot->word ? slot->word : line->word;

			found += !slot->word;
			p += slot->length + 1;
			if (slot->word ? !is_duplicate(cell, word, rows->stamp)
				       : cell->stamp < rows->stamp)
				rows_put(rows, cell, word, parse_number(cell->form, p));
		}
		p = skip_spaces(word_end(p, ' '));
	}
	return found;
}

/* A line that nobody wants: is it one? */
static bool is_line(const struct rows_slot *slot, const char *fields)
{
	return slot->length && slot->index != BAD_CELL && *word_end(fields, '=') == '=';
}

/*
 * "word key=value ...". A word without '=' inside the line begins a new one: up to 6.x io.stat could
 * leave out the newline behind a device without numbers.
 */
static void parse_nested(struct rows *rows, struct rows_file *file, const char *p, const char *end)
{
	uint64_t file_stamp = rows->stamp;
	struct rows_slot spare = { .length = 0 };

	for (unsigned n = 0; p < end; n++, p = next_line(p, end)) {
		struct rows_slot *slot = n < LINES_REMEMBERED ? &file->line_slots[n] : &spare;
		const char *fields;

		for (;;) { /* to the last word before the first field */
			fields = skip_spaces(word_end(p, ' '));
			if (*word_end(fields, '=') != ' ')
				break;
			p = fields;
		}
		if (!slot_holds(slot, p, end, ' '))
			find_line(rows, file, slot, p, (size_t)(word_end(p, ' ') - p));
		if (slot->length == 0 || slot->index < 0) {
			rows->malformed |= !is_line(slot, fields);
			continue;
		}
		const struct rows_line *line = &file->lines[slot->index];
		uint64_t *seen = slot->word ? &slot->word->stamp : &file->lines[slot->index].stamp;
		if (*seen >= file_stamp)
			continue;
		*seen = ++rows->stamp;
		if (parse_fields(rows, file, slot, fields, end) < line->n_required)
			rows->malformed = true;
	}
}

static void parse_values(struct rows *rows, struct rows_file *file, const char *p)
{
	for (unsigned column = 1; *p && *p != '\n'; column++) {
		for (unsigned i = 0; i < file->n_cells; i++)
			if ((unsigned)(file->cells[i].key[1] - '0') == column)
				rows_put(rows, &file->cells[i], NULL,
					 parse_number(file->cells[i].form, p));
		p = skip_spaces(word_end(p, ' '));
	}
	for (unsigned i = 0; i < file->n_cells; i++)
		rows->malformed |= file->cells[i].stamp < rows->stamp;
}

void rows_parse(struct rows *rows, struct rows_file *file, const char *text, size_t length)
{
	static const struct rows_slot wordless = { .index = 0 };
	const char *end = text + length;

	rows->reading.since = ++rows->stamp;
	rows->malformed = length == 0 && file->never_empty;
	switch (file->format) {
	case FORMAT_SINGLE:
		for (unsigned i = 0; i < file->n_cells; i++)
			rows_put(rows, &file->cells[i], NULL,
				 parse_number(file->cells[i].form, text));
		break;
	case FORMAT_VALUES:
		parse_values(rows, file, text);
		break;
	case FORMAT_FLAT:
		parse_flat(rows, file, text, end);
		break;
	case FORMAT_NESTED:
		if (!*file->lines[0].text)
			(void)parse_fields(rows, file, &wordless, text, end);
		else
			parse_nested(rows, file, text, end);
		break;
	}
}
