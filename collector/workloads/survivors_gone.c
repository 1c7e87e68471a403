/* SPDX-License-Identifier: Apache-2.0 */
/* What is gone: how it has ended, and which of the kills above were its. */
#include <stdlib.h>
#include <utlist.h>

#include "collector/cleanup.h"
#include "collector/workloads/survivor_instances.h"

/*
 * How a run has ended is asked for this long, ten times a second at first, then ever more rarely: its
 * runtime may never tell. A kill that cannot be told yet (the cgroup vanished while it was read; the
 * runtime writes late) waits this long.
 */
enum { LINGER_MS = 30000, ASK_EVERY_MS = 90, ASK_RARER = 4, BLAME_WITHIN_MS = 3000 };
/* Where the kernel tells who was killed nobody is guessed before this: a living child may not be read yet. */
enum { GUESS_AFTER_MS = 1000 };

static void take_exit_code(struct survivors *s, struct instance *instance, int code)
{
	struct event *event = events_find(s->events, instance->event);

	instance->entry->has_exit_code = true;
	instance->entry->exit_code = code;
	if (!event)
		return;
	event->has_exit_code = true;
	event->exit_code = code;
}

static void leave(struct survivors *s, struct instance *instance)
{
	struct entry *entry = instance->entry;
	int code;

	instance_tell_life(s, instance);
	keys_leave(&s->keys, entry, instance->gone_ms);
	if (!instance->restarts)
		return;
	struct ended *ended = instance_end(instance);
	ended->n++;
	ended->attempt = instance->attempt;
	instance->event = instance_tell(s, instance, EVENT_GONE, 1);
	if (instance_exit_code(instance, &code))
		take_exit_code(s, instance, code);
}

static void enter_late(struct survivors *s, struct instance *instance, const char *name)
{
	if (name)
		instance_set((char **)&instance->key.name, name);
	instance_enter(s, instance);
	instance_start(s, instance);
	leave(s, instance);
	/* What has followed it came before its name was known, and was a restart. */
	if (instance->restarts && instance->entry->live) {
		instance_end(instance)->n--;
		instance->entry->restarts++;
	}
}

/* Asks the runtime's files how the run has ended. */
static void ask(struct survivors *s, struct instance *instance)
{
	uint64_t now = s->pass.now_ms, pause = (now - instance->gone_ms) / ASK_RARER;
	struct last_state state = { 0 };

	if (instance->ended_known || !s->pass.look_up || !*instance->container_id ||
	    (instance->asked_ms &&
	     now - instance->asked_ms < (pause > ASK_EVERY_MS ? pause : ASK_EVERY_MS)))
		return;
	instance->asked_ms = now;
	if (s->pass.look_up(s->pass.context, instance->runtime, instance->container_id,
			    instance->file, &state) != 0) {
		/* The kernel has told what there is to know. */
		int code;
		instance->ended_known = instance->entry && !instance->suspect &&
					instance_exit_code(instance, &code);
		return;
	}
	instance->ended_known = true;
	instance->oom_killed = state.oom_killed;
	if (!instance->entry)
		enter_late(s, instance, state.name);
	if (state.has_exit_code)
		take_exit_code(s, instance, state.exit_code);
	free(state.name);
}

static void mark_gone(struct survivors *s, struct instance *instance)
{
	instance->gone = instance->suspect = true;
	instance->gone_ms = s->pass.now_ms;
	DL_APPEND(s->gone, instance);
	s->n_gone++;
	if (instance->starting) /* it came and went since the last pass; who went before it has left by now */
		instance_start(s, instance);
	if (instance->entry)
		leave(s, instance);
	ask(s, instance);
}

static bool is_suspect(const struct instance *instance, const struct instance *parent)
{
	return instance->suspect && !instance->helper && instance->parent == parent->id;
}

/* The suspects among the children of one instance. */
struct survey {
	unsigned suspects, killed;
	struct instance *suspect, *victim; /* the last of each */
};

static bool was_killed(const struct instance *instance)
{
	return instance->oom_killed && !instance->charged;
}

static struct survey survey(const struct survivors *s, const struct instance *parent)
{
	struct survey found = { 0 };
	struct instance *instance;

	DL_FOREACH(s->gone, instance)
	{
		if (!is_suspect(instance, parent))
			continue;
		found.suspects++;
		found.suspect = instance;
		if (was_killed(instance)) {
			found.killed++;
			found.victim = instance;
		}
	}
	return found;
}

/* One kill for each that its runtime calls killed: how many that were. */
static uint64_t charge_killed(struct survivors *s, const struct instance *parent, uint64_t n)
{
	struct instance *instance;
	uint64_t left = n;

	DL_FOREACH(s->gone, instance)
	{
		if (!left)
			break;
		if (!is_suspect(instance, parent) || !was_killed(instance))
			continue;
		instance_charge(s, instance, 1);
		left--;
	}
	return n - left;
}

static bool hangs_below(const struct survivors *s, const struct instance *instance,
			const struct instance *top)
{
	while (instance && instance->gone)
		instance = instance_find(s, instance->parent);
	return instance == top;
}

/* Kills of those that the kernel itself has called: how many that were. */
static uint64_t charge_called(struct survivors *s, const struct instance *top, uint64_t n)
{
	struct instance *instance;
	uint64_t left = n;

	DL_FOREACH(s->gone, instance)
	{
		uint64_t due = instance->life.victims > instance->charged
				       ? instance->life.victims - instance->charged
				       : 0;

		if (!due || !hangs_below(s, instance, top))
			continue;
		due = due < left ? due : left;
		instance_charge(s, instance, due);
		left -= due;
	}
	return n - left;
}

/* Guesses who of those below that are gone was killed: how many kills could be told. */
static uint64_t blame(struct survivors *s, struct instance *top, uint64_t n)
{
	struct instance *parent = top;

	for (;;) {
		struct survey found = survey(s, parent);

		if (found.suspects != 1 && found.killed != 1)
			break;
		parent = found.suspects == 1 ? found.suspect : found.victim;
		if (!parent->whole)
			continue; /* the children of one that is gone may tell more */
		instance_charge(s, parent, n);
		return n;
	}
	uint64_t told = charge_killed(s, parent, n);
	if (parent == top)
		return told;
	instance_charge(s, parent, n - told);
	return n;
}

/* Kills that no living child explains. */
static void tell_untold(struct survivors *s, struct instance *instance)
{
	uint64_t n = instance->kills > instance->told ? instance->kills - instance->told : 0;

	bool waits = s->kernel_tells && (!instance->untold_ms ||
					 s->pass.now_ms - instance->untold_ms < GUESS_AFTER_MS);

	if (n) {
		uint64_t told = charge_called(s, instance, n);

		if (!waits)
			told += blame(s, instance, n - told);
		instance->told += told;
		n -= told;
	}
	if (!n) {
		instance->untold_ms = 0;
	} else if (!instance->untold_ms) {
		instance->untold_ms = s->pass.now_ms;
	} else if (s->pass.now_ms - instance->untold_ms >= BLAME_WITHIN_MS) {
		instance->told += n;
		instance->untold_ms = 0;
		s->unattributed += n;
		instance_charge(s, instance, n);
	}
}

/* Who has gone while the kills above are all explained has not been killed. */
static void acquit(struct survivors *s, struct instance *instance)
{
	const struct instance *above = instance_find(s, instance->parent);

	while (above && above->gone)
		above = instance_find(s, above->parent);
	if (!above || (above->read == s->passes && !above->untold_ms))
		instance->suspect = false;
}

void survivors_end(struct survivors *survivors)
{
	struct survivors *s = survivors;
	struct instance *instance, *next;

	DL_FOREACH(s->gone, instance)
	ask(s, instance);
	HASH_ITER(hh, s->by_id, instance, next)
		if (!instance->gone && instance->seen != s->passes)
			mark_gone(s, instance);
	/* After the ends: a start that follows one is a restart. */
	HASH_ITER(hh, s->by_id, instance, next)
		if (instance->starting)
			instance_start(s, instance);
	HASH_ITER(hh, s->by_id, instance, next)
		instance_tell_life(s, instance);
	HASH_ITER(hh, s->by_id, instance, next)
		if (!instance->gone && instance->has_kills && instance->read == s->passes)
			tell_untold(s, instance);
	DL_FOREACH_SAFE(s->gone, instance, next)
	{
		acquit(s, instance);
		bool done = !instance->suspect &&
			    (instance->ended_known || !s->pass.look_up || !*instance->container_id);

		if (!done && s->n_gone <= GONE_MAX &&
		    s->pass.now_ms - instance->gone_ms < LINGER_MS)
			continue;
		if (!instance->entry)
			enter_late(s, instance, NULL);
		instance_free(s, instance);
	}
	keys_expire(&s->keys, s->pass.now_ms, s->pass.remember_ms);
}

bool survivors_wait(const struct survivors *survivors)
{
	const struct instance *instance;

	DL_FOREACH(survivors->gone, instance)
	{
		bool asked = survivors->pass.look_up && *instance->container_id;

		if (survivors->pass.now_ms - instance->gone_ms < BLAME_WITHIN_MS &&
		    (instance->suspect || (asked && !instance->ended_known)))
			return true;
	}
	return false;
}
