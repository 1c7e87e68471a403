/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/netns.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <uthash.h>

#include "collector/census.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/workloads/members.h"
#include "collector/memory.h"
#include "collector/procfs/process_iterator.h"
#include "collector/procfs/proc_stat.h"
#include "collector/procfs/procfs.h"
#include "collector/source.h"

enum {
	HOST_PID = 1,
	KTHREADD_PID = 2,
	/* Processes looked at to find the first one of a workload, once in its life. */
	CANDIDATES_MAX = 512,
};

#define SECOND_NS    UINT64_C(1000000000)
#define RETRY_MAX_NS (60 * SECOND_NS)

/* What is known of one group. */
struct entry {
	uint64_t id; /* cgroup id */
	int32_t pid; /* its first process; 0 = none known */
	uint64_t start_ticks;
	uint64_t inode;
	uint64_t first_seen_ns, retry_ns;
	uint64_t seen; /* number of the resolution that last used it */
	UT_hash_handle hh;
};

/* A workload that lives in a namespace, and so may be its owner. */
struct claim {
	struct entry *entry;
	const struct workload *workload;
};

struct netns_cache {
	int procfs;
	uint64_t host_inode;		   /* process 1 is in it as long as the host is up */
	struct process_iterator *iterator; /* NULL: links are readable, or it cannot be loaded */
	bool iterator_tried, iterator_fresh;
	struct entry *entries; /* uthash by id */
	struct members members;
	uint64_t resolutions;
};

/* Asks the iterator, which is read at most once in a resolution and only when a link was refused. */
static int ask_iterator(struct netns_cache *cache, int32_t pid, uint64_t *ret_inode)
{
	if (!cache->iterator && !cache->iterator_tried) {
		cache->iterator_tried = true;
		cache->iterator_fresh = process_iterator_open(&cache->iterator) == 0;
	}
	if (!cache->iterator)
		return -EACCES;
	if (!cache->iterator_fresh) {
		int err = process_iterator_refresh(cache->iterator);

		if (err < 0)
			return err;
		cache->iterator_fresh = true;
	}
	return process_iterator_netns(cache->iterator, pid, ret_inode);
}

static int find_inode(struct netns_cache *cache, int32_t pid, uint64_t *ret_inode)
{
	int err = procfs_netns(cache->procfs, pid, ret_inode);

	return err == -EACCES || err == -EPERM ? ask_iterator(cache, pid, ret_inode) : err;
}

/*
 * The host's namespace is that of process 1; where that one is hidden, that of kthreadd, which never
 * left the first namespace.
 */
static int find_host(struct netns_cache *cache)
{
	struct proc_stat stat;
	int err = find_inode(cache, HOST_PID, &cache->host_inode);

	if (err < 0 && procfs_stat(cache->procfs, HOST_PID, &stat) == 0 &&
	    procfs_stat(cache->procfs, KTHREADD_PID, &stat) == 0 && streq(stat.comm, "kthreadd"))
		err = find_inode(cache, KTHREADD_PID, &cache->host_inode);
	return err;
}

int netns_open(const struct options *options, struct netns_cache **ret_cache,
	       const char **ret_reason)
{
	struct netns_cache *cache = xcalloc(1, sizeof(*cache));
	int err = procfs_open(options, &cache->procfs, ret_reason);

	if (err < 0) {
		free(cache);
		return err;
	}
	err = find_host(cache);
	if (err < 0) {
		netns_close(cache);
		*ret_reason =
			err == -ENOENT
				? "there is no process 1"
				: "network namespaces cannot be told apart: reading ns/net needs "
				  "CAP_SYS_PTRACE, and the BPF task iterator CAP_BPF, CAP_PERFMON "
				  "and kernel BTF";
		return err;
	}
	*ret_cache = cache;
	return 0;
}

void netns_close(struct netns_cache *cache)
{
	struct entry *entry, *next;

	HASH_ITER(hh, cache->entries, entry, next) {
		HASH_DEL(cache->entries, entry);
		free(entry);
	}
	process_iterator_close(cache->iterator);
	members_free(&cache->members);
	close(cache->procfs);
	free(cache);
}

static struct entry *get_entry(struct netns_cache *cache, uint64_t id, uint64_t now)
{
	struct entry *entry;

	HASH_FIND(hh, cache->entries, &id, sizeof(id), entry);
	if (!entry) {
		entry = xcalloc(1, sizeof(*entry));
		entry->id = id;
		entry->first_seen_ns = now;
		HASH_ADD(hh, cache->entries, id, sizeof(entry->id), entry);
	}
	entry->seen = cache->resolutions;
	return entry;
}

static void drop_unseen(struct netns_cache *cache)
{
	struct entry *entry, *next;

	HASH_ITER(hh, cache->entries, entry, next) {
		if (entry->seen == cache->resolutions)
			continue;
		HASH_DEL(cache->entries, entry);
		free(entry);
	}
}

/*
 * Whether the process is still in the namespace it was found in. That is all that matters for the
 * numbers; where links are refused its start time has to do, which a later setns() does not change.
 */
static bool still_there(struct netns_cache *cache, struct census *census, const struct entry *entry)
{
	struct proc_stat stat;
	uint64_t inode;
	int err = census_netns(census, entry->pid, &inode);

	if (err == -ENODATA)
		err = procfs_netns(cache->procfs, entry->pid, &inode);
	if (err == 0)
		return inode == entry->inode;
	if (err != -EACCES && err != -EPERM)
		return false;
	return procfs_stat(cache->procfs, entry->pid, &stat) == 0 &&
	       stat.starttime == entry->start_ticks && stat.state != 'Z';
}

static int find_first(struct netns_cache *cache, struct hierarchy *hierarchy, struct group *group,
		      struct entry *entry)
{
	struct members *members = &cache->members;
	uint64_t inode = 0, start = 0;
	int32_t pid = 0;
	int err = members_read(hierarchy, group, CANDIDATES_MAX, members);

	if (err == 0)
		err = members_oldest(cache->procfs, members, &pid, &start);
	if (err == 0)
		err = find_inode(cache, pid, &inode);
	if (err < 0)
		return err;
	entry->pid = pid;
	entry->start_ticks = start;
	entry->inode = inode;
	return 0;
}

/* Whether the entry now holds a process and its namespace. */
static bool update_entry(struct netns_cache *cache, struct collection *collection,
			 struct group *group, struct entry *entry, uint64_t now)
{
	uint64_t age = now - entry->first_seen_ns;

	if (entry->pid && still_there(cache, collection->census, entry))
		return true;
	if (entry->pid)
		entry->retry_ns = 0;
	entry->pid = 0;
	if (now < entry->retry_ns)
		return false;
	if (find_first(cache, collection->hierarchy, group, entry) == 0)
		return true;
	/* Young groups get their processes soon; a slice never gets any. */
	entry->retry_ns = now + (age < RETRY_MAX_NS ? age : RETRY_MAX_NS);
	return false;
}

static bool is_outer_kind(enum workload_kind kind)
{
	return kind == KIND_CONTAINER || kind == KIND_MACHINE || kind == KIND_VM;
}

static const struct workload *natural_owner(const struct snapshot *snapshot,
					    const struct workload *workload)
{
	const struct workload *owner = workload;

	for (const struct workload *w = workload;; w = &snapshot->workloads[w->parent]) {
		if (w->kind == KIND_POD)
			return w;
		if (is_outer_kind(w->kind))
			owner = w;
		if (w->parent == w->index)
			return owner;
	}
}

/* By namespace, in it the oldest first; same start: the group that was made first. */
static int compare_claims(const void *a, const void *b)
{
	const struct entry *x = ((const struct claim *)a)->entry;
	const struct entry *y = ((const struct claim *)b)->entry;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	if (x->start_ticks != y->start_ticks)
		return x->start_ticks < y->start_ticks ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int compare_age(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->entry->start_ticks != y->entry->start_ticks)
		return x->entry->start_ticks < y->entry->start_ticks ? -1 : 1;
	return compare_claims(a, b);
}

/* Leaves only the best claim of each namespace, the oldest namespace first. */
static size_t best_claims(struct claim *claims, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(claims, n, sizeof(*claims), compare_claims);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || claims[i].entry->inode != claims[kept - 1].entry->inode)
			claims[kept++] = claims[i];
	if (kept)
		qsort(claims, kept, sizeof(*claims), compare_age);
	return kept;
}

static int compare_owner(const void *a, const void *b)
{
	const struct netns *x = a, *y = b;

	return x->owner->index < y->owner->index ? -1 : x->owner->index > y->owner->index;
}

/*
 * Gives each namespace to an owner that has none yet: first the natural one, else the claimant
 * itself. A namespace for which neither is free (one unshared inside a container) stays out.
 */
static size_t assign_owners(const struct snapshot *snapshot, const struct claim *claims, size_t n,
			    uint64_t host_inode, struct netns *items)
{
	cleanup_free bool *taken = xcalloc(snapshot->n_workloads, sizeof(*taken));
	size_t n_items = 1; /* [0] is the host's, and the root owns no other: it is no claimant */

	for (size_t i = 0; i < n; i++) {
		const struct workload *owner = natural_owner(snapshot, claims[i].workload);

		if (claims[i].entry->inode == host_inode)
			continue;
		if (taken[owner->index])
			owner = claims[i].workload;
		if (taken[owner->index])
			continue;
		taken[owner->index] = true;
		items[n_items++] = (struct netns){
			.inode = claims[i].entry->inode,
			.owner = owner,
			.pid = claims[i].entry->pid,
		};
	}
	qsort(items + 1, n_items - 1, sizeof(*items), compare_owner);
	return n_items;
}

static const struct netns *find_netns(const struct netns *const *by_inode, size_t n, uint64_t inode)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (by_inode[middle]->inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && by_inode[low]->inode == inode ? by_inode[low] : NULL;
}

static int compare_inode(const void *a, const void *b)
{
	const struct netns *x = *(const struct netns *const *)a;
	const struct netns *y = *(const struct netns *const *)b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* All claims in workload order; `claims` has room for one per workload. */
static int collect_claims(struct netns_cache *cache, struct collection *collection,
			  struct claim *claims, size_t *ret_n)
{
	uint64_t now = clock_monotonic_ns();
	size_t n = 0, asked = 0;

	for_each_group(group, collection->hierarchy) {
		const struct workload *workload = group->workload;

		if (!workload || !group->parent)
			continue;
		if (++asked % COLLECTION_STRIDE == 0 && collection_expired(collection))
			return -ETIME;
		struct entry *entry = get_entry(cache, group->id, now);
		if (update_entry(cache, collection, group, entry, now))
			claims[n++] = (struct claim){ .entry = entry, .workload = workload };
	}
	*ret_n = n;
	return 0;
}

static void fill_members(struct collection *collection, const struct claim *claims, size_t n,
			 struct netns_map *map)
{
	struct arena *arena = &collection->snapshot->arena;
	const struct netns **by_inode = arena_alloc(arena, map->n * sizeof(*by_inode));
	struct netns_member *members = arena_alloc(arena, n * sizeof(*members));

	for (size_t i = 0; i < map->n; i++)
		by_inode[i] = &map->items[i];
	qsort(by_inode, map->n, sizeof(*by_inode), compare_inode);
	for (size_t i = 0; i < n; i++) {
		const struct netns *netns = find_netns(by_inode, map->n, claims[i].entry->inode);

		if (netns)
			members[map->n_members++] =
				(struct netns_member){ claims[i].workload, netns };
	}
	map->members = members;
}

int netns_resolve(struct netns_cache *cache, struct collection *collection, struct netns_map *ret)
{
	const struct snapshot *snapshot = collection->snapshot;
	struct arena *arena = &collection->snapshot->arena;
	struct claim *claims = arena_alloc(arena, snapshot->n_workloads * sizeof(*claims));
	struct claim *best = arena_alloc(arena, snapshot->n_workloads * sizeof(*best));
	struct netns *items;
	size_t n;

	cache->resolutions++;
	cache->iterator_fresh = false;
	int err = collect_claims(cache, collection, claims, &n);
	if (err < 0)
		return err;
	drop_unseen(cache);
	memcpy(best, claims, n * sizeof(*best));
	size_t n_best = best_claims(best, n);
	items = arena_alloc(arena, (n_best + 1) * sizeof(*items));
	items[0] = (struct netns){ .inode = cache->host_inode,
				   .owner = snapshot_host(snapshot),
				   .pid = HOST_PID,
				   .host = true };
	struct netns_map map = { .items = items };
	map.n = assign_owners(snapshot, best, n_best, cache->host_inode, items);
	fill_members(collection, claims, n, &map);
	*ret = map;
	return 0;
}

int netns_read(struct netns_cache *cache, const struct netns *netns, const char *file, size_t max,
	       struct buffer *buffer)
{
	uint64_t inode;
	int err = procfs_read(cache->procfs, netns->pid, file, max, buffer);

	if (err < 0)
		return err;
	/*
	 * The number was in this namespace before; if it still is, the text is this namespace's.
	 * An open net/dev is not kept: it would keep the namespace and its devices alive.
	 */
	err = procfs_netns(cache->procfs, netns->pid, &inode);
	if (err == -EACCES || err == -EPERM)
		return 0;
	return err < 0 ? err : inode == netns->inode ? 0 : -ESTALE;
}
