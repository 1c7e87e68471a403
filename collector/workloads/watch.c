/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <uthash.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/workloads/identity.h"
#include "collector/memory.h"

struct watched {
	uint64_t id;	    /* of the cgroup */
	int folder, events; /* inotify's numbers; -1: none */
	uint64_t seen;
	UT_hash_handle hh, by_folder;
};

struct watch {
	int fd;
	struct watched *by_id, *by_folder;
	uint64_t updates;
};

int watch_new(struct watch **ret_watch)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return -errno;
	struct watch *watch = xcalloc(1, sizeof(*watch));
	watch->fd = fd;
	*ret_watch = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	struct watched *watched, *next;

	if (!watch)
		return;
	HASH_CLEAR(by_folder, watch->by_folder);
	HASH_ITER(hh, watch->by_id, watched, next) {
		HASH_DEL(watch->by_id, watched);
		free(watched);
	}
	close(watch->fd);
	free(watch);
}

int watch_fd(const struct watch *watch)
{
	return watch->fd;
}

static enum watch_news take_event(const struct watch *watch, const struct hierarchy *hierarchy,
				  const struct inotify_event *event)
{
	struct watched *watched;

	if (event->mask & IN_Q_OVERFLOW)
		return WATCH_LOST;
	if (!(event->mask & (IN_CREATE | IN_DELETE)))
		return WATCH_NONE;
	HASH_FIND(by_folder, watch->by_folder, &event->wd, sizeof(event->wd), watched);
	struct group *group = watched ? hierarchy_find(hierarchy, watched->id) : NULL;
	if (!group) /* it has gone since */
		return WATCH_SOME;
	group->changed = true;
	return WATCH_SOME;
}

enum watch_news watch_drain(struct watch *watch, const struct hierarchy *hierarchy)
{
	_Alignas(struct inotify_event) char buffer[16384];
	enum watch_news news = WATCH_NONE;
	ssize_t n;

	while ((n = read(watch->fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t i = 0; i < n;) {
			const struct inotify_event *event = (const void *)(buffer + i);

			i += (ssize_t)(sizeof(*event) + event->len);
			enum watch_news told = take_event(watch, hierarchy, event);
			news = told > news ? told : news;
		}
	}
	return news;
}

/* What containers and services are put into; services and scopes mostly have no group below. */
static bool is_worth_it(const struct group *group)
{
	enum workload_kind kind = group->identity ? group->identity->kind : KIND_OTHER;

	if (group->inside || kind == KIND_CONTAINER || kind == KIND_MACHINE || kind == KIND_VM)
		return false;
	return group->first_child || (kind != KIND_SERVICE && kind != KIND_SCOPE);
}

static int add(const struct watch *watch, const struct hierarchy *hierarchy,
	       const struct group *group, const char *file, uint32_t mask)
{
	cleanup_free char *path =
		xasprintf("%s%s%s", hierarchy->root_path, group->parent ? group->path : "", file);

	return inotify_add_watch(watch->fd, path, mask); /* one that fails is done without */
}

/* Whether it is watched only now. */
static bool meet(struct watch *watch, const struct hierarchy *hierarchy, struct group *group)
{
	struct watched *watched;
	bool fresh = false;

	HASH_FIND(hh, watch->by_id, &group->id, sizeof(group->id), watched);
	if (!watched) {
		if (HASH_COUNT(watch->by_id) >= WATCHED_GROUPS_MAX)
			return false;
		watched = xcalloc(1, sizeof(*watched));
		watched->id = group->id;
		watched->folder = add(watch, hierarchy, group, "",
				      IN_CREATE | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW);
		watched->events = group->depth == 1 ? add(watch, hierarchy, group, "/memory.events",
							  IN_MODIFY)
						    : -1;
		HASH_ADD(hh, watch->by_id, id, sizeof(watched->id), watched);
		if (watched->folder >= 0)
			HASH_ADD(by_folder, watch->by_folder, folder, sizeof(watched->folder),
				 watched);
		group->changed = fresh = true;
	}
	watched->seen = watch->updates;
	return fresh;
}

static void forget(struct watch *watch, struct watched *watched)
{
	/* A mark keeps the inode of a file in memory, also when its cgroup is gone. */
	if (watched->folder >= 0) {
		(void)inotify_rm_watch(watch->fd, watched->folder);
		HASH_DELETE(by_folder, watch->by_folder, watched);
	}
	if (watched->events >= 0)
		(void)inotify_rm_watch(watch->fd, watched->events);
	HASH_DEL(watch->by_id, watched);
	free(watched);
}

bool watch_update(struct watch *watch, const struct hierarchy *hierarchy)
{
	struct watched *watched, *next;
	bool fresh = false;

	watch->updates++;
	for_each_group(group, hierarchy)
		if (is_worth_it(group))
			fresh |= meet(watch, hierarchy, group);
	HASH_ITER(hh, watch->by_id, watched, next)
		if (watched->seen != watch->updates)
			forget(watch, watched);
	return fresh;
}
