/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of options. Flags (options.c), the file (config.c), --help, docs/options.md and the
 * man page (option_help.c) all come from it. For these files only.
 */
#pragma once

#include "collector/buffer.h"
#include "collector/options/options.h"

enum option_type {
	OPTION_BOOL,
	OPTION_NUMBER,
	OPTION_MILLISECONDS, /* a duration in Prometheus' notation: 1h30m, 250ms */
	OPTION_SECONDS,	     /* the same, whole seconds only */
	OPTION_STRING,
	OPTION_PATH, /* in the file: relative to the file's directory */
	OPTION_LIST, /* repeatable */
	OPTION_CHOICE,
	OPTION_SOURCE, /* collector.NAME; `offset` is the index in sources[] */
	OPTION_ACTION, /* does not return to the daemon; `offset` is an enum option_action */
};

enum option_action {
	ACTION_NONE,
	ACTION_HELP,
	ACTION_VERSION,
	ACTION_MARKDOWN,
	ACTION_MAN,
	ACTION_YAML,
	ACTION_METRICS
};

/* What is being filled: the options, and what they are worked out from. */
struct option_values {
	struct options options;
	uint64_t sources_on, sources_off; /* said so; bit i is sources[i] */
	bool disable_defaults;
	unsigned stage;	  /* 0 defaults, 1 file, 2 flags: a later one replaces lists */
	unsigned *stages; /* of each row's last value */
};

struct option_row {
	const char *name;	 /* flag without dashes; its dots are the file's nesting */
	const char *placeholder; /* "ADDRESS"; NULL for booleans */
	const char *value;	 /* the default, in the flag's notation; NULL is none */
	const char *help;
	const char *group;	    /* heading */
	const char *const *choices; /* OPTION_CHOICE: index is the value; NULL ends them */
	/* Strings, paths and lists: -EINVAL and a sentence (to be freed) for a wrong value. */
	int (*check)(const char *text, char **ret_reason);
	size_t offset;	   /* in struct option_values */
	uint64_t min, max; /* of a number; `min` also of a list's length in the file */
	enum option_type type;
	bool flag_only; /* not in the file */
	bool hidden;	/* not in --help */
};

/* Those that do not stand for a source. */
extern const struct option_row option_rows[];
extern const size_t n_option_rows;
extern const char option_group_sources[];

struct option_table {
	struct option_row *rows;
	size_t n;
	char **names; /* of the rows of sources */
};

/* The rows, with one for each source. option_table_free() frees them. */
struct option_table option_table_new(void);
void option_table_free(struct option_table *table);
const struct option_row *option_find(const struct option_table *table, const char *name);

/* All defaults. option_values_free() frees also what was set later. */
struct option_values option_values_new(const struct option_table *table);
void option_values_free(struct option_values *values);
/* Booleans and sources. */
void option_set_bool(struct option_values *values, const struct option_row *row, bool on);
/* All others. -EINVAL and *ret_reason, a sentence that the caller frees. */
int option_set(struct option_values *values, const struct option_table *table,
	       const struct option_row *row, const char *text, char **ret_reason);
/* The list of an OPTION_LIST row. */
struct string_list *option_list(struct option_values *values, const struct option_row *row);
void string_list_append(struct string_list *list, const char *text); /* a copy */
bool string_list_contains(const struct string_list *list, const char *text);
void string_list_free(struct string_list *list);
/* A value in double quotes for a message: control characters and bad UTF-8 escaped, cut at 200 bytes. */
void option_quote(struct buffer *buffer, const char *text);

/* --help, docs/options.md, deploy/tallyman.8, deploy/tallyman.example.yaml; without the last newline. */
char *option_help(const struct option_table *table);
char *option_markdown(const struct option_table *table);
char *option_man(const struct option_table *table);
char *option_yaml(const struct option_table *table);

/*
 * Reads the YAML file. -errno and *ret_error: one line "file:line:column: what", freed by the caller.
 */
int config_read(const char *file, const struct option_table *table, struct option_values *values,
		char **ret_error);
