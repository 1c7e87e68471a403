/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the numbers of struct memcg_vmstats are which of memory.stat: the kernel tells of it by half in its type
 * information, by half in the file. Part of record_pass.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct btf;

enum { RECORD_NUMBERS_MAX = 192, RECORD_PLACES_MAX = 6 };

struct record_layout {
	uint32_t n_states, n_counts; /* the kernel's; 0: not known, nobody has such a record */
	/* By number, see sources/cgroup_record.h: in wire_record.memory_stat. None: the kernel has no such line. */
	struct record_places {
		uint8_t n, places[RECORD_PLACES_MAX];
	} numbers[RECORD_NUMBERS_MAX];
};

/* `text`: a memory.stat of this kernel, of any group; NULL: there is none, and none is known. */
void record_layout_find(const struct btf *kernel, const char *text, struct record_layout *ret);
