/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading all cgroups in one pass of the kernel's own iterator, in place of their files: whether that is
 * done, and whether it may be. Where it cannot be, or where a number is ever not the file's, files are read.
 * Outlives configurations. Owned by collect.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "bpf/wire_records.h"

struct fast_path;
struct hierarchy;
struct options;

/* What was told of a group, in microseconds. */
struct told {
	uint64_t id, user_us, system_us;
	uint64_t stalls_us[N_RECORD_STALLS]; /* totals of pressure */
	uint64_t pass;			     /* in which it was last asked for */
	UT_hash_handle hh;
};

struct fast_path *fast_path_new(void);
/* Accepts NULL. */
void fast_path_free(struct fast_path *fast_path);
/* With another configuration, or another hierarchy: what failed is tried again, what was unequal is not. */
void fast_path_apply(struct fast_path *fast_path, const struct options *options);
/*
 * Before sources are asked that read files of groups: sets ->record of all groups that have one, and compares
 * some with their files when it is time.
 */
void fast_path_read(struct fast_path *fast_path, struct hierarchy *hierarchy);
/* When none is asked: no group has a record. */
void fast_path_skip(const struct hierarchy *hierarchy);
/* Why files are read; NULL: records are. Lives until the next call of another function. */
const char *fast_path_reason(const struct fast_path *fast_path);
/* What is read from files all the same though records could have it, and why; NULL: nothing. A static sentence. */
const char *fast_path_left(const struct fast_path *fast_path);
/* Numbers that were not the file's, ever. */
uint64_t fast_path_mismatches(const struct fast_path *fast_path);
/* Numbers that were compared, ever. */
uint64_t fast_path_compared(const struct fast_path *fast_path);
/* Kernel memory of the records, in bytes. */
size_t fast_path_memory(const struct fast_path *fast_path);
/*
 * What was told of a group. NULL when that never was of a record, unless `add`; and without a fast path,
 * which may be NULL.
 */
struct told *fast_path_told(struct fast_path *fast_path, uint64_t id, bool add);
