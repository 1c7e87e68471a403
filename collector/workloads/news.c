/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/wire_lifetime.h"
#include "collector/workloads/news.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "collector/cgroups.h"
#include "collector/memory.h"

struct news {
	int fd;
	struct ring *ring;   /* borrowed; NULL: inotify */
	struct watch *watch; /* NULL: none is needed, or there is none to be had */
	uint64_t lost;	     /* by the ring, when last read */
	bool anew;	     /* somebody else tells now: what came in between is not known */
	enum watch_news told;
	const struct hierarchy *hierarchy; /* while news are taken */
	ring_visit *visit;
	void *context;
};

struct news *news_new(void)
{
	struct news *news = xcalloc(1, sizeof(*news));

	news->fd = epoll_create1(EPOLL_CLOEXEC);
	return news;
}

void news_free(struct news *news)
{
	if (!news)
		return;
	if (news->watch)
		watch_free(news->watch);
	if (news->fd >= 0)
		close(news->fd);
	free(news);
}

int news_fd(const struct news *news)
{
	return news->fd >= 0 ? news->fd : -EOPNOTSUPP;
}

static void hear(const struct news *news, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	(void)epoll_ctl(news->fd, EPOLL_CTL_ADD, fd, &event);
}

void news_listen(struct news *news, struct ring *ring)
{
	if (news->ring && news->ring != ring)
		(void)epoll_ctl(news->fd, EPOLL_CTL_DEL, ring_fd(news->ring), NULL);
	if (ring && news->ring != ring)
		hear(news, ring_fd(ring));
	news->anew |= news->ring != ring || (!ring && !news->watch);
	news->ring = ring;
	if (ring && news->watch) {
		watch_free(news->watch);
		news->watch = NULL;
	} else if (!ring && !news->watch && watch_new(&news->watch) == 0) {
		hear(news, watch_fd(news->watch));
	}
}

/* The group in which another was made or removed is listed anew; what is new in it is so anyway. */
static void mark(const struct news *news, const struct wire_event *event)
{
	uint64_t id = event->id;

	if (event->type == WIRE_MADE)
		id = ((const struct wire_made *)event)->parent;
	struct group *group = hierarchy_find(news->hierarchy, id);
	if (group && event->type == WIRE_REMOVED)
		group = group->parent;
	if (group)
		group->changed = true;
}

static void on_event(void *context, const struct wire_event *event)
{
	struct news *news = context;

	if (event->type == WIRE_MADE || event->type == WIRE_REMOVED)
		mark(news, event);
	if (event->type == WIRE_MADE || event->type == WIRE_REMOVED || event->type == WIRE_VICTIM)
		news->told = WATCH_SOME;
	if (news->visit)
		news->visit(news->context, event);
}

static enum watch_news read_ring(struct news *news)
{
	uint64_t lost = ring_count(news->ring, WIRE_COUNT_LOST + WIRE_MADE) +
			ring_count(news->ring, WIRE_COUNT_LOST + WIRE_REMOVED);

	news->told = WATCH_NONE;
	(void)ring_read(news->ring, on_event, news);
	if (lost != news->lost)
		news->told = WATCH_LOST;
	news->lost = lost;
	return news->told;
}

enum watch_news news_take(struct news *news, const struct hierarchy *hierarchy, ring_visit *visit,
			  void *context)
{
	news->visit = visit;
	news->context = context;
	news->hierarchy = hierarchy;
	enum watch_news told = news->ring    ? read_ring(news)
			       : news->watch ? watch_drain(news->watch, hierarchy)
					     : WATCH_LOST;
	bool anew = news->anew;

	news->anew = false;
	return anew ? WATCH_LOST : told;
}

bool news_update(struct news *news, const struct hierarchy *hierarchy)
{
	return news->watch && watch_update(news->watch, hierarchy);
}

bool news_has_ring(const struct news *news)
{
	return news->ring;
}
