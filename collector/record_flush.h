/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CPUs have counted of cgroups is added up here before a pass of record_pass.c looks: by a program that may do
 * it of everything, or, since Linux 6.16, of CPU times alone, and by reading files for the rest.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct hierarchy;
struct record_flush;

/* `all`: the kernel has the function that adds up everything. -errno. */
int record_flush_open(int root_fd, bool all, struct record_flush **ret_flush);
/* Detaches and frees; accepts NULL. */
void record_flush_close(struct record_flush *flush);
/*
 * -errno. *io: whether it is to add up I/O, then whether it has. *ret_updates_max: memory is added up, but for groups
 * which have counted more than that, in pages, that is not.
 */
int record_flush_run(const struct record_flush *flush, struct hierarchy *hierarchy, bool *io,
		     uint64_t *ret_updates_max);
