/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/options/option_rows.h"

#include <ctype.h>

#include "collector/cleanup.h"
#include "collector/version.h"

enum { HELP_COLUMN = 36, HELP_WIDTH = 96 };

static const char about[] =
	"Serves metrics of every container, pod, service and other cgroup of this host in the "
	"formats of Prometheus, and as JSON.";

/* What the files say of exit statuses; one place for --help, Markdown and the manual page. */
static const char statuses[] = "Exit status: 0 after a clean end, 1 for a wrong flag or when it "
			       "could not start, 2 for a wrong configuration file.";

/* "--[no-]web.systemd-socket", "--web.max-requests=N" */
static void put_flag(struct buffer *out, const struct option_row *row)
{
	bool is_switch = row->type == OPTION_BOOL || row->type == OPTION_SOURCE;

	buffer_printf(out, "--%s%s", is_switch ? "[no-]" : "", row->name);
	if (row->placeholder)
		buffer_printf(out, "=%s", row->placeholder);
}

/* "default: 40", "debug, info (default)"; empty where there is nothing to say. */
static void put_default(struct buffer *out, const struct option_row *row)
{
	if (row->type == OPTION_CHOICE) {
		buffer_puts(out, "One of ");
		for (size_t i = 0; row->choices[i]; i++)
			buffer_printf(out, "%s%s", i ? ", " : "", row->choices[i]);
		buffer_printf(out, " (default %s).", row->value);
	} else if (row->type == OPTION_SOURCE || row->type == OPTION_BOOL) {
		buffer_puts(out, row->value ? "(default on)" : "(default off)");
	} else if (row->value && *row->value) {
		buffer_printf(out, "(default %s)", row->value);
	}
}

/* One sentence or more; what a source says of itself is a few words that become one. */
static void put_help(struct buffer *out, const struct option_row *row)
{
	size_t start = out->length;

	buffer_puts(out, row->help);
	if (row->type != OPTION_SOURCE || !*row->help)
		return;
	out->data[start] = (char)toupper((unsigned char)out->data[start]);
	buffer_putc(out, '.');
}

static char *description(const struct option_row *row)
{
	struct buffer out = { 0 };
	size_t length;

	put_help(&out, row);
	length = out.length;
	buffer_putc(&out, ' ');
	put_default(&out, row);
	if (out.length == length + 1)
		out.length = length;
	buffer_putc(&out, '\0');
	return out.data;
}

/* Words of `text` in lines of at most HELP_WIDTH that begin with `prefix`; the first one has it. */
static void put_wrapped(struct buffer *out, const char *text, const char *prefix)
{
	size_t column = strlen(prefix), at = column;

	while (*text) {
		size_t length = strcspn(text, " ");

		if (at > column && at + 1 + length > HELP_WIDTH) {
			buffer_printf(out, "\n%s", prefix);
			at = column;
		}
		if (at > column) {
			buffer_putc(out, ' ');
			at++;
		}
		buffer_append(out, text, length);
		at += length;
		text += length + strspn(text + length, " ");
	}
	buffer_putc(out, '\n');
}

/* Calls `put` for each row that is shown, group by group, and `head` before each group. */
static void for_each_row(const struct option_table *table, struct buffer *out,
			 void (*head)(struct buffer *out, const char *group),
			 void (*put)(struct buffer *out, const struct option_row *row))
{
	const char *group = NULL;

	for (size_t i = 0; i < table->n; i++) {
		const struct option_row *row = &table->rows[i];

		if (row->hidden)
			continue;
		if (row->group != group)
			head(out, row->group);
		group = row->group;
		put(out, row);
	}
}

static void help_head(struct buffer *out, const char *group)
{
	buffer_printf(out, "\n%s:\n", group);
}

static void help_row(struct buffer *out, const struct option_row *row)
{
	cleanup_free char *text = description(row);
	size_t start = out->length, length;
	char margin[HELP_COLUMN + 1];

	snprintf(margin, sizeof(margin), "%*s", HELP_COLUMN, "");
	buffer_puts(out, streq(row->name, "help") ? "  -h, " : "      ");
	put_flag(out, row);
	length = out->length - start;
	if (length + 2 > HELP_COLUMN)
		buffer_printf(out, "\n%s", margin);
	else
		buffer_printf(out, "%*s", (int)(HELP_COLUMN - length), "");
	put_wrapped(out, text, margin);
}

/* The caller prints the last newline. */
static char *finish(struct buffer *out)
{
	while (out->length && out->data[out->length - 1] == '\n')
		out->length--;
	buffer_putc(out, '\0');
	return out->data;
}

char *option_help(const struct option_table *table)
{
	struct buffer out = { 0 };

	buffer_puts(&out, "usage: tallyman [flags]\n\n");
	put_wrapped(&out, about, "");
	for_each_row(table, &out, help_head, help_row);
	buffer_putc(&out, '\n');
	put_wrapped(&out, statuses, "");
	return finish(&out);
}

/* A bar would end a table's cell; stars and underscores would be emphasis. */
static void put_markdown(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("|<>*_[]", *text))
			buffer_putc(out, '\\');
		buffer_putc(out, *text);
	}
}

static void markdown_head(struct buffer *out, const char *group)
{
	buffer_printf(out, "\n## %s\n\n| Flag | In the file | Meaning |\n|---|---|---|\n", group);
}

/* "web: {max-requests: N}" */
static void put_nested(struct buffer *out, const struct option_row *row)
{
	const char *name = row->name, *dot;
	const char *value = row->placeholder ? row->placeholder : "true";
	int depth = 0;

	for (; (dot = strchr(name, '.')); name = dot + 1, depth++)
		buffer_printf(out, "%.*s: {", (int)(dot - name), name);
	buffer_printf(out, row->type == OPTION_LIST ? "%s: [%s]" : "%s: %s", name, value);
	while (depth--)
		buffer_putc(out, '}');
}

static void markdown_row(struct buffer *out, const struct option_row *row)
{
	cleanup_free char *text = description(row);

	buffer_puts(out, "| `");
	put_flag(out, row);
	buffer_puts(out, streq(row->name, "help") ? "`, `-h` | " : "` | ");
	if (!row->flag_only && row->type != OPTION_ACTION) {
		buffer_putc(out, '`');
		put_nested(out, row);
		buffer_putc(out, '`');
	}
	buffer_puts(out, " | ");
	put_markdown(out, text);
	buffer_puts(out, " |\n");
}

char *option_markdown(const struct option_table *table)
{
	struct buffer out = { 0 };

	buffer_puts(
		&out,
		"<!-- Made by `make docs` from the table in "
		"collector/options/option_rows.c: change that. -->\n"
		"# Options\n\n"
		"Every option is a flag, `--name=value` or `--name value`; switches are `--name` "
		"and `--no-name`. The last one wins, and the first value of a repeatable flag "
		"replaces its default.\n\n"
		"The file of `--config.file` holds the same options, nested by the dots of their "
		"names; `deploy/tallyman.example.yaml` shows all. Flags win over it. Unknown and "
		"repeated keys are refused, as are anchors, aliases and tags. Paths in it are "
		"relative to its directory. Durations are written as in Prometheus: `250ms`, "
		"`30s`, `1h30m`.\n\n");
	buffer_puts(&out, statuses);
	buffer_puts(&out, "\n");
	for_each_row(table, &out, markdown_head, markdown_row);
	return finish(&out);
}

/* A row's default in the file's notation. */
static void put_yaml_value(struct buffer *out, const struct option_row *row)
{
	bool is_switch = row->type == OPTION_BOOL || row->type == OPTION_SOURCE;

	if (is_switch)
		buffer_puts(out, row->value ? "true" : "false");
	else if (row->type == OPTION_LIST)
		buffer_printf(out, row->value ? "[\"%s\"]" : "[]", row->value);
	else
		buffer_puts(out, *row->value ? row->value : "\"\"");
}

/* Rows of the same first key follow each other in the table. */
static void yaml_row(struct buffer *out, const struct option_row *row, const char *before)
{
	size_t first = strcspn(row->name, ".");
	struct buffer help = { 0 };
	const char *key = row->name + first + 1, *dot = strchr(key, '.');

	if (!before || strncmp(before, row->name, first + 1) != 0)
		buffer_printf(out, "\n%.*s:\n", (int)first, row->name);
	else
		buffer_putc(out, '\n');
	buffer_puts(out, "  # ");
	put_help(&help, row);
	buffer_putc(&help, '\0');
	put_wrapped(out, help.data, "  # ");
	buffer_free(&help);
	if (row->type == OPTION_CHOICE) {
		buffer_puts(out, "  # One of");
		for (size_t i = 0; row->choices[i]; i++)
			buffer_printf(out, "%s %s", i ? "," : "", row->choices[i]);
		buffer_puts(out, ".\n");
	}
	buffer_puts(out, "  #");
	if (dot)
		buffer_printf(out, "%.*s: {%s: ", (int)(dot - key), key, dot + 1);
	else
		buffer_printf(out, "%s: ", key);
	put_yaml_value(out, row);
	buffer_puts(out, dot ? "}\n" : "\n");
}

char *option_yaml(const struct option_table *table)
{
	struct buffer out = { 0 };
	const char *before = NULL;

	buffer_puts(
		&out,
		"# SPDX-License-Identifier: Apache-2.0\n"
		"# Tallyman's configuration: tallyman --config.file=FILE. Made by `make docs`.\n"
		"# All values are the defaults; take the # away from those that you change. "
		"Flags win over\n"
		"# this file, and SIGHUP reads it again. --config.check tells whether it is "
		"right.\n");
	for (size_t i = 0; i < table->n; i++) {
		const struct option_row *row = &table->rows[i];

		if (row->flag_only || row->type == OPTION_ACTION)
			continue;
		yaml_row(&out, row, before);
		before = row->name;
	}
	return finish(&out);
}

/* man(7): a leading dot or quote is a request, a plain minus is a hyphen. */
static void put_man(struct buffer *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		buffer_puts(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			buffer_puts(out, "\\e");
		else if (*text == '-')
			buffer_puts(out, "\\-");
		else
			buffer_putc(out, *text);
	}
	buffer_putc(out, '\n');
}

static void man_head(struct buffer *out, const char *group)
{
	buffer_printf(out, ".SS %s\n", group);
}

static void man_row(struct buffer *out, const struct option_row *row)
{
	cleanup_free char *text = description(row);
	struct buffer flag = { 0 };

	if (streq(row->name, "help"))
		buffer_puts(&flag, "-h, ");
	put_flag(&flag, row);
	buffer_putc(&flag, '\0');
	buffer_puts(out, ".TP\n.B ");
	put_man(out, flag.data);
	put_man(out, text);
	buffer_free(&flag);
}

char *option_man(const struct option_table *table)
{
	struct buffer out = { 0 };

	buffer_printf(&out,
		      ".\\\" SPDX-License-Identifier: Apache-2.0\n"
		      ".\\\" Made by `make docs`.\n"
		      ".TH TALLYMAN 8 \"\" \"tallyman %s\" \"System Administration\"\n"
		      ".SH NAME\ntallyman \\- metrics of containers and other cgroups\n"
		      ".SH SYNOPSIS\n.B tallyman\n.RI [ flags ]\n"
		      ".SH DESCRIPTION\n",
		      tallyman_version.version);
	put_man(&out, about);
	buffer_puts(&out, ".SH OPTIONS\n");
	for_each_row(table, &out, man_head, man_row);
	buffer_puts(&out, ".SH SIGNALS\n.TP\n.B SIGHUP\nReads the flags and files again; a wrong "
			  "file leaves all as it was.\n.TP\n.B SIGTERM, SIGINT\nEnds cleanly.\n"
			  ".SH EXIT STATUS\n");
	put_man(&out, statuses + strlen("Exit status: "));
	return finish(&out);
}
