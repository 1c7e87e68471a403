/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/options/option_rows.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <yaml.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/nearest.h"
#include "collector/text_file.h"

struct config {
	const char *file;
	struct buffer text; /* the file's content */
	const struct option_table *table;
	struct option_values *values;
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	char *error;
};

static int refuse_at(struct config *config, yaml_mark_t mark, struct buffer *what)
{
	buffer_putc(what, '\0');
	config->error = xasprintf("%s:%zu:%zu: %s", config->file, mark.line + 1, mark.column + 1,
				  what->data);
	buffer_free(what);
	return -EINVAL;
}

static int refuse(struct config *config, const char *what)
{
	struct buffer text = { 0 };

	buffer_puts(&text, what);
	return refuse_at(config, config->event.start_mark, &text);
}

/* libyaml reports bad bytes by their offset alone. */
static yaml_mark_t mark_of_offset(const struct buffer *text, size_t offset)
{
	yaml_mark_t mark = { 0 };

	for (size_t i = 0; i < offset && i < text->length; i++) {
		mark.column++;
		if (text->data[i] == '\n') {
			mark.line++;
			mark.column = 0;
		}
	}
	return mark;
}

static int refuse_yaml(struct config *config)
{
	const yaml_parser_t *parser = &config->parser;
	yaml_mark_t mark = parser->problem_mark;
	struct buffer what = { 0 };

	if (parser->error == YAML_READER_ERROR)
		mark = mark_of_offset(&config->text, parser->problem_offset);
	buffer_puts(&what, parser->problem ? parser->problem : "not YAML");
	if (parser->context)
		buffer_printf(&what, " (%s)", parser->context);
	return refuse_at(config, mark, &what);
}

static bool has_anchor(const yaml_event_t *event)
{
	return event->type == YAML_ALIAS_EVENT ||
	       (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor) ||
	       (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor) ||
	       (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.anchor);
}

static bool has_tag(const yaml_event_t *event)
{
	return (event->type == YAML_SCALAR_EVENT && event->data.scalar.tag) ||
	       (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.tag) ||
	       (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.tag);
}

/* Moves on. Anchors could blow a small file up, and nothing here is worth one. */
static int next(struct config *config)
{
	yaml_event_delete(&config->event);
	if (!yaml_parser_parse(&config->parser, &config->event))
		return refuse_yaml(config);
	if (has_anchor(&config->event))
		return refuse(config, "anchors and aliases are not supported");
	if (has_tag(&config->event))
		return refuse(config, "tags are not supported");
	return 0;
}

static const char *scalar_text(const struct config *config)
{
	return (const char *)config->event.data.scalar.value;
}

static bool is_plain(const struct config *config)
{
	return config->event.type == YAML_SCALAR_EVENT &&
	       config->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_null(const struct config *config)
{
	const char *text = scalar_text(config);

	return is_plain(config) && (!*text || streq(text, "~") || streq(text, "null"));
}

static int refuse_value(struct config *config, const struct option_row *row, const char *reason)
{
	struct buffer what = { 0 };

	buffer_printf(&what, "%s: ", row->name);
	switch (config->event.type) {
	case YAML_SCALAR_EVENT:
		if (is_null(config))
			buffer_puts(&what, "an empty value");
		else
			option_quote(&what, scalar_text(config));
		break;
	case YAML_SEQUENCE_START_EVENT:
		buffer_puts(&what, "a list");
		break;
	default:
		buffer_puts(&what, "a mapping");
		break;
	}
	buffer_printf(&what, " %s", reason);
	return refuse_at(config, config->event.start_mark, &what);
}

/* Why the current event cannot be one value of a row; NULL when it can. */
static const char *wrong_type(const struct config *config, const struct option_row *row)
{
	bool plain = is_plain(config) && !is_null(config);

	switch (row->type) {
	case OPTION_BOOL:
	case OPTION_SOURCE:
		return plain && (streq(scalar_text(config), "true") ||
				 streq(scalar_text(config), "false"))
			       ? NULL
			       : "is not true or false";
	case OPTION_NUMBER:
		return plain ? NULL : "is not a whole number";
	default:
		return config->event.type == YAML_SCALAR_EVENT && !is_null(config)
			       ? NULL
			       : "is not a string";
	}
}

static int read_scalar(struct config *config, const struct option_row *row)
{
	const char *wrong = wrong_type(config, row), *text;
	cleanup_free char *beside = NULL, *reason = NULL;

	if (wrong)
		return refuse_value(config, row, wrong);
	text = scalar_text(config);
	if (strlen(text) != config->event.data.scalar.length)
		return refuse_value(config, row, "goes on behind a zero byte");
	if (row->type == OPTION_BOOL || row->type == OPTION_SOURCE) {
		option_set_bool(config->values, row, streq(text, "true"));
		return 0;
	}
	if (row->type == OPTION_PATH && *text && *text != '/') {
		cleanup_free char *copy = xstrdup(config->file);

		beside = xasprintf("%s/%s", dirname(copy), text);
		text = beside;
	}
	if (option_set(config->values, config->table, row, text, &reason))
		return refuse_value(config, row, reason);
	return 0;
}

static int refuse_empty(struct config *config, const struct option_row *row)
{
	struct buffer what = { 0 };

	buffer_printf(&what, "%s: the list is empty", row->name);
	return refuse_at(config, config->event.start_mark, &what);
}

/* The value that starts with the current event. */
static int read_value(struct config *config, const struct option_row *row)
{
	struct string_list *list;
	int err;

	if (row->type != OPTION_LIST)
		return read_scalar(config, row);
	if (config->event.type != YAML_SEQUENCE_START_EVENT)
		return refuse_value(config, row, "is not a list such as [a, b]");
	list = option_list(config->values, row);
	string_list_free(list);
	for (;;) {
		err = next(config);
		if (err)
			return err;
		if (config->event.type == YAML_SEQUENCE_END_EVENT)
			return list->n < row->min ? refuse_empty(config, row) : 0;
		err = read_scalar(config, row);
		if (err)
			return err;
	}
}

/* Whether `name` is of the file and lies below the key path `prefix`, "" or "web.". */
static bool is_below(const struct option_row *row, const char *prefix)
{
	return !row->flag_only && row->type != OPTION_ACTION &&
	       strncmp(row->name, prefix, strlen(prefix)) == 0;
}

static int refuse_key(struct config *config, const char *prefix)
{
	struct nearest nearest = { .word = scalar_text(config) };
	struct buffer what = { 0 };
	struct buffer known = { 0 }; /* "web\0path\0", to outlive the search */

	for (size_t i = 0; i < config->table->n; i++) {
		const char *key = config->table->rows[i].name + strlen(prefix);

		if (!is_below(&config->table->rows[i], prefix))
			continue;
		buffer_append(&known, key, strcspn(key, "."));
		buffer_putc(&known, '\0');
	}
	for (size_t at = 0; at < known.length; at += strlen(known.data + at) + 1)
		nearest_offer(&nearest, known.data + at);
	buffer_puts(&what, "unknown key ");
	option_quote(&what, scalar_text(config));
	if (*prefix)
		buffer_printf(&what, " in \"%.*s\"", (int)strlen(prefix) - 1, prefix);
	if (nearest.best)
		buffer_printf(&what, ", did you mean \"%s\"?", nearest.best);
	buffer_free(&known);
	return refuse_at(config, config->event.start_mark, &what);
}

static int refuse_group(struct config *config, const char *path)
{
	struct buffer what = { 0 };

	buffer_printf(&what, "%s: not a mapping of keys", path);
	return refuse_at(config, config->event.start_mark, &what);
}

static int refuse_repeated(struct config *config)
{
	struct buffer what = { 0 };

	buffer_puts(&what, "key ");
	option_quote(&what, scalar_text(config));
	buffer_puts(&what, " is there twice");
	return refuse_at(config, config->event.start_mark, &what);
}

/* The row of a whole key path, when it is one of the file. */
static const struct option_row *find_leaf(const struct config *config, const char *path)
{
	const struct option_row *row = option_find(config->table, path);

	return row && is_below(row, "") ? row : NULL;
}

static bool is_group(const struct config *config, const char *prefix)
{
	for (size_t i = 0; i < config->table->n; i++)
		if (is_below(&config->table->rows[i], prefix))
			return true;
	return false;
}

/* The mapping whose start is the current event, up to its end. Depth is that of the table's names. */
static int read_mapping(struct config *config, const char *prefix)
{
	struct string_list cleanup(string_list_free) keys = { 0 };
	int err;

	for (;;) {
		const struct option_row *row;
		cleanup_free char *path = NULL, *below = NULL;

		err = next(config);
		if (err || config->event.type == YAML_MAPPING_END_EVENT)
			return err;
		if (config->event.type != YAML_SCALAR_EVENT)
			return refuse(config, "a key must be a plain word");
		path = xasprintf("%s%s", prefix, scalar_text(config));
		below = xasprintf("%s.", path);
		row = find_leaf(config, path);
		if (strchr(scalar_text(config), '.') || (!row && !is_group(config, below)))
			return refuse_key(config, prefix);
		if (string_list_contains(&keys, path))
			return refuse_repeated(config);
		string_list_append(&keys, path);
		err = next(config);
		if (!err && row)
			err = read_value(config, row);
		else if (!err && config->event.type == YAML_MAPPING_START_EVENT)
			err = read_mapping(config, below);
		else if (!err && !is_null(config)) /* all below it may be commented out */
			err = refuse_group(config, path);
		if (err)
			return err;
	}
}

/* One document, or none: a file that holds nothing but comments is fine. */
static int read_stream(struct config *config)
{
	int err = next(config); /* STREAM-START */

	err = err ? err : next(config);
	if (err || config->event.type == YAML_STREAM_END_EVENT)
		return err;
	err = next(config); /* behind DOCUMENT-START */
	if (err)
		return err;
	if (config->event.type == YAML_MAPPING_START_EVENT)
		err = read_mapping(config, "");
	else if (!is_null(config))
		err = refuse(config, "the file is not a mapping of keys");
	err = err ? err : next(config); /* DOCUMENT-END */
	err = err ? err : next(config);
	if (!err && config->event.type != YAML_STREAM_END_EVENT)
		err = refuse(config, "a second document");
	return err;
}

static int read_file(struct config *config)
{
	const char *reason = NULL;

	if (text_file_read(config->file, &config->text, &reason) == 0)
		return 0;
	config->error = xasprintf("%s: %s", config->file, reason);
	return -EINVAL;
}

int config_read(const char *file, const struct option_table *table, struct option_values *values,
		char **ret_error)
{
	struct config config = { .file = file, .table = table, .values = values };
	int err = read_file(&config);

	if (!err) {
		if (!yaml_parser_initialize(&config.parser))
			abort();
		yaml_parser_set_encoding(&config.parser, YAML_UTF8_ENCODING);
		yaml_parser_set_input_string(&config.parser, (unsigned char *)config.text.data,
					     config.text.length);
		err = read_stream(&config);
		yaml_event_delete(&config.event);
		yaml_parser_delete(&config.parser);
	}
	buffer_free(&config.text);
	if (err)
		*ret_error = config.error;
	return err;
}
