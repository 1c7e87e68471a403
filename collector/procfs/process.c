/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/workloads/members.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/procfs/proc_stat.h"
#include "collector/procfs/procfs.h"
#include "collector/utf8.h"

/* What the kernel's numbers are counted in. */
struct units {
	int64_t boot_ms;
	uint64_t ticks_per_s, page_bytes;
};

static bool is_below(const struct group *top, const struct group *group)
{
	while (group && group != top)
		group = group->parent;
	return group == top;
}

static int compare_pids(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

static void fill(const struct proc_stat *stat, int32_t pid, const struct units *units,
		 struct process *process)
{
	cleanup_free char *comm =
		utf8_clean(stat->comm, strlen(stat->comm), sizeof(process->comm) - 1, NULL);

	*process = (struct process){
		.pid = pid,
		.state = stat->state,
		.threads = stat->threads,
		.cpu_ticks = stat->utime + stat->stime,
		.rss_bytes = stat->rss_pages * units->page_bytes,
		.start_ms = (uint64_t)units->boot_ms + stat->starttime * 1000 / units->ticks_per_s,
	};
	snprintf(process->comm, sizeof(process->comm), "%s", comm);
}

/*
 * All pids of the group and of every group below it, workloads of their own or not: whoever asks for
 * a slice wants to see who is in it.
 */
static int list_pids(struct hierarchy *hierarchy, struct group *top, struct members *ret)
{
	unsigned procs = hierarchy_file(hierarchy, "cgroup.procs");

	for_each_group(group, hierarchy) {
		if (!is_below(top, group))
			continue;
		int err = members_append(hierarchy, group, procs, MEMBERS_MAX, ret);
		/* A threaded group shows only threads; the group that owns their processes, these. */
		if (err == -EOPNOTSUPP && group == top)
			err = members_read(hierarchy, group, MEMBERS_MAX, ret);
		if (err < 0 && group == top)
			return err;
	}
	return 0;
}

int process_list_read(const struct options *options, struct hierarchy *hierarchy,
		      struct group *group, size_t max, struct process_list *ret)
{
	const struct units units = {
		.boot_ms = proc_boot_time_ms(options->path_procfs),
		.ticks_per_s = (uint64_t)sysconf(_SC_CLK_TCK),
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
	};
	cleanup(members_free) struct members members = { 0 };
	cleanup_close int procfs = -1;
	struct process_list list = { 0 };
	const char *reason;
	int err = procfs_open(options, &procfs, &reason);

	if (err == 0)
		err = list_pids(hierarchy, group, &members);
	if (err < 0)
		return err;
	if (members.n)
		qsort(members.pids, members.n, sizeof(*members.pids), compare_pids);
	list.items = xcalloc(members.n < max ? members.n : max, sizeof(*list.items));
	list.total = members.total;
	for (size_t i = 0; i < members.n && list.n < max; i++) {
		struct proc_stat stat;

		if (procfs_stat(procfs, members.pids[i], &stat) == 0)
			fill(&stat, members.pids[i], &units, &list.items[list.n++]);
		else
			list.total--; /* it has ended since */
	}
	*ret = list;
	return 0;
}

void process_list_free(struct process_list *list)
{
	free(list->items);
	*list = (struct process_list){ 0 };
}
