/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the engine of sources/cgroup.h, for sources/cgroup*.c alone.
 * Rows are compiled into files, files into cells (a number that somebody wants), cells into targets
 * (a row and its labels). Readers fill cells, and do not know rows: one reads files, one records.
 */
#pragma once

#include <uthash.h>

#include "collector/sources/cgroup_record.h"

enum {
	WORD_MAX = 63,		/* longer words are no key of any kernel */
	WORDS_MAX = 4096,	/* distinct devices, nodes, resources */
	LINES_REMEMBERED = 256, /* of a file; further ones are searched for */
	FIELDS_REMEMBERED = 16, /* of a line */
	NO_CELL = -1,
	BAD_CELL = -2,
};

enum rows_format { FORMAT_SINGLE, FORMAT_VALUES, FORMAT_FLAT, FORMAT_NESTED };
enum rows_form { FORM_INTEGER, FORM_PERCENT, FORM_CPU_LIST };

/* Label values of a target. NULL in `fixed`: the word that a pattern met fills it. */
struct rows_shape {
	unsigned n;
	const char *names[METRIC_LABELS_MAX];
	const char *fixed[METRIC_LABELS_MAX]; /* static, or owned by rows->strings */
	const char *pattern;		      /* NULL: all labels are fixed */
	const char *const *labels;	      /* in this collection's arena, when all are fixed */
};

struct rows_target {
	unsigned row;
	int shape; /* -1: no labels */
};

struct rows_cell {
	const char *line, *key; /* a word or a pattern; NULL: see sources/cgroup.h */
	enum rows_form form;
	int line_id; /* of nested files: which line it is in */
	struct rows_target *targets;
	unsigned n_targets;
	const struct record_number *in_record; /* NULL: only the file has it */
	uint64_t stamp;			       /* of the reading that last set it */
	struct rows_number number;	       /* of a pattern: all it met together */
};

/* A word that a pattern met: a device, a node. Lives with the state; its labels with a collection. */
struct rows_word {
	UT_hash_handle hh;
	uint64_t stamp;		    /* of the last file or line it was seen in: finds duplicates */
	uint64_t generation;	    /* of the collection that made `labels` */
	const char *const **labels; /* by shape; NULL: not made yet */
	const char *device, *major, *minor; /* of MAJ:MIN */
	size_t length;
	char text[];
};

/* What stood at a place of the file at the last reading. */
struct rows_slot {
	uint8_t length; /* 0: nothing remembered */
	char text[WORD_MAX];
	int index; /* cell, or line id; NO_CELL: nobody wants it; BAD_CELL: no kernel writes it */
	struct rows_word *word;
};

struct rows_line {
	const char *text;    /* word or pattern */
	uint64_t stamp;	     /* of the last file it was seen in */
	unsigned n_required; /* cells that a line with a word of its own always has */
};

struct rows_file {
	const char *name;
	unsigned number; /* in the hierarchy of this collection */
	enum rows_format format;
	struct rows_cell *cells;
	unsigned n_cells;
	struct rows_line *lines; /* nested: distinct lines; cell->line_id indexes it */
	unsigned n_lines;
	struct rows_slot *line_slots;  /* LINES_REMEMBERED; keyed files */
	struct rows_slot *field_slots; /* n_lines * FIELDS_REMEMBERED; nested files */
	bool for_limits;	       /* a tightest rule needs it: read of ancestors too */
	bool never_empty;	       /* not all it has to tell is of devices and the like */
	uint64_t record_parts;	       /* that a record needs to stand for it; 0: none does */
	uint64_t metrics_parts;	       /* the same without what is in the API alone */
};

struct rows_cell_id {
	int file, cell; /* file -1: none */
};

/* A row that a rule serves, bound to its cells. */
struct rows_bound {
	unsigned row;
	const struct rows_derived *derived;
	struct rows_cell_id numbers[1 + ROWS_NEEDS_MAX];
	uint64_t *limits;      /* tightest: by workload index; UINT64_MAX is none */
	uint64_t parent_limit; /* of the group at hand */
};

struct rows {
	struct rows_table table;
	struct rows_variant *variants; /* table.variants, ours */
	bool sentinels;
	struct rows_file *files;
	unsigned n_files;
	struct rows_shape *shapes;
	unsigned n_shapes;
	struct rows_bound *bound;
	unsigned n_bound;
	char **strings; /* words of lists */
	unsigned n_strings;
	struct rows_word *words;
	unsigned n_words;
	bool words_full; /* some were left out of this collection */
	bool malformed;	 /* the file at hand is not as the kernel writes it */
	bool compares; /* records stand for whatever they have of a file: they are compared with it */
	uint64_t stamp, group_stamp, generation;
	uint32_t limits_size;
	const struct group *last_parent; /* not exported itself; its limits are in parent_limit */
	char *path_sysfs;
	/* Of the collection at hand. */
	struct collection *collection;
	enum detail detail;
	struct rows_reading reading;
	struct family *families;
	const struct workload *workload; /* NULL: fill cells, add nothing */
	uint64_t machine_memory_bytes, machine_swap_bytes;
};

/* sources/cgroup_table.c: rows to files, cells and targets. */
void rows_compile(struct rows *rows, const struct options *options);
/* Whether a word fits a pattern with at most one '*'; *ret_start/_length is what '*' stood for. */
bool rows_match(const char *pattern, const char *word, size_t length, size_t *ret_start,
		size_t *ret_length);

/* sources/cgroup_parse.c: a file's text into cells. What is no such text sets rows->malformed. */
void rows_parse(struct rows *rows, struct rows_file *file, const char *text, size_t length);

/*
 * sources/cgroup_labels.c: words and label values. 0; -ENOBUFS: too many words; -ENODEV: a device that is just going; -EBADMSG: no plain ASCII name, or
 * no MAJ:MIN in a table of block devices.
 */
int rows_word(struct rows *rows, const char *text, size_t length, struct rows_word **ret_word);
const char *const *rows_word_labels(struct rows *rows, struct rows_word *word, int index);
void rows_begin_labels(struct rows *rows);
void rows_free_words(struct rows *rows);
