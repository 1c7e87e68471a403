/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/follow.h"

#include <stdlib.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/collect.h"
#include "collector/workloads/containers.h"
#include "collector/workloads/identity.h"
#include "collector/workloads/lifecycle.h"
#include "collector/memory.h"
#include "collector/workloads/news.h"

/* One round. */
struct round {
	const struct follow *follow;
	struct look_ups look_ups;
	enum watch_news left;
	uint64_t *fresh; /* ids of cgroups that have come */
	size_t n_fresh, size;
};

static void note_fresh(struct round *round, uint64_t id)
{
	if (round->n_fresh == round->size) {
		round->size = round->size ? round->size * 2 : 64;
		round->fresh = xreallocarray(round->fresh, round->size, sizeof(*round->fresh));
	}
	round->fresh[round->n_fresh++] = id;
}

/* Names and kinds come down from parents: those first. */
static void identify(struct round *round, struct group *group)
{
	struct group *top;

	do {
		top = group;
		while (top->parent && !top->parent->identity)
			top = top->parent;
		containers_look_at(round->follow->containers, &round->look_ups, top);
	} while (top != group);
}

static void meet(struct round *round, struct group *group)
{
	const struct follow *follow = round->follow;

	if (group->identity && group->identity->known)
		return;
	identify(round, group);
	lifecycle_see(follow->lifecycle, follow->options, follow->hierarchy, group);
}

static void on_made(struct round *round, const struct wire_made *made)
{
	struct group *group;

	/* A name that may have been cut is none. */
	if (made->length <= 1 || made->length >= WIRE_NAME_MAX) {
		round->left = WATCH_LOST;
		return;
	}
	if (hierarchy_is_part(round->follow->hierarchy) &&
	    !hierarchy_find(round->follow->hierarchy, made->parent))
		return; /* elsewhere */
	group = hierarchy_add(round->follow->hierarchy, made->parent, made->name, made->event.id);
	if (!group) {
		round->left = WATCH_LOST;
		return;
	}
	group->made_ns = made->event.time_ns;
	note_fresh(round, group->id);
}

static void on_removed(struct round *round, const struct wire_event *event)
{
	const struct follow *follow = round->follow;
	struct group *group = hierarchy_find(follow->hierarchy, event->id);

	if (!group || !group->parent)
		return;
	follow->counters->cgroups_short_lived += !group->identity;
	meet(round, group);
	lifecycle_remove(follow->lifecycle, group, event->time_ns);
	hierarchy_remove(follow->hierarchy, group);
}

static void on_event(void *context, const struct wire_event *event)
{
	struct round *round = context;
	const struct follow *follow = round->follow;
	struct group *group;

	if (event->type == WIRE_MADE) {
		on_made(round, (const struct wire_made *)event);
	} else if (event->type == WIRE_REMOVED) {
		on_removed(round, event);
	} else {
		group = hierarchy_find(follow->hierarchy, event->id);
		if (group)
			meet(round, group);
		lifecycle_hear(follow->lifecycle, follow->hierarchy, event);
		if (event->type == WIRE_VICTIM && round->left == WATCH_NONE)
			round->left = WATCH_SOME;
	}
}

enum watch_news follow_news(const struct follow *follow, struct news *news)
{
	struct round round = { .follow = follow, .left = WATCH_NONE };
	enum watch_news told;

	containers_begin(follow->containers, follow->counters, &round.look_ups);
	lifecycle_resume(follow->lifecycle, follow->options,
			 containers_context(follow->containers));
	told = news_take(news, follow->hierarchy, on_event, &round);
	for (size_t i = 0; i < round.n_fresh; i++) {
		struct group *group = hierarchy_find(follow->hierarchy, round.fresh[i]);

		if (group)
			meet(&round, group);
	}
	free(round.fresh);
	containers_end(follow->containers, &round.look_ups);
	if (told == WATCH_LOST || (told == WATCH_SOME && !news_has_ring(news)))
		round.left = told;
	/* Kills are read after the news: what has gone by now had its kills before. */
	if (round.left == WATCH_NONE && lifecycle_killed(follow->lifecycle, follow->hierarchy))
		round.left = WATCH_SOME;
	if (round.left == WATCH_NONE)
		lifecycle_finish(follow->lifecycle);
	return round.left;
}
