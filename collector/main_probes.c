/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/main_probes.h"

#include <stdlib.h>

#include "collector/collect.h"
#include "collector/memory.h"

struct overseer {
	sd_event_source *timer;
	struct collector *const *collector;
};

/* Sleeps for good while no probe is up. */
static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct overseer *overseer = data;
	unsigned ms = collector_oversee_probes(*overseer->collector);

	(void)usec;
	if (!ms)
		return 0;
	(void)sd_event_source_set_time_relative(source, (uint64_t)ms * 1000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int overseer_new(sd_event *event, struct collector *const *collector,
		 struct overseer **ret_overseer)
{
	struct overseer *overseer = xcalloc(1, sizeof(*overseer));
	int r;

	overseer->collector = collector;
	r = sd_event_add_time_relative(event, &overseer->timer, CLOCK_MONOTONIC, 0, 0, on_timer,
				       overseer);
	if (r < 0) {
		overseer_free(overseer);
		return r;
	}
	*ret_overseer = overseer;
	return 0;
}

void overseer_wake(struct overseer *overseer)
{
	(void)sd_event_source_set_time_relative(overseer->timer, 0);
	(void)sd_event_source_set_enabled(overseer->timer, SD_EVENT_ONESHOT);
}

void overseer_free(struct overseer *overseer)
{
	if (!overseer)
		return;
	sd_event_source_disable_unref(overseer->timer);
	free(overseer);
}
