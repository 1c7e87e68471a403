/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sources/requests_kept.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "bpf/wire_requests.h"
#include "collector/clock.h"
#include "collector/memory.h"

enum { KINDS = 4 << WIRE_REQUEST_PROTOCOL_BITS };

/* How many are kept of one cgroup. */
struct sample_owner {
	uint64_t cgroup;
	unsigned n;
	UT_hash_handle hh;
};

static struct sample_owner *owner_of(struct kept_samples *kept, uint64_t cgroup)
{
	struct sample_owner *owner;

	HASH_FIND(hh, kept->owners, &cgroup, sizeof(cgroup), owner);
	if (owner)
		return owner;
	owner = xcalloc(1, sizeof(*owner));
	owner->cgroup = cgroup;
	HASH_ADD(hh, kept->owners, cgroup, sizeof(owner->cgroup), owner);
	return owner;
}

void kept_samples_remove(struct kept_samples *kept, size_t i)
{
	struct sample_owner *owner = owner_of(kept, kept->samples[i].sample.cgroup);

	kept->n--;
	memmove(&kept->samples[i], &kept->samples[i + 1], (kept->n - i) * sizeof(*kept->samples));
	if (--owner->n)
		return;
	HASH_DELETE(hh, kept->owners, owner);
	free(owner);
}

/* Its side and protocol. */
static unsigned kind_of(const struct kept_sample *kept)
{
	return kept->sample.key >> (WIRE_REQUEST_STATUS_BITS + WIRE_REQUEST_OPERATION_BITS) &
	       (KINDS - 1);
}

/*
 * The oldest of this cgroup makes room, of the kind that it has most of: names that are asked for in vain, as a
 * resolver does with each of its domains, do not push out what is rare.
 */
static void replace_one(struct kept_samples *kept, uint64_t cgroup)
{
	unsigned numbers[KINDS] = { 0 }, most = 0;
	size_t i = 0;

	for (size_t k = 0; k < kept->n; k++)
		numbers[kind_of(&kept->samples[k])] += kept->samples[k].sample.cgroup == cgroup;
	for (unsigned kind = 1; kind < KINDS; kind++)
		most = numbers[kind] > numbers[most] ? kind : most;
	while (i + 1 < kept->n &&
	       (kept->samples[i].sample.cgroup != cgroup || kind_of(&kept->samples[i]) != most))
		i++;
	kept_samples_remove(kept, i);
	kept->replaced++;
}

static uint64_t who_has_most(const struct kept_samples *kept)
{
	const struct sample_owner *most = kept->owners;

	for (const struct sample_owner *owner = most; owner; owner = owner->hh.next)
		if (owner->n > most->n)
			most = owner;
	return most ? most->cgroup : 0;
}

void kept_samples_add(struct kept_samples *kept, const struct wire_sample *sample)
{
	const uint64_t now_ns = clock_monotonic_ns();
	const uint64_t age_ns = now_ns > sample->ended_ns ? now_ns - sample->ended_ns : 0;

	if (owner_of(kept, sample->cgroup)->n == SAMPLES_OF_ONE_MAX)
		replace_one(kept, sample->cgroup);
	else if (kept->n == SAMPLES_MAX)
		replace_one(kept, who_has_most(kept));
	owner_of(kept, sample->cgroup)->n++;
	kept->samples[kept->n++] = (struct kept_sample){
		.sample = *sample,
		.number = ++kept->last,
		.time_ms = (int64_t)((clock_unix_ns() - age_ns) / 1000000),
	};
}

void kept_samples_free(struct kept_samples *kept)
{
	struct sample_owner *owner, *next;

	HASH_ITER(hh, kept->owners, owner, next) {
		HASH_DELETE(hh, kept->owners, owner);
		free(owner);
	}
	kept->n = 0;
}
