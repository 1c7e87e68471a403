/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of groups: found, walked, forgotten. Reading files is group_files.c. */
#include "collector/cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <utlist.h>

#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/workloads/identity.h"
#include "collector/memory.h"
#include "collector/procfs/mounts.h"
#include "collector/options/options.h"

enum {
	DIRENTS_BYTES = 64 * 1024, /* one entry may be over 4,000 bytes: kernfs has no NAME_MAX */
	LEAF_LINKS = 2, /* kernfs counts subdirectories in st_nlink: "." and the parent's entry */
	RESERVED_FDS = 512, /* for sockets, certificates, probes and files read in passing */
};

/*
 * Files appear in a group when a controller is switched on for the children of its parent: that is
 * looked at every minute. What else may make one appear (cgroup.pressure) is found by asking for all
 * that were absent. That costs more than a collection (40 us a group), so it comes rarely, and not to
 * all groups at once.
 */
static const uint64_t look_at_controllers_ns = UINT64_C(60) * 1000 * 1000 * 1000;
static const uint64_t retry_absent_ns = UINT64_C(900) * 1000 * 1000 * 1000;

void hierarchy_raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Directories come first: half of what RLIMIT_NOFILE leaves; kept files get what they do not use. */
static void update_fd_budget(struct hierarchy *hierarchy)
{
	struct rlimit limit;
	size_t left = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > RESERVED_FDS)
		left = limit.rlim_cur - RESERVED_FDS;
	hierarchy->dir_budget = left / 2 + 1;
	hierarchy->fd_budget = left > hierarchy->open_dirs ? left - hierarchy->open_dirs : 0;
}

static struct group *group_new(struct hierarchy *hierarchy, struct group *parent, const char *name,
			       uint64_t id)
{
	struct group *group = xcalloc(1, sizeof(*group));

	group->id = id;
	group->changed = true;
	group->parent = parent;
	group->name = xstrdup(name);
	group->dirfd = -1;
	for (size_t i = 0; i < ARRAY_SIZE(group->kept); i++)
		group->kept[i] = -1;
	if (parent) {
		group->depth = parent->depth + 1;
		group->path = xasprintf("%s/%s", parent->parent ? parent->path : "", name);
		LL_PREPEND2(parent->first_child, group, next_sibling);
	} else {
		group->path = xstrdup("/");
	}
	HASH_ADD(hh, hierarchy->by_id, id, sizeof(group->id), group);
	return group;
}

/* Frees a group that is already out of its parent's list, and all below it; depth is no recursion. */
static void group_free(struct hierarchy *hierarchy, struct group *top)
{
	top->next_sibling = NULL;
	for (struct group *group = top; group;) {
		struct group *next = group->next_sibling;

		if (group->first_child) { /* children first: they take their parent's place in the queue */
			struct group *last = group->first_child;

			while (last->next_sibling)
				last = last->next_sibling;
			last->next_sibling = next;
			next = group->first_child;
		}
		HASH_DEL(hierarchy->by_id, group);
		hierarchy->groups_dropped -= group->dropped;
		group_close_files(hierarchy, group);
		identity_free(group->identity);
		free(group->name);
		free(group->path);
		free(group->controllers);
		free(group);
		group = next;
	}
}

/* Takes all children away that the walk `seen` did not meet. */
static void forget_unseen(struct hierarchy *hierarchy, struct group *parent, uint64_t seen)
{
	for (struct group **link = &parent->first_child; *link;) {
		struct group *child = *link;

		if (child->seen == seen) {
			link = &child->next_sibling;
		} else {
			*link = child->next_sibling;
			group_free(hierarchy, child);
		}
	}
}

static int compare_names(const struct group *a, const struct group *b)
{
	return strcmp(a->name, b->name);
}

static bool has_room(const struct hierarchy *hierarchy, const struct group *parent,
		     const char *name)
{
	return HASH_COUNT(hierarchy->by_id) < HIERARCHY_GROUPS_MAX &&
	       strlen(parent->path) + strlen(name) + 2 <= HIERARCHY_PATH_MAX;
}

/* One directory entry that is a group: known by id, or new. True when it was new. */
static bool meet(struct hierarchy *hierarchy, struct group *parent, const char *name, uint64_t id)
{
	struct group *group = hierarchy_find(hierarchy, id);

	/* An id is never used twice on kernfs; elsewhere (fixtures) it may come back under another name. */
	if (group && (group->parent != parent || !streq(group->name, name)))
		return false;
	if (group) {
		group->seen = hierarchy->walks;
		return false;
	}
	if (!has_room(hierarchy, parent, name)) {
		hierarchy->groups_dropped++;
		parent->dropped++;
		return false;
	}
	group_new(hierarchy, parent, name, id)->seen = hierarchy->walks;
	return true;
}

static int list_children(struct hierarchy *hierarchy, struct group *group, int fd)
{
	_Alignas(struct dirent64) char entries[DIRENTS_BYTES];
	bool changed = false;
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	hierarchy->groups_dropped -= group->dropped;
	group->dropped = 0;
	while ((n = getdents64(fd, entries, sizeof(entries))) > 0) {
		for (ssize_t i = 0; i < n;) {
			const struct dirent64 *entry = (const void *)(entries + i);

			i += entry->d_reclen;
			if (entry->d_type != DT_DIR || streq(entry->d_name, ".") ||
			    streq(entry->d_name, ".."))
				continue;
			changed |= meet(hierarchy, group, entry->d_name, entry->d_ino);
		}
	}
	if (n < 0)
		return -errno;
	if (changed || group->unsorted)
		LL_SORT2(group->first_child, compare_names, next_sibling);
	group->unsorted = false;
	return 0;
}

static void append(struct hierarchy *hierarchy, struct group *group)
{
	if (hierarchy->n_groups == hierarchy->groups_size) {
		hierarchy->groups_size = hierarchy->groups_size ? hierarchy->groups_size * 2 : 64;
		hierarchy->groups = xreallocarray(hierarchy->groups, hierarchy->groups_size,
						  sizeof(struct group *));
	}
	hierarchy->groups[hierarchy->n_groups++] = group;
}

/* Brings one group's children up to date. */
static void visit(struct hierarchy *hierarchy, struct group *group)
{
	bool own = false;
	int fd = group_directory(hierarchy, group, &own), err = fd < 0 ? fd : 0;
	struct stat st;

	if (!err && fstat(fd, &st) < 0)
		err = -errno;
	if (!err && (st.st_nlink != LEAF_LINKS || group->dropped))
		err = list_children(hierarchy, group, fd);
	if (own)
		close(fd);
	if (err && err != -ENOENT && err != -ENODEV) {
		/* What was known stays until the directory can be listed again. */
		hierarchy->walk_errors++;
		hierarchy->incomplete = true;
		for (struct group *child = group->first_child; child; child = child->next_sibling)
			child->seen = hierarchy->walks;
	}
	forget_unseen(hierarchy, group, hierarchy->walks);
}

static void look_at_controllers(struct hierarchy *hierarchy, struct group *group, uint64_t now)
{
	unsigned file = hierarchy_file(hierarchy, "cgroup.subtree_control");
	const char *text;

	if (!group->first_child ||
	    (group->controllers_ns && now - group->controllers_ns < look_at_controllers_ns))
		return;
	group->controllers_ns = now;
	if (group_read(hierarchy, group, file, &text) < 0)
		return;
	if (group->controllers && streq(group->controllers, text))
		return;
	for (struct group *child = group->first_child; child; child = child->next_sibling)
		child->absent_since_ns = 0;
	free(group->controllers);
	group->controllers = xstrdup(text);
}

static void retry_absent(struct group *group, uint64_t now)
{
	if (group->absent_since_ns && now - group->absent_since_ns < retry_absent_ns)
		return;
	memset(group->absent, 0, sizeof(group->absent));
	group->absent_since_ns = now - group->id * 1000003 % (retry_absent_ns / 2);
}

/* What nobody told of stays as it is. */
static void pass_by(const struct hierarchy *hierarchy, struct group *group)
{
	for (struct group *child = group->first_child; child; child = child->next_sibling)
		child->seen = hierarchy->walks;
}

static int walk(struct hierarchy *hierarchy, bool all)
{
	uint64_t now = clock_monotonic_ns();
	struct stat st;

	hierarchy->incomplete = true; /* unless the root is there */
	if (fstat(hierarchy->root_fd, &st) < 0)
		return -errno;
	if (st.st_nlink == 0)
		return -ENODEV;
	hierarchy->incomplete = false;
	hierarchy->walks++;
	hierarchy->n_groups = 0;
	append(hierarchy, hierarchy->root);
	for (size_t i = 0; i < hierarchy->n_groups; i++) {
		struct group *group = hierarchy->groups[i];

		if (all)
			retry_absent(group, now);
		if (all || group->changed)
			visit(hierarchy, group);
		else
			pass_by(hierarchy, group);
		group->changed = false;
		for (struct group *child = group->first_child; child; child = child->next_sibling)
			append(hierarchy, child);
		if (all)
			look_at_controllers(hierarchy, group, now);
	}
	update_fd_budget(hierarchy);
	return 0;
}

int hierarchy_walk(struct hierarchy *hierarchy)
{
	return walk(hierarchy, true);
}

int hierarchy_look(struct hierarchy *hierarchy)
{
	return walk(hierarchy, false);
}

struct group *hierarchy_find(const struct hierarchy *hierarchy, uint64_t id)
{
	struct group *group;

	HASH_FIND(hh, hierarchy->by_id, &id, sizeof(id), group);
	return group;
}

bool hierarchy_is_part(const struct hierarchy *hierarchy)
{
	return hierarchy->root->id != 1;
}

bool hierarchy_is_of_kernel(int root_fd)
{
	struct statfs fs;

	return fstatfs(root_fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

struct group *hierarchy_add(struct hierarchy *hierarchy, uint64_t parent_id, const char *name,
			    uint64_t id)
{
	struct group *parent = hierarchy_find(hierarchy, parent_id);
	struct group *group = hierarchy_find(hierarchy, id);

	if (group || !parent || !has_room(hierarchy, parent, name))
		return group;
	parent->unsorted = true;
	return group_new(hierarchy, parent, name, id);
}

void hierarchy_remove(struct hierarchy *hierarchy, struct group *group)
{
	LL_DELETE2(group->parent->first_child, group, next_sibling);
	group_free(hierarchy, group);
	hierarchy->n_groups = 0;
}

int hierarchy_open(const struct options *options, struct hierarchy **ret_hierarchy)
{
	struct mounts mounts = { 0 };
	struct stat st;
	int err = mounts_find(options, &mounts);

	if (err)
		return err;
	cleanup_close int fd = open(mounts.cgroup2, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		err = -errno;
		mounts_free(&mounts);
		return err;
	}
	struct hierarchy *hierarchy = xcalloc(1, sizeof(*hierarchy));
	hierarchy->root_path = mounts.cgroup2;
	hierarchy->v1_controllers = mounts.v1;
	hierarchy->root = group_new(hierarchy, NULL, "", st.st_ino);
	hierarchy->root->dirfd = hierarchy->root_fd = fd;
	hierarchy->open_dirs = 1;
	fd = -1; /* taken over */
	update_fd_budget(hierarchy);
	*ret_hierarchy = hierarchy;
	return 0;
}

void hierarchy_close(struct hierarchy *hierarchy)
{
	if (!hierarchy)
		return;
	group_free(hierarchy, hierarchy->root);
	free(hierarchy->groups);
	free(hierarchy->buffer);
	free(hierarchy->root_path);
	free(hierarchy->v1_controllers);
	free(hierarchy);
}
