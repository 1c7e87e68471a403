/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/tallies.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <uthash.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/probes/attachment.h"
#include "collector/probes/probe.h"
#include "collector/probes/slots.h"
#include "collector/snapshot.h"

enum { SHARDS_MAX = 8 };

/* What cgroups that are gone have left to their workload. */
struct carried {
	uint64_t heir;
	UT_hash_handle hh;
	uint64_t values[];
};

struct tallies {
	struct slots *slots;
	uint32_t keys, n, shards; /* n: in one shard */
	uint64_t *values;	  /* mapped */
	size_t values_size;
	struct carried *carried;
};

struct entry {
	const struct workload *workload;
	uint32_t slot; /* 0: carried */
	const struct carried *carried;
};

static int set_constants(const struct tallies *t, struct bpf_object *object, bool shared)
{
	const uint32_t mask = t->shards - 1;
	int err = object_set_constant(object, "n_tally_keys", &t->keys, sizeof(t->keys));

	err = err ? err : object_set_constant(object, "n_tallies", &t->n, sizeof(t->n));
	err = err ? err : object_set_constant(object, "tally_shard_mask", &mask, sizeof(mask));
	return err ? err : object_set_constant(object, "tallies_shared", &shared, sizeof(shared));
}

int tallies_prepare(const struct probe_setup *setup, struct bpf_object *object,
		    const struct tallies_size *size, struct tallies **ret)
{
	struct tallies *t = xcalloc(1, sizeof(*t));

	t->slots = setup->slots;
	t->keys = size->keys;
	t->n = slots_number(t->slots) * t->keys;
	t->shards = 1;
	while (t->shards * 2 <= setup->n_cpus && t->shards < SHARDS_MAX &&
	       (uint64_t)t->n * sizeof(uint64_t) * t->shards * 2 <= size->memory)
		t->shards *= 2;
	int err = set_constants(t, object, size->interrupts || t->shards < setup->n_cpus);
	err = err ? err : bpf_map__set_max_entries(object_map(object, "tallies"), t->n * t->shards);
	if (err < 0) {
		free(t);
		return err;
	}
	*ret = t;
	return 0;
}

int tallies_start(struct tallies *t, struct bpf_object *object)
{
	t->values = map_memory(object_map(object, "tallies"), &t->values_size);
	return t->values ? 0 : -errno;
}

void tallies_free(struct tallies *t)
{
	struct carried *carried, *next;

	if (!t)
		return;
	HASH_ITER(hh, t->carried, carried, next) {
		HASH_DELETE(hh, t->carried, carried);
		free(carried);
	}
	if (t->values)
		munmap(t->values, t->values_size);
	free(t);
}

static uint64_t *values_at(const struct tallies *t, uint32_t shard, uint32_t slot)
{
	return t->values + (size_t)shard * t->n + (size_t)slot * t->keys;
}

/* Each is read whole, which is all that is asked of them. */
static void add_slot(const struct tallies *t, uint32_t slot, uint64_t sums[])
{
	for (uint32_t shard = 0; shard < t->shards; shard++) {
		const uint64_t *values = values_at(t, shard, slot);

		for (uint32_t key = 0; key < t->keys; key++)
			sums[key] += values[key];
	}
}

static void add_entry(const struct tallies *t, const struct entry *entry, uint64_t sums[])
{
	if (!entry->carried) {
		add_slot(t, entry->slot, sums);
		return;
	}
	for (uint32_t key = 0; key < t->keys; key++)
		sums[key] += entry->carried->values[key];
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->workload->index < y->workload->index ? -1
						       : x->workload->index > y->workload->index;
}

static size_t gather(const struct tallies *t, struct entry *entries)
{
	size_t n = 0;

	for (uint32_t slot = 1; slot < slots_number(t->slots); slot++) {
		const struct workload *workload = slots_workload(t->slots, slot);

		if (workload)
			entries[n++] = (struct entry){ workload, slot, NULL };
	}
	for (const struct carried *c = t->carried; c; c = c->hh.next) {
		const struct workload *workload = slots_heir(t->slots, c->heir);

		if (workload)
			entries[n++] = (struct entry){ workload, 0, c };
	}
	return n;
}

void tallies_read(const struct tallies *t, tally_visit *visit, void *context)
{
	cleanup_free struct entry *entries =
		xcalloc(slots_number(t->slots) + HASH_COUNT(t->carried), sizeof(*entries));
	cleanup_free uint64_t *sums = xcalloc(t->keys, sizeof(*sums));
	size_t n = gather(t, entries);

	qsort(entries, n, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < n;) {
		const struct workload *workload = entries[i].workload;

		memset(sums, 0, t->keys * sizeof(*sums));
		while (i < n && entries[i].workload == workload)
			add_entry(t, &entries[i++], sums);
		visit(context, workload, sums);
	}
}

static struct carried *find_carried(struct tallies *t, uint64_t heir)
{
	struct carried *carried;

	HASH_FIND(hh, t->carried, &heir, sizeof(heir), carried);
	if (carried)
		return carried;
	carried = xcalloc(1, sizeof(*carried) + t->keys * sizeof(uint64_t));
	carried->heir = heir;
	HASH_ADD(hh, t->carried, heir, sizeof(heir), carried);
	return carried;
}

/* Heirs that are gone have left the metrics with all they had. */
static void drop_carried(struct tallies *t)
{
	struct carried *carried, *next;

	HASH_ITER(hh, t->carried, carried, next) {
		if (slots_heir_is_alive(t->slots, carried->heir))
			continue;
		HASH_DELETE(hh, t->carried, carried);
		free(carried);
	}
}

static void retire_one(struct tallies *t, uint32_t slot)
{
	uint64_t heir = slots_heir_id(t->slots, slot);

	if (heir)
		add_slot(t, slot, find_carried(t, heir)->values);
	for (uint32_t shard = 0; shard < t->shards; shard++)
		memset(values_at(t, shard, slot), 0, t->keys * sizeof(uint64_t));
}

void tallies_retire(struct tallies *t)
{
	for (uint32_t slot = 1; slot < slots_number(t->slots); slot++)
		if (slots_retires(t->slots, slot))
			retire_one(t, slot);
	drop_carried(t);
}

uint64_t tallies_lost(const struct tallies *t, uint32_t key)
{
	uint64_t lost = 0;

	for (uint32_t shard = 0; shard < t->shards; shard++)
		lost += __atomic_load_n(&values_at(t, shard, 0)[key], __ATOMIC_RELAXED);
	return lost;
}
