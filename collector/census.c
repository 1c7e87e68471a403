/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/census.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>

#include "bpf/wire.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/procfs/process_iterator.h"
#include "collector/source.h"

/*
 * The pass goes over all threads of the host, whoever's they are. Below some groups it is not worth a
 * program in the kernel.
 */
enum { GROUPS_MIN = 64, THREADS_PER_GROUP = 8 };

static const uint64_t ask_again_ns = UINT64_C(60) * 1000 * 1000 * 1000;

enum read_state { NOT_READ, READ, REFUSED };

struct census {
	const struct options *options;
	struct hierarchy *hierarchy;
	struct process_iterator *iterator; /* NULL: not loaded */
	bool impossible;		   /* and will not be */
	enum read_state state;		   /* in this collection */
	uint64_t passes;
};

struct census *census_new(const struct options *options, struct hierarchy *hierarchy)
{
	struct census *census = xcalloc(1, sizeof(*census));

	census->options = options;
	census->hierarchy = hierarchy;
	return census;
}

void census_free(struct census *census)
{
	if (!census)
		return;
	process_iterator_close(census->iterator);
	free(census);
}

void census_begin(struct census *census)
{
	if (census)
		census->state = NOT_READ;
}

/* Threads of the host: proc_loadavg(5), behind the slash. */
static bool is_worth_it(const struct census *census)
{
	cleanup_free char *path = xasprintf("%s/loadavg", census->options->path_procfs);
	cleanup_file FILE *file = fopen(path, "re");
	size_t groups = census->hierarchy->n_groups;
	uint64_t threads;

	return groups >= GROUPS_MIN && file &&
	       fscanf(file, "%*s %*s %*s %*u/%" SCNu64, &threads) == 1 &&
	       threads <= groups * THREADS_PER_GROUP;
}

/* Whether the files that are read are this kernel's, and no copies. */
static bool is_of_kernel(const struct census *census)
{
	struct statfs processes;

	return hierarchy_is_of_kernel(census->hierarchy->root_fd) &&
	       statfs(census->options->path_procfs, &processes) == 0 &&
	       processes.f_type == PROC_SUPER_MAGIC;
}

static void count(struct census *census)
{
	size_t n;
	const struct wire_process *records = process_iterator_records(census->iterator, &n);

	census->passes++;
	for_each_group(group, census->hierarchy) {
		group->processes = 0;
		group->counted = census->passes;
	}
	for (size_t i = 0; i < n; i++) {
		struct group *group = hierarchy_find(census->hierarchy, records[i].cgroup);

		if (!group)
			continue;
		group->processes += records[i].pid != 0;
		group->threaded |= records[i].pid == 0;
	}
}

/* Whether what the kernel tells is there, read in this collection. */
static bool is_read(struct census *census)
{
	if (!census || census->state == REFUSED)
		return false;
	if (census->state == READ)
		return true;
	census->state = REFUSED;
	if (census->impossible || !is_worth_it(census))
		return false;
	int err = census->iterator	 ? process_iterator_refresh(census->iterator)
		  : is_of_kernel(census) ? process_iterator_open(&census->iterator)
					 : -EXDEV;
	if (err < 0) {
		census->impossible = !is_passing(err);
		return false;
	}
	count(census);
	census->state = READ;
	return true;
}

/*
 * Without tasks a threaded group looks like any that is empty: its file says which it is. It stays threaded
 * (cgroup-v2.rst, "Threads"), and what is none may become it.
 */
static bool is_in_doubt(struct group *group)
{
	uint64_t now = clock_monotonic_ns();

	if (group->processes || group->threaded ||
	    (group->asked_ns && now - group->asked_ns < ask_again_ns))
		return false;
	group->asked_ns = now;
	return true;
}

int census_count(struct census *census, struct group *group, uint64_t *ret)
{
	if (!is_read(census) || group->counted != census->passes)
		return -ENODATA;
	if (group->threaded)
		return -EOPNOTSUPP;
	if (is_in_doubt(group))
		return -ENODATA;
	*ret = group->processes;
	return 0;
}

int census_netns(struct census *census, int32_t pid, uint64_t *ret_inode)
{
	return is_read(census) ? process_iterator_netns(census->iterator, pid, ret_inode)
			       : -ENODATA;
}
