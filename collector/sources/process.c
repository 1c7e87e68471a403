/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of workloads: the census or cgroup.procs, and files of <procfs>/PID. A workload's own
 * processes only, see members.h. What costs something per process is off by default. CPU time measured
 * on Linux 6.18 with 1,000 workloads of one process: 10 microseconds for cgroup.procs (1 by the census),
 * 8 more to count descriptors (more before Linux 6.2, which has to list them), and 35 more to count
 * sockets and states too.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <uthash.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/workloads/members.h"
#include "collector/memory.h"
#include "collector/procfs/proc_stat.h"
#include "collector/procfs/procfs.h"
#include "collector/source.h"

enum { PROCESSES, ULIMITS, FILE_DESCRIPTORS, SOCKETS, TASKS, SKIPPED };

static const struct metric metrics[] = {
	[PROCESSES] = {
		.name = "container_processes",
		.help = "Processes, from cgroup.procs of the cgroup and of those inside the container.",
	},
	[ULIMITS] = {
		.name = "container_ulimits_soft",
		.help = "Soft limit of the first process on open files, from /proc/PID/limits; read anew "
			"every one to two minutes.",
		.labels = { "ulimit" },
	},
	[FILE_DESCRIPTORS] = {
		.name = "container_file_descriptors",
		.help = "Open descriptors of all processes, from /proc/PID/fd.",
		.optional = true,
	},
	[SOCKETS] = {
		.name = "container_sockets",
		.help = "Open descriptors of all processes that are sockets, from /proc/PID/fd.",
		.optional = true,
	},
	[TASKS] = {
		.name = "container_tasks_state",
		.help = "Threads by state, from /proc/TID/stat: running, sleeping, stopped and "
			"uninterruptible (which includes those that wait for I/O).",
		.labels = { "state" },
		.optional = true,
	},
	[SKIPPED] = {
		.name = "tallyman_process_workloads_skipped_total",
		.help = "Times that a workload had too many processes (4096) to count their descriptors "
			"or states, so that it has no samples of those.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
};

enum task_state { RUNNING, SLEEPING, STOPPED, UNINTERRUPTIBLE, N_TASK_STATES };

static const char *const state_names[N_TASK_STATES] = { "running", "sleeping", "stopped",
							"uninterruptible" };

#define SECOND_NS     UINT64_C(1000000000)
#define ULIMIT_AGE_NS (60 * SECOND_NS)
enum { LIMITS_MAX = 16 * 1024, CANDIDATES_MAX = 512 };

/* The soft limit of a group's first process, which is read rarely. */
struct entry {
	uint64_t id; /* cgroup id */
	int32_t pid; /* 0 = none known */
	uint64_t start_ticks;
	uint64_t soft;
	bool has_soft;
	uint64_t next_ns;
	uint64_t seen;
	UT_hash_handle hh;
};

struct state {
	int procfs;
	bool fd_size;	       /* stat of /proc/PID/fd tells their number: Linux 6.2 */
	struct entry *entries; /* uthash by id */
	struct members members;
	struct buffer text;
	uint64_t collections, skipped, now_ns;
};

static int process_open(const struct options *options, void **ret_state, const char **ret_reason)
{
	struct stat st;
	int procfs;
	int err = procfs_open(options, &procfs, ret_reason);

	if (err < 0)
		return err;
	struct state *state = xcalloc(1, sizeof(*state));
	state->procfs = procfs;
	state->fd_size = fstatat(procfs, "self/fd", &st, 0) == 0 && st.st_size > 0;
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
		free(entry);
	}
}

static void process_close(void *opened)
{
	struct state *state = opened;

	drop_entries(state, true);
	members_free(&state->members);
	buffer_free(&state->text);
	close(state->procfs);
	free(state);
}

static struct entry *get_entry(struct state *state, uint64_t id)
{
	struct entry *entry;

	HASH_FIND(hh, state->entries, &id, sizeof(id), entry);
	if (!entry) {
		entry = xcalloc(1, sizeof(*entry));
		entry->id = id;
		HASH_ADD(hh, state->entries, id, sizeof(entry->id), entry);
	}
	entry->seen = state->collections;
	return entry;
}

/* Format: fs/proc/base.c, proc_pid_limits(): "Max open files  <soft>  <hard>  files". */
static bool parse_open_files(const char *text, uint64_t *ret_soft)
{
	const char *line = strstr(text, "Max open files ");
	uint64_t soft;

	if (!line || sscanf(line, "Max open files %" SCNu64, &soft) != 1)
		return false;
	*ret_soft = soft;
	return true;
}

static void read_ulimit(struct state *state, struct hierarchy *hierarchy, struct group *group,
			struct entry *entry)
{
	struct proc_stat stat;

	entry->has_soft = false;
	if (!entry->pid || procfs_stat(state->procfs, entry->pid, &stat) < 0 ||
	    stat.starttime != entry->start_ticks) {
		entry->pid = 0;
		if (members_read(hierarchy, group, CANDIDATES_MAX, &state->members) < 0 ||
		    members_oldest(state->procfs, &state->members, &entry->pid,
				   &entry->start_ticks) < 0)
			return;
	}
	if (procfs_read(state->procfs, entry->pid, "limits", LIMITS_MAX, &state->text) == 0)
		entry->has_soft = parse_open_files(state->text.data, &entry->soft);
}

static void add_ulimit(struct state *state, struct collection *collection, struct family *family,
		       struct group *group)
{
	static const char *const labels[] = { "max_open_files" };
	struct entry *entry = get_entry(state, group->id);

	if (state->now_ns >= entry->next_ns) {
		read_ulimit(state, collection->hierarchy, group, entry);
		/* Spread over a minute, so that no scrape has to read them all. */
		entry->next_ns = state->now_ns + ULIMIT_AGE_NS + entry->id % 60 * SECOND_NS;
	}
	if (entry->has_soft)
		family_add_integer(collection->snapshot, family, group->workload, labels,
				   entry->soft);
}

/* Lists <pid>/fd. -ENOENT: the process is gone. */
static int list_fds(int procfs, int32_t pid, bool want_sockets, uint64_t *fds, uint64_t *sockets)
{
	char path[32];
	struct dirent *entry;

	snprintf(path, sizeof(path), "%" PRId32 "/fd", pid);
	int fd = openat(procfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	cleanup_dir DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		char link[8];

		if (entry->d_name[0] == '.')
			continue;
		*fds += 1;
		if (want_sockets && readlinkat(dirfd(dir), entry->d_name, link, 8) == 8)
			*sockets += memcmp(link, "socket:[", 8) == 0;
	}
	return 0;
}

static int count_fds(const struct state *state, int32_t pid, bool want_sockets, uint64_t *fds,
		     uint64_t *sockets)
{
	char path[32];
	struct stat st;

	if (want_sockets || !state->fd_size)
		return list_fds(state->procfs, pid, want_sockets, fds, sockets);
	snprintf(path, sizeof(path), "%" PRId32 "/fd", pid);
	if (fstatat(state->procfs, path, &st, 0) < 0)
		return -errno;
	*fds += (uint64_t)st.st_size;
	return 0;
}

static bool is_gone(int err)
{
	return err == -ENOENT || err == -ESRCH;
}

/* A sum that misses a process is no data: only those that have ended may be left out. */
static void add_fds(struct state *state, struct collection *collection, struct family families[],
		    struct group *group)
{
	bool want_sockets = !families[SOCKETS].left_out;
	struct members *members = &state->members;
	uint64_t fds = 0, sockets = 0;

	if (members_read(collection->hierarchy, group, MEMBERS_MAX, members) < 0)
		return;
	if (members->n == MEMBERS_MAX) {
		state->skipped++;
		return;
	}
	for (size_t i = 0; i < members->n; i++) {
		int err = count_fds(state, members->pids[i], want_sockets, &fds, &sockets);

		if (is_denied(err))
			collection->denied = "descriptors and sockets of other users' processes";
		if (err < 0 && !is_gone(err))
			return;
	}
	family_add_integer(collection->snapshot, &families[FILE_DESCRIPTORS], group->workload, NULL,
			   fds);
	if (want_sockets)
		family_add_integer(collection->snapshot, &families[SOCKETS], group->workload, NULL,
				   sockets);
}

/* proc_pid_stat(5), field 3. Idle kernel threads sleep; the dead are nobody's. */
static enum task_state task_state(char letter)
{
	switch (letter) {
	case 'R':
		return RUNNING;
	case 'S':
	case 'I':
		return SLEEPING;
	case 'T':
	case 't':
		return STOPPED;
	case 'D':
		return UNINTERRUPTIBLE;
	default:
		return N_TASK_STATES;
	}
}

static void add_states(struct state *state, struct collection *collection, struct family *family,
		       struct group *group)
{
	struct members *members = &state->members;
	uint64_t counts[N_TASK_STATES + 1] = { 0 };

	if (members_read_threads(collection->hierarchy, group, MEMBERS_MAX, members) < 0)
		return;
	if (members->n == MEMBERS_MAX) {
		state->skipped++;
		return;
	}
	for (size_t i = 0; i < members->n; i++) {
		struct proc_stat stat;

		if (procfs_stat(state->procfs, members->pids[i], &stat) == 0)
			counts[task_state(stat.state)]++;
	}
	for (size_t i = 0; i < N_TASK_STATES; i++)
		family_add_integer(collection->snapshot, family, group->workload, &state_names[i],
				   counts[i]);
}

static int process_collect(void *opened, struct collection *collection, struct family families[])
{
	struct state *state = opened;
	size_t asked = 0;

	state->now_ns = clock_monotonic_ns();
	state->collections++;
	for_each_group(group, collection->hierarchy) {
		uint64_t processes;

		if (!group->workload)
			continue;
		if (++asked % COLLECTION_STRIDE == 0 && collection_expired(collection))
			return -ETIME;
		if (members_count(collection->census, collection->hierarchy, group, &processes) < 0)
			continue;
		family_add_integer(collection->snapshot, &families[PROCESSES], group->workload,
				   NULL, processes);
		/* Process 1 is not the root's own: it is of its scope. */
		if (!group->parent || !processes)
			continue;
		add_ulimit(state, collection, &families[ULIMITS], group);
		if (!families[FILE_DESCRIPTORS].left_out || !families[SOCKETS].left_out)
			add_fds(state, collection, families, group);
		if (!families[TASKS].left_out)
			add_states(state, collection, &families[TASKS], group);
	}
	drop_entries(state, false);
	family_add_integer(collection->snapshot, &families[SKIPPED], NULL, NULL, state->skipped);
	return 0;
}

const struct source source_process = {
	.name = "process",
	.help = "numbers of processes, and on demand of their descriptors and states",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = process_open,
	.collect = process_collect,
	.close = process_close,
};
