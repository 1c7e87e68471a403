/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program of bpf/records.bpf.c in the kernel: one pass fills a record for every cgroup below a directory.
 * Owned by fast_path.c. While it runs the kernel lets nobody make or remove cgroups: about 1 us each.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bpf/wire_records.h"

struct hierarchy;
struct record_layout;
struct record_pass;

/*
 * Loads it, with room for `room` records of the cgroups below root_fd. -errno with *ret_reason set to a static
 * sentence, or to NULL.
 */
int record_pass_open(int root_fd, unsigned room, struct record_pass **ret_pass,
		     const char **ret_reason);
/* Detaches and frees; accepts NULL. */
void record_pass_close(struct record_pass *pass);
/*
 * Fills the records of the hierarchy that it was opened for anew, parents before children: *ret_records is the kernel's memory and changes with the
 * next pass. -errno; -ENOSPC: there were more than there was room for, the first ones are there.
 */
int record_pass_run(struct record_pass *pass, struct hierarchy *hierarchy,
		    const struct wire_record **ret_records, unsigned *ret_n);
/* What the last pass left to files that records could have, and why: the first of it. NULL: nothing. */
const char *record_pass_left(const struct record_pass *pass);
/* What memory_stat of a record is. Lives as long as the pass. */
const struct record_layout *record_pass_layout(const struct record_pass *pass);
/* Kernel memory of its maps, in bytes. */
size_t record_pass_memory(const struct record_pass *pass);
