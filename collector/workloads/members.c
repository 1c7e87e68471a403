/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/members.h"

#include <errno.h>
#include <stdlib.h>

#include "bpf/wire_records.h"
#include "collector/census.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/workloads/identity.h"
#include "collector/memory.h"
#include "collector/procfs/proc_stat.h"
#include "collector/procfs/procfs.h"

struct group *members_next(const struct group *top, struct group *group)
{
	struct group *next = group->first_child;

	for (;;) {
		for (; next; next = next->next_sibling)
			if (next->inside)
				return next;
		if (group == top)
			return NULL;
		next = group->next_sibling;
		group = group->parent;
	}
}

static uint64_t count_lines(const char *text, size_t length)
{
	uint64_t n = 0;

	for (const char *p = text, *end = text + length; (p = memchr(p, '\n', (size_t)(end - p)));
	     p++)
		n++;
	return n;
}

bool members_none(const struct hierarchy *hierarchy, const struct group *group)
{
	const struct wire_record *record = hierarchy->records_fresh ? group->record : NULL;

	return record && record->filled & RECORD_GROUP && !record->populated;
}

static int count_of(struct census *census, struct hierarchy *hierarchy, struct group *group,
		    uint64_t *ret)
{
	int err = census_count(census, group, ret);
	const char *text;

	if (err != -ENODATA)
		return err;
	if (members_none(hierarchy, group)) {
		*ret = 0;
		return group->record->threaded ? -EOPNOTSUPP : 0;
	}
	ssize_t n = group_read(hierarchy, group, hierarchy_file(hierarchy, "cgroup.procs"), &text);
	group->threaded |= n == -EOPNOTSUPP;
	if (n < 0)
		return (int)n;
	*ret = count_lines(text, (size_t)n);
	return 0;
}

int members_count(struct census *census, struct hierarchy *hierarchy, struct group *top,
		  uint64_t *ret)
{
	uint64_t total = 0, n;

	for (struct group *group = top; group; group = members_next(top, group)) {
		int err = count_of(census, hierarchy, group, &n);

		if (err < 0 && group == top)
			return err;
		total += err < 0 ? 0 : n;
	}
	*ret = total;
	return 0;
}

static void add_pids(struct members *members, const char *text, size_t max)
{
	for (char *end; members->n < max; text = end) {
		long pid = strtol(text, &end, 10);

		if (end == text)
			return;
		if (pid <= 0 || pid > INT32_MAX)
			continue; /* 0: a process that our pid namespace does not see */
		if (members->n == members->size) {
			members->size = members->size ? members->size * 2 : 64;
			members->pids =
				xreallocarray(members->pids, members->size, sizeof(*members->pids));
		}
		members->pids[members->n++] = (int32_t)pid;
	}
}

/* systemd-nspawn itself, which lives outside of the machine that it supervises. */
static bool is_supervisor(const struct group *top, const struct group *group)
{
	return group->parent == top && top->identity && top->identity->kind == KIND_MACHINE &&
	       streq(group->name, "supervisor");
}

int members_append(struct hierarchy *hierarchy, struct group *group, unsigned file, size_t max,
		   struct members *members)
{
	const char *text;
	ssize_t n = group_read(hierarchy, group, file, &text);

	if (n < 0)
		return (int)n;
	add_pids(members, text, max);
	members->total += count_lines(text, (size_t)n);
	return 0;
}

/* Below a threaded group's domain `file` may be refused: the same processes were listed with the domain. */
static int read_files(struct hierarchy *hierarchy, struct group *top, unsigned file, size_t max,
		      struct members *members)
{
	members->n = 0;
	members->total = 0;
	if (members_none(hierarchy, top))
		return 0;
	for (struct group *group = top; group && members->n < max;
	     group = members_next(top, group)) {
		if (is_supervisor(top, group))
			continue;
		int err = members_append(hierarchy, group, file, max, members);
		if (err < 0 && group == top)
			return err;
	}
	return 0;
}

int members_read(struct hierarchy *hierarchy, struct group *top, size_t max,
		 struct members *members)
{
	int err =
		read_files(hierarchy, top, hierarchy_file(hierarchy, "cgroup.procs"), max, members);

	return err == -EOPNOTSUPP ? members_read_threads(hierarchy, top, max, members) : err;
}

int members_read_threads(struct hierarchy *hierarchy, struct group *top, size_t max,
			 struct members *members)
{
	return read_files(hierarchy, top, hierarchy_file(hierarchy, "cgroup.threads"), max,
			  members);
}

void members_free(struct members *members)
{
	free(members->pids);
	*members = (struct members){ 0 };
}

int members_oldest(int procfs, const struct members *members, int32_t *ret_pid, uint64_t *ret_start)
{
	int32_t oldest = 0;
	uint64_t start = UINT64_MAX;

	for (size_t i = 0; i < members->n; i++) {
		struct proc_stat stat;

		if (procfs_stat(procfs, members->pids[i], &stat) < 0 || stat.state == 'Z')
			continue;
		if (stat.starttime > start ||
		    (stat.starttime == start && members->pids[i] > oldest))
			continue;
		oldest = members->pids[i];
		start = stat.starttime;
	}
	if (!oldest)
		return -ENOENT;
	*ret_pid = oldest;
	*ret_start = start;
	return 0;
}
