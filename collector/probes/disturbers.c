/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/disturbers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <uthash.h>

#include "collector/memory.h"
#include "collector/probes/pairs.h"
#include "collector/probes/slots.h"
#include "collector/snapshot.h"

/* Further ones go into the rest: a host with very many workloads on one CPU. */
enum { DISTURBERS_MAX = 64 };

/* Whoever took less since the last look is not worth a series of its own. */
static const uint64_t least_ns = 1000 * 1000;

struct disturber {
	uint64_t id; /* of its workload's cgroup, as all ids here */
	uint64_t ns;
	uint64_t hidden_ns; /* of that: told in the rest, from before it was shown */
	uint64_t more_ns;   /* of that: since the last look */
	bool shown;
	const struct workload *workload; /* by the last look; NULL: none */
	UT_hash_handle hh;
};

struct victim {
	uint64_t id;
	uint64_t self_ns, other_ns, more_ns;
	struct disturber *disturbers;
	UT_hash_handle hh;
};

struct disturbers {
	const struct slots *slots;
	unsigned places;
	struct victim *victims;
};

struct disturbers *disturbers_new(const struct slots *slots, unsigned places)
{
	struct disturbers *d = xcalloc(1, sizeof(*d));

	d->slots = slots;
	d->places = places;
	return d;
}

static void victim_free(struct disturbers *d, struct victim *victim)
{
	struct disturber *disturber, *next;

	HASH_ITER(hh, victim->disturbers, disturber, next) {
		HASH_DELETE(hh, victim->disturbers, disturber);
		free(disturber);
	}
	HASH_DELETE(hh, d->victims, victim);
	free(victim);
}

void disturbers_free(struct disturbers *d)
{
	struct victim *victim, *next;

	if (!d)
		return;
	HASH_ITER(hh, d->victims, victim, next) {
		victim_free(d, victim);
	}
	free(d);
}

static struct victim *find_victim(struct disturbers *d, uint64_t id)
{
	struct victim *victim;

	HASH_FIND(hh, d->victims, &id, sizeof(id), victim);
	if (victim)
		return victim;
	victim = xcalloc(1, sizeof(*victim));
	victim->id = id;
	HASH_ADD(hh, d->victims, id, sizeof(id), victim);
	return victim;
}

/* NULL when the victim has too many. */
static struct disturber *find_disturber(struct victim *victim, uint64_t id)
{
	struct disturber *disturber;

	HASH_FIND(hh, victim->disturbers, &id, sizeof(id), disturber);
	if (disturber || HASH_COUNT(victim->disturbers) >= DISTURBERS_MAX)
		return disturber;
	disturber = xcalloc(1, sizeof(*disturber));
	disturber->id = id;
	HASH_ADD(hh, victim->disturbers, id, sizeof(id), disturber);
	return disturber;
}

/* What a cgroup did that is gone already, with its workload, is told in the rest. */
static bool take(void *context, uint32_t slot, uint32_t other, const uint64_t more[])
{
	struct disturbers *d = context;
	uint64_t id = slots_heir_id(d->slots, slot), by = slots_heir_id(d->slots, other);

	if (!id)
		return false;
	struct victim *victim = find_victim(d, id);
	struct disturber *disturber = by && by != id ? find_disturber(victim, by) : NULL;

	if (disturber) {
		disturber->ns += *more;
		disturber->more_ns += *more;
	} else if (by == id) {
		victim->self_ns += *more;
	} else {
		victim->other_ns += *more;
	}
	if (by != id)
		victim->more_ns += *more;
	return true;
}

static struct disturber *heaviest_hidden(const struct victim *victim)
{
	struct disturber *heaviest = NULL;

	for (struct disturber *i = victim->disturbers; i; i = i->hh.next)
		if (!i->shown && i->workload && (!heaviest || i->more_ns > heaviest->more_ns))
			heaviest = i;
	return heaviest;
}

/*
 * Places are for good, so the later ones cost more, from 1 % of what was taken since the last look to
 * 16 %: there is room for one who comes late and takes much.
 */
static void choose(const struct disturbers *d, struct victim *victim)
{
	struct disturber *disturber;
	unsigned n_shown = 0;

	for (disturber = victim->disturbers; disturber; disturber = disturber->hh.next)
		n_shown += disturber->shown;
	for (; n_shown < d->places; n_shown++) {
		uint64_t percent = UINT64_C(1) << (n_shown * 5 / d->places);

		disturber = heaviest_hidden(victim);
		if (!disturber || disturber->more_ns < least_ns ||
		    disturber->more_ns < victim->more_ns / 100 * percent)
			break;
		disturber->shown = true;
		disturber->hidden_ns = disturber->ns - disturber->more_ns;
	}
	for (disturber = victim->disturbers; disturber; disturber = disturber->hh.next)
		disturber->more_ns = 0;
	victim->more_ns = 0;
}

/* By the last look. What was shown by name goes with its series: it would be told a second time. */
static uint64_t told_in_rest(const struct disturber *disturber)
{
	return disturber->shown ? disturber->hidden_ns : disturber->ns;
}

/* Whoever is shown but not exported any more has no series either, nor what came from it since the last look. */
static void drop_gone(const struct disturbers *d, struct victim *victim)
{
	struct disturber *disturber, *next;

	HASH_ITER(hh, victim->disturbers, disturber, next) {
		const struct workload *workload;
		bool is_alive = slots_look_up(d->slots, disturber->id, &workload);

		disturber->workload = workload;
		if (disturber->shown ? workload != NULL : is_alive)
			continue;
		victim->other_ns += told_in_rest(disturber);
		if (disturber->shown)
			victim->other_ns += disturber->more_ns;
		HASH_DELETE(hh, victim->disturbers, disturber);
		free(disturber);
	}
}

void disturbers_update(struct disturbers *d, struct pairs *pairs)
{
	struct victim *victim, *next;

	pairs_read(pairs, take, d);
	HASH_ITER(hh, d->victims, victim, next) {
		if (!slots_heir_is_alive(d->slots, victim->id)) {
			victim_free(d, victim);
			continue;
		}
		drop_gone(d, victim);
		choose(d, victim);
	}
}

void disturbers_retire(struct disturbers *d, struct pairs *pairs)
{
	pairs_retire(pairs, take, d);
}

struct disturbed disturbers_of(const struct disturbers *d, const struct workload *victim,
			       disturber_visit *visit, void *context)
{
	struct disturbed disturbed = { 0 };
	const struct victim *found;

	HASH_FIND(hh, d->victims, &victim->id, sizeof(victim->id), found);
	if (!found)
		return disturbed;
	disturbed.self_ns = found->self_ns;
	disturbed.other_ns = found->other_ns;
	for (const struct disturber *i = found->disturbers; i; i = i->hh.next) {
		disturbed.other_ns += told_in_rest(i);
		if (i->shown && i->workload)
			visit(context, i->workload, i->ns - i->hidden_ns);
	}
	return disturbed;
}
