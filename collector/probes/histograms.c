/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/histograms.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <uthash.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options.h"
#include "collector/probes/attachment.h"
#include "collector/probes/probe.h"
#include "collector/probes/slots.h"
#include "collector/snapshot.h"

enum {
	SHARDS_MAX = 8,
	NUMBERS = 4,	     /* in one value of the index */
	NUMBERS_MAX = 65535, /* what fits there */
	SPARE = 3,	     /* one in so many is kept for where the others run out */
	HEAD = offsetof(struct wire_histogram, cells) / sizeof(uint64_t),
};

/* What cgroups that are gone have left to their workload. */
struct carried {
	struct {
		uint64_t heir;
		uint64_t key;
	} of;
	struct wire_histogram sums;
	UT_hash_handle hh;
};

struct histograms {
	struct slots *slots;
	unsigned schema;
	uint32_t keys, n, n_cells, shards;
	size_t stride;	  /* in u64, from histogram to histogram */
	uint32_t n_spare; /* the first ones, in a queue of their own */
	int free_fd, spare_fd;
	uint16_t *index; /* mapped, as the other two */
	uint64_t *owners, *cells;
	size_t index_size, owners_size, cells_size;
	struct carried *carried;
};

struct entry {
	const struct workload *workload;
	uint32_t key, number; /* number 0: carried */
	const struct carried *carried;
};

static uint32_t power_of_two_below(uint32_t n)
{
	uint32_t power = 1;

	while (power * 2 <= n)
		power *= 2;
	return power;
}

/* Fewer shards first, which costs atomics; then fewer histograms, which costs detail. */
static void fit(struct histograms *h, const struct histograms_size *size, unsigned n_cpus)
{
	h->shards = power_of_two_below(n_cpus < SHARDS_MAX ? n_cpus : SHARDS_MAX);
	h->n = size->wanted < NUMBERS_MAX ? size->wanted + 1 : NUMBERS_MAX;
	h->stride = HEAD + h->n_cells;
	while (h->shards > 1 && h->stride * 8 * h->n * h->shards > size->memory)
		h->shards /= 2;
	if (h->stride * 8 * h->n * h->shards > size->memory)
		h->n = (uint32_t)(size->memory / (h->stride * 8 * h->shards));
	if (h->n < 2)
		h->n = 2;
}

static int set_constants(const struct histograms *h, struct bpf_object *object, bool shared)
{
	struct wire_bucket buckets[WIRE_BUCKET_ROWS];
	const uint32_t shift = WIRE_SCHEMA_MAX - h->schema, mask = h->shards - 1;
	int err = 0;

	histograms_fill_buckets(buckets);
	err = err ? err : object_set_constant(object, "n_keys", &h->keys, sizeof(h->keys));
	err = err ? err : object_set_constant(object, "n_histograms", &h->n, sizeof(h->n));
	err = err ? err : object_set_constant(object, "n_cells", &h->n_cells, sizeof(h->n_cells));
	err = err ? err : object_set_constant(object, "schema_shift", &shift, sizeof(shift));
	err = err ? err : object_set_constant(object, "shard_mask", &mask, sizeof(mask));
	err = err ? err : object_set_constant(object, "shards_shared", &shared, sizeof(shared));
	return err ? err : object_set_constant(object, "buckets", buckets, sizeof(buckets));
}

static int set_sizes(const struct histograms *h, struct bpf_object *object)
{
	uint32_t n_numbers = slots_number(h->slots) * h->keys;
	struct bpf_map *cells = object_map(object, "histograms");
	struct bpf_map *spare = object_map(object, "spare_histograms");
	int err = bpf_map__set_max_entries(object_map(object, "histogram_index"),
					   (n_numbers + NUMBERS - 1) / NUMBERS);

	err = err ? err : bpf_map__set_max_entries(object_map(object, "histogram_owners"), h->n);
	err = err ? err : bpf_map__set_max_entries(object_map(object, "free_histograms"), h->n);
	if (spare)
		err = err ? err : bpf_map__set_max_entries(spare, h->n);
	err = err ? err : bpf_map__set_max_entries(cells, h->n * h->shards);
	return err ? err : bpf_map__set_value_size(cells, (uint32_t)(h->stride * 8));
}

int histograms_prepare(const struct probe_setup *setup, struct bpf_object *object,
		       const struct histograms_size *size, struct histograms **ret)
{
	struct histograms *h = xcalloc(1, sizeof(*h));

	h->slots = setup->slots;
	h->schema = (unsigned)setup->options->probe_histogram_schema;
	h->keys = size->keys;
	h->n_cells = ((uint32_t)(WIRE_HIGHEST_EXPONENT - WIRE_LOWEST_EXPONENT) << h->schema) + 2;
	fit(h, size, setup->n_cpus);
	int err = set_constants(h, object, size->interrupts || h->shards < setup->n_cpus);
	err = err ? err : set_sizes(h, object);
	if (err < 0) {
		free(h);
		return err;
	}
	*ret = h;
	return 0;
}

static int give_back(const struct histograms *h, uint32_t number)
{
	return bpf_map_update_elem(number <= h->n_spare ? h->spare_fd : h->free_fd, NULL, &number,
				   BPF_ANY);
}

int histograms_start(struct histograms *h, struct bpf_object *object)
{
	h->index = map_memory(object_map(object, "histogram_index"), &h->index_size);
	if (!h->index)
		return -errno;
	h->owners = map_memory(object_map(object, "histogram_owners"), &h->owners_size);
	if (!h->owners)
		return -errno;
	h->cells = map_memory(object_map(object, "histograms"), &h->cells_size);
	if (!h->cells)
		return -errno;
	h->free_fd = bpf_map__fd(object_map(object, "free_histograms"));
	if (object_map(object, "spare_histograms")) {
		h->spare_fd = bpf_map__fd(object_map(object, "spare_histograms"));
		h->n_spare = h->n / SPARE;
	}
	for (uint32_t number = 1; number < h->n; number++)
		if (give_back(h, number) < 0)
			return -errno;
	return 0;
}

void histograms_free(struct histograms *h)
{
	struct carried *carried, *next;

	if (!h)
		return;
	HASH_ITER(hh, h->carried, carried, next) {
		HASH_DELETE(hh, h->carried, carried);
		free(carried);
	}
	if (h->index)
		munmap(h->index, h->index_size);
	if (h->owners)
		munmap(h->owners, h->owners_size);
	if (h->cells)
		munmap(h->cells, h->cells_size);
	free(h);
}

static uint32_t slot_of(const struct histograms *h, uint64_t owner)
{
	return (uint32_t)((owner - 1) / h->keys);
}

static uint32_t key_of(const struct histograms *h, uint64_t owner)
{
	return (uint32_t)((owner - 1) % h->keys);
}

static uint64_t *cells_at(const struct histograms *h, uint32_t shard, uint32_t number)
{
	return h->cells + ((size_t)shard * h->n + number) * h->stride;
}

/* The cells are read while CPUs count: each is whole, and `count` is made of what was read. */
static void add_histogram(const struct histograms *h, uint32_t number, struct wire_histogram *sums)
{
	for (uint32_t shard = 0; shard < h->shards; shard++) {
		const uint64_t *at = cells_at(h, shard, number);

		sums->sum_ns += __atomic_load_n(&at[0], __ATOMIC_RELAXED);
		sums->events += __atomic_load_n(&at[1], __ATOMIC_RELAXED);
		for (uint32_t i = 0; i < h->n_cells; i++)
			sums->cells[i] += __atomic_load_n(&at[HEAD + i], __ATOMIC_RELAXED);
	}
}

void histograms_add(const struct wire_histogram *more, struct wire_histogram *sums)
{
	sums->sum_ns += more->sum_ns;
	sums->events += more->events;
	for (uint32_t i = 0; i < WIRE_CELLS_MAX; i++)
		sums->cells[i] += more->cells[i];
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->workload != y->workload)
		return x->workload->index < y->workload->index ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/* Carried counts stand with the slot of their heir: without one there is no workload any more. */
static size_t gather(const struct histograms *h, struct entry *entries)
{
	size_t n = 0;

	for (uint32_t i = 1; i < h->n; i++) {
		uint64_t owner = __atomic_load_n(&h->owners[i], __ATOMIC_ACQUIRE);
		const struct workload *workload =
			owner ? slots_workload(h->slots, slot_of(h, owner)) : NULL;

		if (workload)
			entries[n++] = (struct entry){ workload, key_of(h, owner), i, NULL };
	}
	for (const struct carried *c = h->carried; c; c = c->hh.next) {
		const struct workload *workload = slots_heir(h->slots, c->of.heir);

		if (workload)
			entries[n++] = (struct entry){ workload, (uint32_t)c->of.key, 0, c };
	}
	return n;
}

static void read_entry(const struct histograms *h, const struct entry *entry,
		       struct histogram_reading *reading)
{
	if (entry->carried)
		histograms_add(&entry->carried->sums, &reading->sums);
	else
		add_histogram(h, entry->number, &reading->sums);
}

void histograms_read(struct histograms *h, histogram_visit *visit, void *context)
{
	cleanup_free struct entry *entries =
		xcalloc(h->n + HASH_COUNT(h->carried), sizeof(*entries));
	size_t n = gather(h, entries);
	struct histogram_reading reading;

	qsort(entries, n, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < n;) {
		size_t first = i;

		reading = (struct histogram_reading){ .workload = entries[i].workload,
						      .key = entries[i].key };
		while (i < n && compare_entries(&entries[first], &entries[i]) == 0)
			read_entry(h, &entries[i++], &reading);
		for (uint32_t c = 0; c < h->n_cells; c++)
			reading.count += reading.sums.cells[c];
		visit(context, &reading);
	}
}

/* Every second octave, from 1 us to 4 s: twelve bounds in text, all of them native ones. */
static const int *classic_bounds(struct snapshot *snapshot, unsigned schema, unsigned *ret_n)
{
	enum { STEP = 2, N = 12 };
	int *bounds = arena_alloc(&snapshot->arena, N * sizeof(*bounds));

	for (int i = 0; i < N; i++)
		bounds[i] = (WIRE_LOWEST_EXPONENT + i * STEP) * (1 << schema);
	*ret_n = N;
	return bounds;
}

const struct histogram *histograms_make(const struct histograms *h, struct snapshot *snapshot,
					const struct histogram_reading *reading)
{
	struct histogram *histogram = arena_alloc(&snapshot->arena, sizeof(*histogram));
	const struct wire_histogram *sums = &reading->sums;
	uint32_t first = 1, last = h->n_cells - 2;
	uint64_t *counts;

	while (first <= last && !sums->cells[first])
		first++;
	while (last > first && !sums->cells[last])
		last--;
	uint32_t n = first <= last ? last - first + 1 : 0;
	counts = arena_alloc(&snapshot->arena, (n + 1) * sizeof(*counts));
	memcpy(counts, &sums->cells[first], n * sizeof(*counts));
	*histogram = (struct histogram){
		.schema = (int)h->schema,
		.zero_threshold =
			histogram_bound((int)h->schema, WIRE_LOWEST_EXPONENT * (1 << h->schema)),
		.zero_count = sums->cells[0],
		.first = WIRE_LOWEST_EXPONENT * (1 << h->schema) + (int)first,
		.n = n,
		.counts = counts,
		.overflow = sums->cells[h->n_cells - 1],
		.sum = (double)sums->sum_ns / 1e9,
	};
	histogram->bounds = classic_bounds(snapshot, h->schema, &histogram->n_bounds);
	return histogram;
}

static struct carried *find_carried(struct histograms *h, uint64_t heir, uint32_t key)
{
	struct carried *fresh = xcalloc(1, sizeof(*fresh)), *carried;

	fresh->of.heir = heir;
	fresh->of.key = key;
	HASH_FIND(hh, h->carried, &fresh->of, sizeof(fresh->of), carried);
	if (carried) {
		free(fresh);
		return carried;
	}
	HASH_ADD(hh, h->carried, of, sizeof(fresh->of), fresh);
	return fresh;
}

static void retire_one(struct histograms *h, uint32_t number, uint64_t heir, uint32_t key)
{
	if (heir) {
		struct carried *carried = find_carried(h, heir, key);

		add_histogram(h, number, &carried->sums);
	}
	for (uint32_t shard = 0; shard < h->shards; shard++)
		memset(cells_at(h, shard, number), 0, h->stride * 8);
	h->index[h->owners[number] - 1] = 0;
	h->owners[number] = 0;
	(void)give_back(h, number);
}

/* Heirs that are gone have left the metrics with all they had. */
static void drop_carried(struct histograms *h)
{
	struct carried *carried, *next;

	HASH_ITER(hh, h->carried, carried, next) {
		if (slots_heir_is_alive(h->slots, carried->of.heir))
			continue;
		HASH_DELETE(hh, h->carried, carried);
		free(carried);
	}
}

void histograms_retire(struct histograms *h, uint32_t slot, uint64_t heir)
{
	for (uint32_t i = 1; i < h->n; i++) {
		uint64_t owner = h->owners[i];

		if (owner && slot_of(h, owner) == slot)
			retire_one(h, i, heir, key_of(h, owner));
	}
	drop_carried(h);
}

uint64_t histograms_lost(const struct histograms *h)
{
	struct wire_histogram sums = { 0 };
	uint64_t lost = 0;

	add_histogram(h, 0, &sums);
	for (uint32_t i = 0; i < h->n_cells; i++)
		lost += sums.cells[i];
	return sums.events ? sums.events : lost;
}

uint32_t histograms_used(const struct histograms *h)
{
	uint32_t used = 0;

	for (uint32_t i = 1; i < h->n; i++)
		used += h->owners[i] != 0;
	return used;
}
