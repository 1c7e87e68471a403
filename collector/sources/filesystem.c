/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk space: of the host's file systems, read in the scrape; of containers' writable layers, walked
 * every --filesystem.interval by a thread of lowest priority that hands over finished values.
 * A layer is the upperdir of the overlay that is the root of the container's first process. That
 * path is text which a container with a user namespace of its own can choose: it may so have another
 * directory of the host measured, and learn its size, but never read or block anything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <uthash.h>

#include "collector/buffer.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/procfs/disks.h"
#include "collector/workloads/layer.h"
#include "collector/workloads/members.h"
#include "collector/memory.h"
#include "collector/procfs/mountinfo.h"
#include "collector/procfs/mounts.h"
#include "collector/options/options.h"
#include "collector/procfs/procfs.h"
#include "collector/source.h"
#include "collector/worker.h"

enum { USAGE, LIMIT, INODES_TOTAL, INODES_FREE, INODES_USED, USAGE_AGE, WALKS, RUNNING, DROPPED };

static const struct metric metrics[] = {
	[USAGE] = {
		.name = "container_fs_usage_bytes",
		.help = "Bytes allocated in the container's writable layer (the overlay's upperdir, hard "
			"links once), as last walked; for the host, used bytes of each local file system.",
		.unit = "bytes",
		.labels = { "device" },
	},
	[LIMIT] = {
		.name = "container_fs_limit_bytes",
		.help = "Size of the file system that the writable layer is on, from statvfs.",
		.unit = "bytes",
		.labels = { "device" },
	},
	[INODES_TOTAL] = {
		.name = "container_fs_inodes_total",
		.help = "Inodes of the file system that the writable layer is on, from statvfs; absent "
			"where their number is not fixed.",
		.labels = { "device" },
	},
	[INODES_FREE] = {
		.name = "container_fs_inodes_free",
		.help = "Free inodes of the file system that the writable layer is on, from statvfs.",
		.labels = { "device" },
	},
	[INODES_USED] = {
		.name = "container_fs_inodes_used",
		.help = "Inodes in the container's writable layer, as last walked; for the host, used "
			"inodes of each local file system.",
		.labels = { "device" },
	},
	[USAGE_AGE] = {
		.name = "container_fs_usage_age_seconds",
		.help = "Time since the writable layer was last walked to its end.",
		.unit = "seconds",
		.scale = SCALE_MILLISECONDS,
	},
	[WALKS] = {
		.name = "tallyman_filesystem_walks_total",
		.help = "Walks over writable layers: complete, truncated (more than 5,000,000 entries, or "
			"nested deeper than 128), or failed. Only a complete one changes values.",
		.labels = { "result" },
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[RUNNING] = {
		.name = "tallyman_filesystem_walk_running_seconds",
		.help = "Time for which the present walk over a writable layer has run, 0 without one. All "
			"others wait for it: a file system that does not answer makes it grow.",
		.unit = "seconds",
		.scale = SCALE_MILLISECONDS,
		.scope = SCOPE_HOST,
	},
	[DROPPED] = {
		.name = "tallyman_filesystems_dropped_total",
		.help = "File systems of the host left out because more than 256 are mounted.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
};

enum {
	ENTRIES_MAX = 5000000,
	ENTRIES_PER_SECOND = 20000,
	CANDIDATES_MAX = 64,
	MOUNTINFO_MAX = 4 * 1024 * 1024,
};

#define SECOND_NS    UINT64_C(1000000000)
#define RETRY_MAX_NS (60 * SECOND_NS)

enum walk_result { WALK_COMPLETE, WALK_TRUNCATED, WALK_FAILED, N_WALK_RESULTS };

static const char *const result_names[N_WALK_RESULTS] = { "complete", "truncated", "failed" };

/* What is known of one group; it owns its layer's path. */
struct entry {
	uint64_t id; /* cgroup id */
	char *path;  /* of the layer; NULL = none, or not known yet */
	bool asked;  /* a process told: there is nothing more to find out */
	bool walking, measured;
	struct layer_usage usage;
	uint64_t finished_ns;
	uint64_t first_seen_ns, next_ns; /* of the next attempt, or walk */
	uint64_t seen;
	UT_hash_handle hh;
};

struct state {
	const struct options *options;
	struct disks disks;
	struct worker *worker; /* NULL: layers are not walked */
	struct entry *entries; /* uthash by id */
	struct members members;
	struct buffer text;
	uint64_t collections, now_ns;
	uint64_t walks[N_WALK_RESULTS];
	bool denied; /* a layer could not be found, or not be walked */
};

/* One walk. Shares nothing with the state while it runs. */
struct job {
	struct worker_job job; /* first */
	struct state *state;   /* only for done() */
	uint64_t id;
	char *procfs, *rootfs, *path;
	int err;
	struct layer_usage usage;
};

static bool job_stopped(void *data)
{
	return worker_stopping(data);
}

static void job_run(struct worker *worker, struct worker_job *data)
{
	struct job *job = (struct job *)data;
	const struct layer_limits limits = {
		.entries = ENTRIES_MAX,
		.entries_per_second = ENTRIES_PER_SECOND,
		.stopped = job_stopped,
		.data = worker,
	};

	if (mounts_may_block(job->procfs, job->rootfs, job->path))
		job->err = -EMEDIUMTYPE;
	else
		job->err = layer_walk(job->rootfs, job->path, &limits, &job->usage);
}

static enum walk_result walk_result(int err)
{
	if (err == 0)
		return WALK_COMPLETE;
	return err == -E2BIG || err == -ELOOP ? WALK_TRUNCATED : WALK_FAILED;
}

static void job_done(struct worker_job *data)
{
	struct job *job = (struct job *)data;
	struct state *state = job->state;
	struct entry *entry;

	HASH_FIND(hh, state->entries, &job->id, sizeof(job->id), entry);
	if (entry && !job->job.cancelled) {
		state->walks[walk_result(job->err)]++;
		state->denied |= is_denied(job->err);
		entry->walking = false;
		entry->next_ns =
			clock_monotonic_ns() + state->options->filesystem_interval_s * SECOND_NS;
		if (job->err == 0) {
			entry->usage = job->usage;
			entry->finished_ns = clock_monotonic_ns();
			entry->measured = true;
		}
	}
	free(job->procfs);
	free(job->rootfs);
	free(job->path);
	free(job);
}

static void start_walk(struct state *state, struct entry *entry)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->job.run = job_run;
	job->job.done = job_done;
	job->state = state;
	job->id = entry->id;
	job->procfs = xstrdup(state->options->path_procfs);
	job->rootfs = xstrdup(state->options->path_rootfs);
	job->path = xstrdup(entry->path);
	entry->walking = true;
	worker_submit(state->worker, &job->job);
}

static int filesystem_open(const struct options *options, void **ret_state, const char **ret_reason)
{
	struct state *state = xcalloc(1, sizeof(*state));
	int err = disks_open(options, &state->disks, ret_reason);

	if (err < 0) {
		free(state);
		return err;
	}
	state->options = options;
	if (options->filesystem_interval_s)
		err = worker_new("layers", true, &state->worker);
	if (err < 0) {
		*ret_reason = "the thread that walks writable layers cannot be started";
		disks_close(&state->disks);
		free(state);
		return err;
	}
	*ret_state = state;
	return 0;
}

static void drop_entries(struct state *state, bool all)
{
	struct entry *entry, *next;

	HASH_ITER(hh, state->entries, entry, next) {
		if (!all && entry->seen == state->collections)
			continue;
		HASH_DEL(state->entries, entry);
		free(entry->path);
		free(entry);
	}
}

static void filesystem_close(void *opened)
{
	struct state *state = opened;

	worker_free(state->worker);
	drop_entries(state, true);
	members_free(&state->members);
	buffer_free(&state->text);
	disks_close(&state->disks);
	free(state);
}

static struct entry *get_entry(struct state *state, uint64_t id)
{
	struct entry *entry;

	HASH_FIND(hh, state->entries, &id, sizeof(id), entry);
	if (!entry) {
		entry = xcalloc(1, sizeof(*entry));
		entry->id = id;
		entry->first_seen_ns = state->now_ns;
		HASH_ADD(hh, state->entries, id, sizeof(entry->id), entry);
	}
	entry->seen = state->collections;
	return entry;
}

/* The last mount on "/" is the one that the process sees. */
static char *find_layer(char *mountinfo)
{
	struct mount mount;
	char *layer = NULL;

	while (mountinfo_next(&mountinfo, &mount)) {
		if (!streq(mount.point, "/"))
			continue;
		const char *upper = mountinfo_upperdir(&mount);

		free(layer);
		layer = upper ? xstrdup(upper) : NULL;
	}
	return layer;
}

static void ask_first_process(struct state *state, struct hierarchy *hierarchy, struct group *group,
			      struct entry *entry)
{
	uint64_t start, age = state->now_ns - entry->first_seen_ns;
	int32_t pid;

	entry->next_ns = state->now_ns + (age < RETRY_MAX_NS ? age : RETRY_MAX_NS);
	if (members_read(hierarchy, group, CANDIDATES_MAX, &state->members) < 0 ||
	    members_oldest(state->disks.procfs, &state->members, &pid, &start) < 0)
		return;
	int err = procfs_read(state->disks.procfs, pid, "mountinfo", MOUNTINFO_MAX, &state->text);
	state->denied |= is_denied(err);
	if (err < 0)
		return;
	entry->path = find_layer(state->text.data);
	entry->asked = true;
	entry->next_ns = 0;
}

static bool may_have_layer(const struct group *group)
{
	enum workload_kind kind = group->workload->kind;

	return !group->inside && (kind == KIND_CONTAINER || kind == KIND_MACHINE);
}

static void update_entry(struct state *state, struct hierarchy *hierarchy, struct group *group,
			 struct entry *entry)
{
	if (state->now_ns < entry->next_ns || entry->walking)
		return;
	if (!entry->asked)
		ask_first_process(state, hierarchy, group, entry);
	if (entry->path)
		start_walk(state, entry);
}

struct space {
	uint64_t used, limit, inodes_total, inodes_free, inodes_used;
};

static void add_space(struct snapshot *snapshot, struct family families[],
		      const struct workload *workload, const char *device,
		      const struct space *space)
{
	const char *const value = arena_strdup(&snapshot->arena, device);
	const char *const *labels = snapshot_labels(snapshot, 1, &value);

	family_add_integer(snapshot, &families[USAGE], workload, labels, space->used);
	family_add_integer(snapshot, &families[LIMIT], workload, labels, space->limit);
	if (space->inodes_total) {
		family_add_integer(snapshot, &families[INODES_TOTAL], workload, labels,
				   space->inodes_total);
		family_add_integer(snapshot, &families[INODES_FREE], workload, labels,
				   space->inodes_free);
	}
	if (space->inodes_used)
		family_add_integer(snapshot, &families[INODES_USED], workload, labels,
				   space->inodes_used);
}

static void add_layer(const struct state *state, struct snapshot *snapshot,
		      struct family families[], const struct workload *workload,
		      const struct entry *entry)
{
	const struct layer_usage *usage = &entry->usage;
	cleanup_free char *device =
		disks_device(&state->disks, major(usage->device), minor(usage->device));
	const struct space space = {
		.used = usage->bytes,
		.limit = usage->limit_bytes,
		.inodes_total = usage->inodes_total,
		.inodes_free = usage->inodes_free,
		.inodes_used = usage->inodes,
	};

	add_space(snapshot, families, workload, device, &space);
	family_add_integer(snapshot, &families[USAGE_AGE], workload, NULL,
			   (state->now_ns - entry->finished_ns) / 1000000);
}

static void add_disks(struct state *state, struct snapshot *snapshot, struct family families[])
{
	const struct workload *host = snapshot_host(snapshot);

	for (size_t i = 0; host && i < state->disks.n; i++) {
		struct statvfs fs;

		if (disk_stat(&state->disks, &state->disks.items[i], &fs) < 0)
			continue;
		const struct space space = {
			.used = (fs.f_blocks - fs.f_bfree) * fs.f_frsize,
			.limit = fs.f_blocks * fs.f_frsize,
			.inodes_total = fs.f_files,
			.inodes_free = fs.f_ffree,
			.inodes_used = fs.f_files - fs.f_ffree,
		};
		add_space(snapshot, families, host, state->disks.items[i].device, &space);
	}
}

static int add_layers(struct state *state, struct collection *collection, struct family families[])
{
	size_t asked = 0;

	for_each_group(group, collection->hierarchy) {
		if (!group->workload || !may_have_layer(group))
			continue;
		if (++asked % COLLECTION_STRIDE == 0 && collection_expired(collection))
			return -ETIME;
		struct entry *entry = get_entry(state, group->id);
		update_entry(state, collection->hierarchy, group, entry);
		if (entry->measured)
			add_layer(state, collection->snapshot, families, group->workload, entry);
	}
	drop_entries(state, false);
	return 0;
}

static int filesystem_collect(void *opened, struct collection *collection, struct family families[])
{
	struct snapshot *snapshot = collection->snapshot;
	struct state *state = opened;
	int err = disks_refresh(&state->disks);

	if (err < 0)
		return err;
	state->collections++;
	if (state->worker)
		worker_dispatch(state->worker);
	state->now_ns = clock_monotonic_ns();
	add_disks(state, snapshot, families);
	if (state->worker)
		err = add_layers(state, collection, families);
	if (state->denied)
		collection->denied = "writable layers of containers";
	if (err < 0)
		return err;
	for (size_t i = 0; i < N_WALK_RESULTS; i++)
		family_add_integer(snapshot, &families[WALKS], NULL, &result_names[i],
				   state->walks[i]);
	if (state->worker)
		family_add_integer(snapshot, &families[RUNNING], NULL, NULL,
				   worker_busy_ns(state->worker) / 1000000);
	family_add_integer(snapshot, &families[DROPPED], NULL, NULL, state->disks.dropped);
	return 0;
}

const struct source source_filesystem = {
	.name = "filesystem",
	.help = "space of the host's file systems and of containers' writable layers",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = filesystem_open,
	.collect = filesystem_collect,
	.close = filesystem_close,
};
