/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/options/option_rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/option_checks.h"
#include "collector/utf8.h"

_Static_assert(sizeof(enum log_level) == sizeof(unsigned), "set_choice() copies an unsigned");
_Static_assert(sizeof(enum log_format) == sizeof(unsigned), "set_choice() copies an unsigned");

enum { QUOTED_BYTES = 200 };

/* Where a row's value is kept. */
static void *field(struct option_values *values, const struct option_row *row)
{
	return (char *)values + row->offset;
}

/* Whether this is the row's first value of this stage; notes that it has one now. */
static bool first_of_stage(struct option_values *values, const struct option_table *table,
			   const struct option_row *row)
{
	unsigned *stage = &values->stages[row - table->rows];
	bool first = *stage != values->stage;

	*stage = values->stage;
	return first;
}

void string_list_free(struct string_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct string_list){ 0 };
}

void string_list_append(struct string_list *list, const char *text)
{
	list->items = xreallocarray(list->items, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = xstrdup(text);
}

bool string_list_contains(const struct string_list *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (streq(list->items[i], text))
			return true;
	return false;
}

struct string_list *option_list(struct option_values *values, const struct option_row *row)
{
	return field(values, row);
}

/* In the notation in which it is read: the largest unit that leaves nothing over. */
static void put_number(struct buffer *out, const struct option_row *row, uint64_t number)
{
	static const struct {
		const char *unit;
		uint64_t s;
	} units[] = { { "w", 604800 }, { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };
	size_t unit = 0;

	if (row->type == OPTION_NUMBER) {
		buffer_printf(out, "%" PRIu64, number);
	} else if (row->type == OPTION_MILLISECONDS && number % 1000) {
		buffer_printf(out, "%" PRIu64 "ms", number);
	} else {
		if (row->type == OPTION_MILLISECONDS)
			number /= 1000;
		while (units[unit].s > 1 && (!number || number % units[unit].s))
			unit++;
		buffer_printf(out, "%" PRIu64 "%s", number / units[unit].s, units[unit].unit);
	}
}

static int check_range(const struct option_row *row, uint64_t number, char **ret_reason)
{
	struct buffer reason = { 0 };

	if (number >= row->min && number <= row->max)
		return 0;
	buffer_puts(&reason, "is not between ");
	put_number(&reason, row, row->min);
	buffer_puts(&reason, " and ");
	put_number(&reason, row, row->max);
	buffer_putc(&reason, '\0');
	*ret_reason = reason.data;
	return -EINVAL;
}

static int set_number(struct option_values *values, const struct option_row *row, const char *text,
		      char **ret_reason)
{
	uint64_t number;
	int err = row->type == OPTION_NUMBER ? option_read_number(text, &number, ret_reason)
					     : option_read_milliseconds(text, &number, ret_reason);

	if (err)
		return err;
	if (row->type == OPTION_SECONDS) {
		if (number % 1000) {
			*ret_reason = xstrdup("is not a whole number of seconds");
			return -EINVAL;
		}
		number /= 1000;
	}
	err = check_range(row, number, ret_reason);
	if (err)
		return err;
	*(uint64_t *)field(values, row) = number;
	return 0;
}

static int set_choice(struct option_values *values, const struct option_row *row, const char *text,
		      char **ret_reason)
{
	struct buffer reason = { 0 };

	for (unsigned i = 0; row->choices[i]; i++)
		if (streq(row->choices[i], text)) {
			memcpy(field(values, row), &i, sizeof(i));
			return 0;
		}
	buffer_puts(&reason, "is not one of ");
	for (unsigned i = 0; row->choices[i]; i++)
		buffer_printf(&reason, "%s%s", i ? ", " : "", row->choices[i]);
	buffer_putc(&reason, '\0');
	*ret_reason = reason.data;
	return -EINVAL;
}

static int store(struct option_values *values, const struct option_table *table,
		 const struct option_row *row, const char *text, char **ret_reason)
{
	switch (row->type) {
	case OPTION_NUMBER:
	case OPTION_MILLISECONDS:
	case OPTION_SECONDS:
		return set_number(values, row, text, ret_reason);
	case OPTION_CHOICE:
		return set_choice(values, row, text, ret_reason);
	case OPTION_STRING:
	case OPTION_PATH:
		free(*(char **)field(values, row));
		*(char **)field(values, row) = xstrdup(text);
		return 0;
	case OPTION_LIST:
		if (first_of_stage(values, table, row))
			string_list_free(field(values, row));
		string_list_append(field(values, row), text);
		return 0;
	case OPTION_BOOL:
	case OPTION_SOURCE:
	case OPTION_ACTION:
		break;
	}
	*ret_reason = xstrdup("is not wanted: it takes no value");
	return -EINVAL;
}

int option_set(struct option_values *values, const struct option_table *table,
	       const struct option_row *row, const char *text, char **ret_reason)
{
	int err = row->check ? row->check(text, ret_reason) : 0;

	return err ? err : store(values, table, row, text, ret_reason);
}

void option_set_bool(struct option_values *values, const struct option_row *row, bool on)
{
	uint64_t bit = UINT64_C(1) << (row->offset % 64);

	if (row->type == OPTION_BOOL) {
		*(bool *)field(values, row) = on;
	} else if (row->type == OPTION_SOURCE) {
		values->sources_on = on ? values->sources_on | bit : values->sources_on & ~bit;
		values->sources_off = on ? values->sources_off & ~bit : values->sources_off | bit;
	}
}

struct option_values option_values_new(const struct option_table *table)
{
	struct option_values values = { .stages = xcalloc(table->n, sizeof(*values.stages)) };

	/* Unchecked: a default that is wrong on this host (no /sys) is for its reader to report. */
	for (size_t i = 0; i < table->n; i++) {
		cleanup_free char *reason = NULL;

		if (table->rows[i].value && table->rows[i].type != OPTION_SOURCE &&
		    store(&values, table, &table->rows[i], table->rows[i].value, &reason))
			abort();
	}
	return values;
}

void option_values_free(struct option_values *values)
{
	free(values->stages);
	values->stages = NULL;
	options_free(&values->options);
}

void options_free(struct options *options)
{
	struct option_table table = option_table_new();
	struct option_values values = { .options = *options };

	for (size_t i = 0; i < table.n; i++) {
		const struct option_row *row = &table.rows[i];

		if (row->type == OPTION_STRING || row->type == OPTION_PATH)
			free(*(char **)field(&values, row));
		else if (row->type == OPTION_LIST)
			string_list_free(field(&values, row));
	}
	option_table_free(&table);
	*options = (struct options){ 0 };
}

void option_quote(struct buffer *buffer, const char *text)
{
	size_t length = strlen(text), shown = length < QUOTED_BYTES ? length : QUOTED_BYTES;

	buffer_putc(buffer, '"');
	for (size_t i = 0, size; i < shown; i += size) {
		unsigned char c = (unsigned char)text[i];

		size = utf8_sequence(text + i, text + length);
		if (c == '"' || c == '\\')
			buffer_putc(buffer, '\\');
		if (size && c >= 0x20 && c != 0x7f) {
			buffer_append(buffer, text + i, size);
			continue;
		}
		buffer_printf(buffer, "\\x%02x", c);
		size = 1;
	}
	buffer_puts(buffer, shown < length ? "...\"" : "\"");
}
