/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine behind all cgroup-file sources: tables of rows in, samples out. It knows the formats
 * that cgroup-v2.rst defines (single value, values, flat keyed, nested keyed) and reads each file once
 * per workload. A source is a table of rows and three lines; see sources/cgroup_pids.c.
 *
 * How a row finds its number, in `.from`:
 *   .file  "memory.current"; with '*' ("hugetlb.*.max") one file per variant of the table.
 *   .line  first word of the line; NULL outside nested keyed files; "" where lines have no such word.
 *   .key   NULL: the file is one number. "#2": the second of space separated values. Else the key.
 * `.line` and `.key` may be a list ("pgfault pgmajfault") or a pattern with one '*' ("nr_subsys_*"):
 * each match is a series. Labels are filled in this order: variant, line, key; the value is the word,
 * or what '*' stood for. A word of the form MAJ:MIN is a block device: it fills `device` with its
 * name, and `major` and `minor`. At most one of line and key may be a pattern.
 *
 * Numbers are exact u64. "max" is no sample. Neither is what no kernel writes, which makes the reading
 * of the file fail with -EBADMSG while the rest of it is served: a known key without a number (garbage,
 * overflow, cut off), a line or field without a value, a line of pressure without its fields, a block
 * device that is not MAJ:MIN, an empty file. Keys that are not known are what a newer kernel has to
 * tell: of their values only the first character is looked at. The first of duplicate lines counts.
 */
#pragma once

#include "collector/source.h"

struct group;
struct rows;

enum rows_rule {
	ROWS_PLAIN,	/* the number as it stands */
	ROWS_TOTAL,	/* the same, and the one label is "total" */
	ROWS_OPERATION, /* the key's label is Read or Write: rbytes, wios, ... */
	ROWS_SCOPES,	/* twice: the last label is "container", then "hierarchy" */
	ROWS_PERCENT,	/* "12.34" percent, kept as 1234: scale 10000 makes it a ratio */
	ROWS_WINDOW,	/* the same, and the key's label is a time: avg10 is "10s" */
	ROWS_CPU_LIST,	/* "0-3,8": how many */
	ROWS_DERIVED,	/* this and above: the table's own rules */
};

/* Of rows with ROWS_PERCENT or ROWS_WINDOW: a percentage becomes a ratio. */
#define ROWS_SCALE_PERCENT UINT64_C(10000)

enum { ROWS_NEEDS_MAX = 4 };

struct rows_number {
	enum { NUMBER_ABSENT, NUMBER_VALUE, NUMBER_MAX } state;
	uint64_t value; /* with NUMBER_VALUE */
};

/* What a rule sees of one workload: [0] is the row's own number, then those of `needs`. */
struct rows_input {
	struct rows_number numbers[1 + ROWS_NEEDS_MAX];
	bool is_root;
	bool sentinels;					   /* --compat.cadvisor-sentinels */
	uint64_t machine_memory_bytes, machine_swap_bytes; /* proc_meminfo(5); 0 is unknown */
};

/* A value made of several numbers. */
struct rows_derived {
	int rule;      /* of the rows it serves: ROWS_DERIVED + n */
	bool tightest; /* export the least over the group and all its ancestors */
	struct rows_need {
		const char *file, *line, *key;
	} needs[ROWS_NEEDS_MAX];
	/* False: no sample. */
	bool (*value)(const struct rows_input *input, uint64_t *ret_value);
};

/* What '*' in a file's name stands for. Strings outlive all hierarchies: they are static. */
struct rows_variant {
	const char *pattern, *file, *label;
};

/* rows_open() copies it and its variants; metrics and rules outlive the engine's state. */
struct rows_table {
	const struct metric *metrics;
	size_t n_metrics;
	const struct rows_derived *derived;
	size_t n_derived;
	const struct rows_variant *variants;
	size_t n_variants;
	bool needs_machine; /* rules look at the machine's memory */
	bool block_devices; /* what patterns meet is MAJ:MIN */
};

/*
 * Prepares all rows that are on. -ECANCELED: there is none. A faulty table aborts (the lint test meets
 * it first).
 */
int rows_open(const struct rows_table *table, const struct options *options, void **ret_state);
/*
 * Adds the samples of all exported workloads. -ETIME, the first error that is not "no data", or
 * -ENOBUFS: more devices than are kept, the rest was left out.
 */
int rows_collect(void *state, struct collection *collection, struct family families[]);
void rows_close(void *state);
