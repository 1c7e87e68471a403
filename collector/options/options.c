/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/options/options.h"

#include <getopt.h>
#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/metrics_doc.h"
#include "collector/nearest.h"
#include "collector/options/option_rows.h"
#include "collector/probes/probe.h"
#include "collector/source.h"
#include "collector/version.h"

enum { FIRST_VALUE = 1000, OFF = 1 }; /* of struct option.val: FIRST_VALUE + 2 * row (+ OFF) */

enum { STAGE_DEFAULT, STAGE_FILE, STAGE_FLAGS };

/* One walk over the flags. */
struct flags {
	const struct option_table *table;
	struct option *longs; /* for getopt_long() */
	int argc;
	char **argv;
	enum option_action action;
	char *error; /* without the program's name */
};

static bool is_switch(const struct option_row *row)
{
	return row->type == OPTION_BOOL || row->type == OPTION_SOURCE;
}

/* --x for all rows, --no-x for switches too. The names of the latter are allocated. */
static struct option *flags_longs(const struct option_table *table)
{
	struct option *longs = xcalloc(2 * table->n + 1, sizeof(*longs)), *next = longs;

	for (size_t i = 0; i < table->n; i++) {
		const struct option_row *row = &table->rows[i];
		int value = FIRST_VALUE + 2 * (int)i;

		*next++ = (struct option){
			.name = xstrdup(row->name),
			.has_arg = row->placeholder ? required_argument : no_argument,
			.val = value,
		};
		if (is_switch(row))
			*next++ = (struct option){ .name = xasprintf("no-%s", row->name),
						   .val = value + OFF };
	}
	return longs;
}

static void flags_free(struct flags *flags)
{
	for (struct option *l = flags->longs; l && l->name; l++)
		free((char *)l->name);
	free(flags->longs);
	free(flags->error);
}

/* `--x=y` without dashes and value; the caller frees it. */
static char *flag_name(const char *argument)
{
	const char *name = argument + strspn(argument, "-");

	return xstrndup(name, strcspn(name, "="));
}

static void refuse_unknown(struct flags *flags, const char *argument)
{
	cleanup_free char *name = flag_name(argument);
	struct nearest nearest = { .word = name };
	struct buffer error = { 0 };

	for (const struct option *l = flags->longs; l->name; l++)
		if (strncmp(l->name, "help-", 5) != 0)
			nearest_offer(&nearest, l->name);
	buffer_puts(&error, "unknown flag ");
	option_quote(&error, argument);
	if (nearest.best)
		buffer_printf(&error, ", did you mean --%s?", nearest.best);
	else
		buffer_puts(&error, ", try --help");
	buffer_putc(&error, '\0');
	flags->error = error.data;
}

/* getopt_long() takes any unambiguous beginning of a name; the next release may have two such names. */
static bool is_whole_name(const struct flags *flags, int val, const char *argument)
{
	cleanup_free char *name = flag_name(argument);

	for (const struct option *l = flags->longs; l->name; l++)
		if (l->val == val)
			return streq(l->name, name);
	return false;
}

static void apply(struct flags *flags, struct option_values *values, int val, const char *text)
{
	const struct option_row *row = &flags->table->rows[(val - FIRST_VALUE) / 2];
	cleanup_free char *reason = NULL;
	struct buffer error = { 0 };

	if (row->type == OPTION_ACTION) {
		flags->action = (enum option_action)row->offset;
		return;
	}
	if (is_switch(row)) {
		option_set_bool(values, row, (val - FIRST_VALUE) % 2 != OFF);
		return;
	}
	if (!option_set(values, flags->table, row, text, &reason))
		return;
	buffer_printf(&error, "--%s: ", row->name);
	option_quote(&error, text);
	buffer_printf(&error, " %s", reason);
	buffer_putc(&error, '\0');
	flags->error = error.data;
}

/* What getopt_long() could not take: '?' and ':'. */
static void refuse(struct flags *flags, int result, const char *argument)
{
	cleanup_free char *name = flag_name(argument);
	int val = optopt;

	if (argument[1] != '-' || val < FIRST_VALUE || !is_whole_name(flags, val, argument))
		refuse_unknown(flags, argument);
	else if (result == ':')
		flags->error = xasprintf("--%s: needs a value", name);
	else
		flags->error = xasprintf("--%s: takes no value", name);
}

/* Until the end, the first error, or the first action such as --help. */
static int flags_walk(struct flags *flags, struct option_values *values)
{
	values->stage = STAGE_FLAGS;
	optind = 0; /* glibc: start anew, also after a walk that broke off */
	opterr = 0;
	while (!flags->error && !flags->action) {
		const char *argument = flags->argv[optind ? optind : 1];
		int val = getopt_long(flags->argc, flags->argv, "+:h", flags->longs, NULL);

		if (val == -1)
			break;
		if (val == 'h')
			flags->action = ACTION_HELP;
		else if (val == '?' || val == ':')
			refuse(flags, val, argument);
		else if (is_whole_name(flags, val, argument))
			apply(flags, values, val, optarg);
		else
			refuse_unknown(flags, argument);
	}
	if (!flags->error && !flags->action && optind < flags->argc) {
		struct buffer error = { 0 };

		buffer_puts(&error, "unexpected argument ");
		option_quote(&error, flags->argv[optind]);
		buffer_putc(&error, '\0');
		flags->error = error.data;
	}
	return flags->error ? -1 : 0;
}

static char *action_text(enum option_action action, const struct option_table *table)
{
	switch (action) {
	case ACTION_HELP:
		return option_help(table);
	case ACTION_VERSION:
		return version_text();
	case ACTION_MARKDOWN:
		return option_markdown(table);
	case ACTION_MAN:
		return option_man(table);
	case ACTION_YAML:
		return option_yaml(table);
	case ACTION_METRICS:
		return metrics_doc();
	case ACTION_NONE:
		break;
	}
	return NULL;
}

static uint64_t sources_enabled(const struct option_values *values)
{
	uint64_t enabled = 0;

	for (size_t i = 0; i < n_sources; i++) {
		uint64_t bit = UINT64_C(1) << i;
		bool by_default = !sources[i]->optional && !values->disable_defaults;

		if (sources[i]->probe && sources[i]->probe->wanted &&
		    sources[i]->probe->wanted(&values->options) == PROBE_OFF)
			continue;
		if (values->sources_on & bit || (by_default && !(values->sources_off & bit)))
			enabled |= bit;
	}
	return enabled;
}

/* Flags alone, to learn what they are worth and where the file is; then defaults, file, flags. */
static enum options_result read_all(struct flags *flags, struct option_values *first,
				    struct option_values *values, char **ret_text)
{
	const char *file;
	int err = flags_walk(flags, first);

	if (err) {
		*ret_text = xstrdup(flags->error);
		return OPTIONS_EXIT_USAGE;
	}
	if (flags->action) {
		*ret_text = action_text(flags->action, flags->table);
		return OPTIONS_EXIT_OK;
	}
	file = first->options.config_file;
	values->stage = STAGE_FILE;
	if (*file) {
		err = config_read(file, flags->table, values, ret_text);
		if (err)
			return OPTIONS_EXIT_CONFIG;
	}
	flags_walk(flags, values);
	values->options.sources_enabled = sources_enabled(values);
	*ret_text = NULL;
	return OPTIONS_RUN;
}

enum options_result options_read(struct options *options, int argc, char **argv, char **ret_text)
{
	struct option_table table = option_table_new();
	struct option_values first = option_values_new(&table), values = option_values_new(&table);
	struct flags flags = {
		.table = &table, .longs = flags_longs(&table), .argc = argc, .argv = argv
	};
	enum options_result result = read_all(&flags, &first, &values, ret_text);

	*options = (struct options){ 0 };
	if (result == OPTIONS_RUN) {
		*options = values.options;
		values.options = (struct options){ 0 };
	}
	flags_free(&flags);
	option_values_free(&first);
	option_values_free(&values);
	option_table_free(&table);
	return result;
}

enum options_result options_parse(struct options *options, int argc, char **argv)
{
	cleanup_free char *text = NULL;
	enum options_result result = options_read(options, argc, argv, &text);

	if (result == OPTIONS_EXIT_OK)
		printf("%s\n", text);
	else if (text)
		fprintf(stderr, "tallyman: error: %s\n", text);
	return result;
}

bool options_metric_enabled(const struct options *options, const char *name)
{
	return string_list_contains(&options->metrics_enable, name);
}
