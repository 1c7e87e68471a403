/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sources/cgroup_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/wire_records.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/sources/cgroup_engine.h"

enum { DEPTHS_MAX = 32 };

/* All numbers of records as rows of a source that adds no samples; `before` is by number of cell. */
struct record_check {
	struct metric *metrics;
	void *rows;
	struct collection collection;
	uint64_t round; /* of which groups */
	uint64_t chosen[DEPTHS_MAX];
	unsigned n_chosen;
	/* By group, then by cell: */
	struct rows_number *before;
	bool *suspect; /* not yet seen to be right since the beginning */
};

struct tally {
	unsigned compared, wrong;
	char *mismatch;
};

static bool is_pattern(const char *word)
{
	return word && streq(word, "*");
}

struct record_check *record_check_new(const struct options *options)
{
	struct record_check *check = xcalloc(1, sizeof(*check));

	check->metrics = xcalloc(n_record_numbers, sizeof(*check->metrics));
	for (size_t i = 0; i < n_record_numbers; i++) {
		const struct record_number *number = &record_numbers[i];

		check->metrics[i].from.file = number->file;
		check->metrics[i].from.line = number->line;
		check->metrics[i].from.key = number->key;
		if (is_pattern(number->line) || is_pattern(number->key))
			check->metrics[i].labels[0] = "device";
		check->metrics[i].from.rule =
			number->unit == RECORD_ZERO ? ROWS_PERCENT : ROWS_PLAIN;
	}
	const struct rows_table table = { .metrics = check->metrics,
					  .n_metrics = n_record_numbers,
					  .block_devices = true };
	if (rows_open(&table, options, &check->rows) < 0)
		abort(); /* there are always some */
	((struct rows *)check->rows)->compares = true;
	check->before = xcalloc(DEPTHS_MAX * n_record_numbers, sizeof(*check->before));
	check->suspect = xcalloc(DEPTHS_MAX * n_record_numbers, sizeof(*check->suspect));
	return check;
}

void record_check_free(struct record_check *check)
{
	if (!check)
		return;
	rows_close(check->rows);
	free(check->metrics);
	free(check->before);
	free(check->suspect);
	free(check);
}

void record_check_begin(struct record_check *check, const struct hierarchy *hierarchy)
{
	uint64_t n[DEPTHS_MAX] = { 0 }, seen[DEPTHS_MAX] = { 0 };

	for_each_group(group, hierarchy)
		if (group->depth < DEPTHS_MAX)
			n[group->depth]++;
	check->n_chosen = 0;
	for_each_group(group, hierarchy) {
		unsigned depth = group->depth;

		if (depth > 0 && depth < DEPTHS_MAX && seen[depth]++ == check->round % n[depth])
			check->chosen[check->n_chosen++] = group->id;
	}
	check->round++;
	memset(check->suspect, true, check->n_chosen * n_record_numbers * sizeof(*check->suspect));
}

/* Whether a file has a cell that is not yet known to be right. */
static bool has_suspect(const struct rows_file *file, const bool *suspect)
{
	return memchr(suspect, true, file->n_cells) != NULL;
}

static struct rows_number number_of(const struct rows_cell *cell, uint64_t since, int err)
{
	if (err || cell->stamp <= since)
		return (struct rows_number){ NUMBER_ABSENT, 0 };
	return cell->number;
}

/* The files of a group that have suspects. */
static void read_before(struct rows *rows, struct group *group, struct rows_number *before,
			const bool *suspect)
{
	for (unsigned i = 0; i < rows->n_files; i++) {
		struct rows_file *file = &rows->files[i];
		uint64_t since = rows->stamp;

		if (has_suspect(file, suspect)) {
			int err = rows_read_text(rows, group, file);

			for (unsigned c = 0; c < file->n_cells; c++)
				before[c] = number_of(&file->cells[c], since, err);
		}
		before += file->n_cells;
		suspect += file->n_cells;
	}
}

void record_check_before(struct record_check *check, struct hierarchy *hierarchy)
{
	struct rows *rows = check->rows;

	check->collection.hierarchy = hierarchy;
	rows->collection = &check->collection;
	for (unsigned i = 0; i < rows->n_files; i++)
		rows->files[i].number = hierarchy_file(hierarchy, rows->files[i].name);
	for (unsigned n = 0; n < check->n_chosen; n++)
		read_before(rows, hierarchy_find(hierarchy, check->chosen[n]),
			    check->before + n * n_record_numbers,
			    check->suspect + n * n_record_numbers);
}

static bool is_equal(struct rows_number a, struct rows_number b)
{
	return a.state == b.state && (a.state != NUMBER_VALUE || a.value == b.value);
}

/*
 * User and system time may come down again: the file says what they are at most, which the record does not
 * know of. Gauges that have changed may have been anything.
 */
static bool is_right(const struct record_number *number, struct rows_number before,
		     struct rows_number record, struct rows_number after)
{
	bool divided = number->unit == RECORD_USER_TIME || number->unit == RECORD_SYSTEM_TIME;

	if (is_equal(before, after))
		return is_equal(record, before);
	if (!number->counter || before.state != NUMBER_VALUE || after.state != NUMBER_VALUE)
		return true;
	return record.state == NUMBER_VALUE && record.value >= before.value &&
	       (divided || record.value <= after.value);
}

static const char *describe(struct rows_number number, char text[32])
{
	if (number.state == NUMBER_VALUE)
		snprintf(text, 32, "%" PRIu64, number.value);
	return number.state == NUMBER_VALUE ? text : number.state == NUMBER_MAX ? "max" : "nothing";
}

static void tell(struct tally *tally, const struct group *group, const struct record_number *number,
		 struct rows_number before, struct rows_number record, struct rows_number after)
{
	char a[32], b[32], c[32];

	tally->wrong++;
	if (!tally->mismatch)
		tally->mismatch =
			xasprintf("%s of %s%s%s%s%s was %s, the record has %s, then it was %s",
				  number->file, group->path, number->line ? ", line " : "",
				  number->line ? number->line : "", number->key ? ", key " : "",
				  number->key ? number->key : "", describe(before, a),
				  describe(record, b), describe(after, c));
}

static bool is_missing(const struct group *group, const struct record_number *number)
{
	return !number->maybe && !(group->record->filled & number->filled);
}

/* One file: what the record does not stand for now cannot have been wrong each time. */
static void check_file(struct rows *rows, struct group *group, struct rows_file *file,
		       const struct rows_number *before, bool *suspect, struct tally *tally)
{
	struct rows_number *record = xcalloc(file->n_cells, sizeof(*record));
	uint64_t since = rows->stamp;
	int err = rows_read_record(rows, group, file);

	for (unsigned c = 0; c < file->n_cells && !err; c++)
		record[c] = number_of(&file->cells[c], since, 0);
	since = rows->stamp;
	if (!err)
		err = rows_read_text(rows, group, file);
	for (unsigned c = 0; c < file->n_cells; c++) {
		const struct record_number *number = file->cells[c].in_record;
		struct rows_number after = number_of(&file->cells[c], since, err);

		bool missing = err || is_missing(group, number);

		tally->compared += !missing && suspect[c];
		suspect[c] &= !missing && !is_right(number, before[c], record[c], after);
		if (suspect[c])
			tell(tally, group, number, before[c], record[c], after);
	}
	free(record);
}

/* The files of a group that had suspects before the pass. */
static void check_group(struct rows *rows, struct group *group, const struct rows_number *before,
			bool *suspect, struct tally *tally)
{
	for (unsigned i = 0; i < rows->n_files; i++) {
		struct rows_file *file = &rows->files[i];

		if (has_suspect(file, suspect))
			check_file(rows, group, file, before, suspect, tally);
		before += file->n_cells;
		suspect += file->n_cells;
	}
}

unsigned record_check_after(struct record_check *check, struct hierarchy *hierarchy,
			    unsigned *ret_compared, char **ret_mismatch)
{
	struct tally tally = { 0 };

	for (unsigned n = 0; n < check->n_chosen; n++)
		check_group(check->rows, hierarchy_find(hierarchy, check->chosen[n]),
			    check->before + n * n_record_numbers,
			    check->suspect + n * n_record_numbers, &tally);
	*ret_compared = tally.compared;
	*ret_mismatch = tally.mismatch;
	return tally.wrong;
}
