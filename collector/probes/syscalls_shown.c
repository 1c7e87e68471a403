/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/syscalls_shown.h"

#include <stdlib.h>
#include <uthash.h>

#include "collector/memory.h"
#include "collector/probes/slots.h"

struct known {
	uint64_t id;
	struct shown shown;
	bool is_shown[WIRE_CALL_WAITS];
	bool was_other[WIRE_CALL_WAITS]; /* had a part in "other" */
	UT_hash_handle hh;
};

struct shown_calls {
	unsigned places, at_once;
	struct known *known;
};

struct shown_calls *shown_calls_new(unsigned places)
{
	struct shown_calls *all = xcalloc(1, sizeof(*all));

	all->places = places < SHOWN_MAX ? places : SHOWN_MAX;
	all->at_once = (all->places + 1) / 2;
	return all;
}

void shown_calls_free(struct shown_calls *all)
{
	struct known *known, *next;

	if (!all)
		return;
	HASH_ITER(hh, all->known, known, next) {
		HASH_DELETE(hh, all->known, known);
		free(known);
	}
	free(all);
}

void shown_calls_prune(struct shown_calls *all, const struct slots *slots)
{
	struct known *known, *next;

	HASH_ITER(hh, all->known, known, next) {
		if (slots_heir_is_alive(slots, known->id))
			continue;
		HASH_DELETE(hh, all->known, known);
		free(known);
	}
}

static struct known *find(struct shown_calls *all, uint64_t id)
{
	struct known *known;

	HASH_FIND(hh, all->known, &id, sizeof(id), known);
	if (known)
		return known;
	known = xcalloc(1, sizeof(*known));
	known->id = id;
	HASH_ADD(hh, all->known, id, sizeof(id), known);
	return known;
}

static int by_calls(const void *a, const void *b, void *context)
{
	const struct call_sums *sums = context;
	const uint16_t *x = a, *y = b;

	if (sums[*x].calls != sums[*y].calls)
		return sums[*x].calls > sums[*y].calls ? -1 : 1;
	return *x - *y;
}

static int by_time(const void *a, const void *b, void *context)
{
	const struct call_sums *sums = context;
	const uint16_t *x = a, *y = b;

	if (sums[*x].ns != sums[*y].ns)
		return sums[*x].ns > sums[*y].ns ? -1 : 1;
	return *x - *y;
}

/* Returns 1 when it was not chosen before. */
static unsigned choose(struct known *known, unsigned places, uint16_t key,
		       const struct call_sums sums[], bool chosen[])
{
	struct shown *shown = &known->shown;

	if (chosen[key])
		return 0;
	chosen[key] = true;
	if (known->is_shown[key] || shown->n == places)
		return 1;
	known->is_shown[key] = true;
	shown->calls[shown->n].key = key;
	if (known->was_other[key])
		shown->calls[shown->n].before = sums[key];
	shown->n++;
	return 1;
}

const struct shown *shown_calls_update(struct shown_calls *all, uint64_t id,
				       const struct call_sums sums[WIRE_CALL_WAITS],
				       const uint16_t made[], unsigned n)
{
	struct known *known = find(all, id);
	uint16_t calls[WIRE_CALL_WAITS], times[WIRE_CALL_WAITS];
	bool chosen[WIRE_CALL_WAITS] = { false };
	unsigned n_chosen = 0;

	memcpy(calls, made, n * sizeof(*calls));
	memcpy(times, made, n * sizeof(*times));
	qsort_r(calls, n, sizeof(*calls), by_calls, (void *)sums);
	qsort_r(times, n, sizeof(*times), by_time, (void *)sums);
	for (unsigned i = 0; i < n && n_chosen < all->at_once; i++) {
		n_chosen += choose(known, all->places, calls[i], sums, chosen);
		if (n_chosen < all->at_once)
			n_chosen += choose(known, all->places, times[i], sums, chosen);
	}
	for (unsigned i = 0; i < n; i++)
		known->was_other[calls[i]] |= !known->is_shown[calls[i]];
	return &known->shown;
}
