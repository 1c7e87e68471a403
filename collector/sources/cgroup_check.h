/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records against files: one group of each depth, another one each time. A counter must lie between the file
 * read before the pass and the file read after; what did not change there must be the same. Used by fast_path.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hierarchy;
struct options;
struct record_check;

struct record_check *record_check_new(const struct options *options);
/* Accepts NULL. */
void record_check_free(struct record_check *check);
/* Chooses groups: another one of each depth each time. */
void record_check_begin(struct record_check *check, const struct hierarchy *hierarchy);
/* Reads the files of those of which it is still open whether the record is right: of all after the beginning. */
void record_check_before(struct record_check *check, struct hierarchy *hierarchy);
/*
 * After a pass: how many numbers were not right in any pass since the beginning, which was in the same walk.
 * What moves while it is looked at may look wrong; but not the same number of the same group each time. Of the first
 * *ret_mismatch tells, allocated; else it is NULL. *ret_compared counts what was looked at.
 */
unsigned record_check_after(struct record_check *check, struct hierarchy *hierarchy,
			    unsigned *ret_compared, char **ret_mismatch);
