/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/main_follow.h"

#include <errno.h>
#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/collect.h"
#include "collector/memory.h"

/*
 * News are looked at this much later, together with what comes in between: runtimes make several
 * groups for one container. However fast they come, looking takes a fifth of one processor at most; its
 * time counts and not the clock's, or a busy machine would see less. A virtual machine that has to wait
 * for its processors takes that for time of ours: so there is a longest pause.
 */
enum { GATHER_US = 5000, IDLE_FOR = 4, IDLE_MAX_US = 250000 };

struct follower {
	sd_event_source *news, *timer;
	struct collector *const *collector;
	uint64_t took_us; /* the last look */
	bool again;	  /* look also when nothing is told */
};

static int arm(struct follower *follower, uint64_t us)
{
	uint64_t idle = follower->took_us * IDLE_FOR;
	uint64_t least = idle < IDLE_MAX_US ? idle : IDLE_MAX_US;
	int r = sd_event_source_set_time_relative(follower->timer, us > least ? us : least);

	return r < 0 ? r : sd_event_source_set_enabled(follower->timer, SD_EVENT_ONESHOT);
}

static int on_news(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct follower *follower = data;

	(void)fd;
	(void)events;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return arm(follower, GATHER_US);
}

static int look(struct follower *follower)
{
	uint64_t start = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t again_ms = collector_follow(*follower->collector, follower->again);

	follower->took_us = (clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - start) / 1000;
	follower->again = again_ms > 0;
	if (follower->news)
		sd_event_source_set_enabled(follower->news, SD_EVENT_ON);
	return again_ms ? arm(follower, again_ms * 1000) : 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	return look(data);
}

int follower_new(sd_event *event, struct collector *const *collector,
		 struct follower **ret_follower)
{
	struct follower *follower = xcalloc(1, sizeof(*follower));
	int fd = collector_watch_fd(*collector), r;

	follower->collector = collector;
	follower->again = true;
	r = sd_event_add_time_relative(event, &follower->timer, CLOCK_MONOTONIC, 0, GATHER_US,
				       on_timer, follower);
	if (r >= 0 && fd >= 0)
		r = sd_event_add_io(event, &follower->news, fd, EPOLLIN, on_news, follower);
	if (r < 0) {
		follower_free(follower);
		return r;
	}
	*ret_follower = follower;
	return 0;
}

void follower_free(struct follower *follower)
{
	if (!follower)
		return;
	sd_event_source_disable_unref(follower->news);
	sd_event_source_disable_unref(follower->timer);
	free(follower);
}
