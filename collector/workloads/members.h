/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processes are a workload's own: those of its group and, for a container or a machine, of the
 * groups inside it. Groups below that are workloads of their own are not included, so that sums over
 * workloads count no process twice.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct census;
struct group;
struct hierarchy;

enum { MEMBERS_MAX = 4096 }; /* pids that are ever listed of one workload; counting has no limit */

struct members {
	int32_t *pids;
	size_t n, size;
	uint64_t total; /* pids seen, those beyond the maximum too */
};

/*
 * The group after `group` in the walk over what belongs to `top` (pre-order, `top` first), or NULL.
 * Needs no stack: a container decides how deep its groups go.
 */
struct group *members_next(const struct group *top, struct group *group);
/*
 * Whether nobody is in a group or below, by its record in a collection that has just made it. False also where there
 * is none: then the files tell.
 */
bool members_none(const struct hierarchy *hierarchy, const struct group *group);
/*
 * How many processes, by the census or else by the files. 0 or -errno; -EOPNOTSUPP for a threaded group,
 * whose processes are its domain's.
 */
int members_count(struct census *census, struct hierarchy *hierarchy, struct group *top,
		  uint64_t *ret);
/*
 * Replaces the list by at most `max` pids (of a threaded group: tids), a machine's supervisor left out. *members is empty or from an
 * earlier call; freed by members_free().
 */
int members_read(struct hierarchy *hierarchy, struct group *top, size_t max,
		 struct members *members);
/* Adds the pids of one group's `file` ("cgroup.procs" by its number), up to `max` in the whole list. */
int members_append(struct hierarchy *hierarchy, struct group *group, unsigned file, size_t max,
		   struct members *members);
/* As members_read(), of threads. */
int members_read_threads(struct hierarchy *hierarchy, struct group *top, size_t max,
			 struct members *members);
void members_free(struct members *members);

/*
 * The oldest of the listed processes, in *ret_pid and *ret_start (ticks after boot):
 * a container's first process. -ENOENT: none of them is left.
 */
int members_oldest(int procfs, const struct members *members, int32_t *ret_pid,
		   uint64_t *ret_start);
