/* SPDX-License-Identifier: Apache-2.0 */
/* Who is there, and since when. */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/workloads/identity.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/procfs/proc_stat.h"
#include "collector/source.h"
#include "collector/workloads/members.h"

enum { LAST_SEEN, START_TIME, SCRAPE_ERROR };

static const struct metric metrics[] = {
	[LAST_SEEN] = {
		.name = "container_last_seen",
		.help = "Unix time of this scrape, in which the cgroup was there.",
		.unit = "seconds",
		.scale = SCALE_MILLISECONDS,
	},
	[START_TIME] = {
		.name = "container_start_time_seconds",
		.help = "Unix time of the last start, from the runtime's files; where these tell none, at "
			"which the oldest process of the container, service or scope started, from "
			"/proc/PID/stat; of the host: its boot. Absent for slices and pods, and until "
			"one of the two was seen.",
		.unit = "seconds",
		.scale = SCALE_MILLISECONDS,
	},
	[SCRAPE_ERROR] = {
		.name = "container_scrape_error",
		.help = "1 if a cgroup directory could not be opened or listed in this scrape, else 0.",
		.scope = SCOPE_HOST,
	},
};

enum {
	PIDS_LOOKED_AT = 64, /* of one cgroup.procs: the oldest is nearly always the first */
	EAGER_TRIES = 4, /* scrapes in which a group without processes is looked at again at once */
	LATER_EVERY = 16, /* and then in every so many */
};

struct state {
	const struct options *options;
	unsigned procs_file;
	bool procs_known;
	int64_t boot_ms;
	int64_t ticks_per_s;
};

static int container_open(const struct options *options, void **ret_state, const char **ret_reason)
{
	struct state *state = xcalloc(1, sizeof(*state));

	(void)ret_reason;
	state->options = options;
	state->boot_ms = proc_boot_time_ms(options->path_procfs);
	state->ticks_per_s = sysconf(_SC_CLK_TCK);
	*ret_state = state;
	return 0;
}

static void container_close(void *state)
{
	free(state);
}

/* Start of the oldest process among the pids of a cgroup.procs, in ticks after boot; 0 = none. */
static uint64_t oldest(const struct state *state, const char *pids)
{
	uint64_t first = 0;
	const char *s = pids;

	for (int i = 0; i < PIDS_LOOKED_AT && *s; i++) {
		size_t length = strcspn(s, "\n");
		cleanup_free char *pid = xstrndup(s, length);
		struct proc_stat stat;

		/* A process of another pid namespace is listed as 0. */
		if (!streq(pid, "0") &&
		    proc_stat_read(state->options->path_procfs, pid, &stat) == 0 &&
		    (!first || stat.starttime < first))
			first = stat.starttime;
		s += length + (s[length] == '\n');
	}
	return first;
}

static bool starts_with_process(enum workload_kind kind)
{
	return kind != KIND_HOST && kind != KIND_SLICE && kind != KIND_POD;
}

/* Looks into a group, which is the workload's own or one inside of it, for the oldest process. */
static void look_for_start(const struct state *state, struct hierarchy *hierarchy,
			   struct group *group, struct identity *identity)
{
	const char *pids;

	if (members_none(hierarchy, group) ||
	    group_read(hierarchy, group, state->procs_file, &pids) <= 0)
		return;
	uint64_t ticks = oldest(state, pids);
	if (!ticks)
		return;
	int64_t ms = state->boot_ms + (int64_t)ticks * 1000 / state->ticks_per_s;
	if (!identity->start_ms || ms < identity->start_ms)
		identity->start_ms = ms;
}

/* The group that stands for the workload that `group` belongs to. */
static struct group *owner_of(struct group *group)
{
	while (group && group->inside)
		group = group->parent;
	return group;
}

/*
 * Computed once per cgroup id, and never from directory times: those change when the kernel drops
 * its caches.
 */
static void find_starts(const struct state *state, struct collection *collection)
{
	uint64_t generation = collection->snapshot->generation;

	for_each_group(group, collection->hierarchy) {
		struct group *owner = owner_of(group);
		struct identity *identity = owner->identity;
		bool eager = identity->start_tries < EAGER_TRIES;

		if (!owner->entry || !starts_with_process(identity->kind))
			continue;
		if (group == owner && !identity->start_ms)
			identity->start_tries += eager;
		else if (identity->start_ms)
			continue;
		if (eager || generation % LATER_EVERY == 0)
			look_for_start(state, collection->hierarchy, group, identity);
	}
}

static void add_workload(const struct state *state, struct snapshot *snapshot,
			 struct family families[], const struct group *group)
{
	const struct workload *w = group->workload;
	int64_t start_ms = w->kind == KIND_HOST ? state->boot_ms : group->identity->start_ms;

	family_add_integer(snapshot, &families[LAST_SEEN], w, NULL, (uint64_t)snapshot->time_ms);
	if (start_ms > 0)
		family_add_integer(snapshot, &families[START_TIME], w, NULL, (uint64_t)start_ms);
}

static int container_collect(void *opened, struct collection *collection, struct family families[])
{
	struct hierarchy *hierarchy = collection->hierarchy;
	struct state *state = opened;
	size_t n = 0;

	if (!state->procs_known) {
		state->procs_file = hierarchy_file(hierarchy, "cgroup.procs");
		state->procs_known = true;
	}
	if (state->boot_ms)
		find_starts(state, collection);
	for_each_group(group, hierarchy) {
		if (!group->workload)
			continue;
		if (n++ % COLLECTION_STRIDE == 0 && collection_expired(collection))
			return -ETIME;
		add_workload(state, collection->snapshot, families, group);
	}
	family_add_integer(collection->snapshot, &families[SCRAPE_ERROR], NULL, NULL,
			   hierarchy->incomplete);
	return 0;
}

const struct source source_container = {
	.name = "container",
	.help = "which workloads are there, and since when",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = container_open,
	.collect = container_collect,
	.close = container_close,
};
