/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ways to read a file of a group, and what of bpf/wire_records.h stands for which numbers of which
 * files. For sources/cgroup*.c and benchmarks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/sources/cgroup.h"

struct rows_cell;
struct rows_file;
struct rows_word;

/* What is read just now. */
struct rows_reading {
	const struct group *group;
	struct told *told; /* of this group; NULL: nothing, or not looked up */
	bool told_known;
	bool from_record;
	uint64_t since; /* the first stamp */
};

/* What a number of a record is in a file. */
enum record_unit {
	RECORD_AS_IS,
	RECORD_NANOSECONDS, /* the file has microseconds */
	RECORD_QUOTA,	    /* the same; all ones is "max" */
	RECORD_PAGES,	    /* the file has bytes */
	RECORD_PAGES_LIMIT, /* the same; the kernel's highest number is "max" */
	RECORD_PIDS_LIMIT,
	RECORD_WEIGHT,
	RECORD_USER_TIME, /* the run time, divided */
	RECORD_SYSTEM_TIME,
	RECORD_STATE_PAGES, /* of memory.stat: places are the layout's */
	RECORD_STATE_KIB,
	RECORD_STATE,
	RECORD_DEVICE,	  /* of each device: the offset is in struct wire_device */
	RECORD_NO_DEVICE, /* likewise, and there is none while records stand for the file */
	RECORD_STALL,	  /* a total of pressure in nanoseconds; the file has microseconds */
	RECORD_ZERO,	  /* an average of pressure, where there was none */
};

/* Where a file's number is in a record. */
struct record_number {
	const char *file, *line, *key; /* as in a row */
	size_t offset;		       /* in struct wire_record */
	uint64_t filled;	       /* the part of the record */
	enum record_unit unit;
	const char *state; /* of memory.stat: the kernel's enumerator; NULL: an event */
	bool sum;	   /* of memory.stat: of all whose keys begin with this one and '_' */
	bool counter;
	bool maybe; /* the file may be without, and so is the record then */
};

extern const struct record_number record_numbers[];
extern const size_t n_record_numbers;

/*
 * The two readers, which rows cannot tell apart: they fill a file's cells with rows_put(). 0 or -errno;
 * -EBADMSG: what no kernel writes was left out.
 */
int rows_read_text(struct rows *rows, struct group *group, struct rows_file *file);
/*
 * sources/cgroup_record.c. -EAGAIN: the record does not stand for this file, or for one that was not read of any
 * group before: which files the kernel gives to groups is the file reader's to find out.
 */
int rows_read_record(struct rows *rows, struct group *group, struct rows_file *file);
/* Sets a cell, once per reading, and adds the samples of its targets. `word` is what a pattern met. */
void rows_put(struct rows *rows, struct rows_cell *cell, struct rows_word *word,
	      struct rows_number number);
/* Finds the cells in the record, once per source that opens. */
void rows_bind_record(struct rows *rows);
/* sources/cgroup_told.c: what is read next, and that counters which readers reckon for themselves never fall. */
void rows_begin_reading(struct rows *rows, const struct group *group, bool from_record);
void rows_keep_told(struct rows *rows, const struct record_number *number, uint64_t *value);
