/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/news.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "collector/memory.h"
#include "collector/watch.h"

struct news {
	int fd;
	struct ring *ring;   /* borrowed; NULL: inotify */
	struct watch *watch; /* NULL: none is needed, or there is none to be had */
	bool changed;
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
	news->ring = ring;
	if (ring && news->watch) {
		watch_free(news->watch);
		news->watch = NULL;
	} else if (!ring && !news->watch && watch_new(&news->watch) == 0) {
		hear(news, watch_fd(news->watch));
	}
}

static void on_event(void *context, const struct wire_event *event)
{
	struct news *news = context;

	news->changed |= event->type == WIRE_MADE || event->type == WIRE_REMOVED ||
			 event->type == WIRE_VICTIM;
	if (news->visit)
		news->visit(news->context, event);
}

bool news_take(struct news *news, ring_visit *visit, void *context)
{
	news->changed = news->watch && watch_drain(news->watch);
	news->visit = visit;
	news->context = context;
	if (news->ring)
		(void)ring_read(news->ring, on_event, news);
	return news->changed;
}

void news_update(struct news *news, const struct hierarchy *hierarchy)
{
	if (news->watch)
		watch_update(news->watch, hierarchy);
}
