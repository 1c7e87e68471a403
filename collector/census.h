/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All processes of the host in one pass of the kernel's, in place of a cgroup.procs and a link ns/net
 * for each workload: on Linux 6.18 that is 1 us of CPU time a process in place of 11 us a workload. Used
 * where it pays and can be had; else the files are read. Owned by collect.c, read at most once in a
 * collection.
 */
#pragma once

#include <stdint.h>

struct census;
struct group;
struct hierarchy;
struct options;

struct census *census_new(const struct options *options, struct hierarchy *hierarchy);
/* Accepts NULL. */
void census_free(struct census *census);
/* What was read is old from here on. After a walk; accepts NULL. */
void census_begin(struct census *census);
/*
 * How many processes the group's cgroup.procs would list; -EOPNOTSUPP for a threaded group. -ENODATA:
 * ask the file, and note in group->threaded when it refuses with -EOPNOTSUPP. `census` may be NULL.
 */
int census_count(struct census *census, struct group *group, uint64_t *ret);
/* The network namespace of a process. -ENOENT: it is gone. -ENODATA: ask the link. May be NULL, too. */
int census_netns(struct census *census, int32_t pid, uint64_t *ret_inode);
