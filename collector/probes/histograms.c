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
#include "collector/options/options.h"
#include "collector/probes/attachment.h"
#include "collector/probes/probe.h"
#include "collector/probes/slots.h"
#include "collector/snapshot.h"

enum {
	SHARDS_MAX = 8,
	NUMBERS = 4,	     /* in one value of the index */
	NUMBERS_MAX = 65535, /* what fits there */
	TEXT_STEP = 4,	     /* where no option is set */
	TEXT_LOWEST = -10,   /* powers of two: 1 ms */
	TEXT_HIGHEST = 1,
	SPARE = 3, /* one in so many is kept for where the others run out */
	AHEAD = 4, /* histograms are all over the memory: this one is fetched while others are added up */
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
	int text_step; /* powers of two between bounds in text */
	int text_lowest, text_highest;
	uint32_t keys, n, n_cells, shards;
	size_t stride;	  /* in u64, from histogram to histogram */
	uint32_t n_spare; /* the first ones, in a queue of their own */
	int free_fd, spare_fd;
	uint16_t *index; /* mapped, as the other two */
	uint64_t *owners, *cells;
	size_t index_size, owners_size, cells_size;
	uint32_t key_groups; /* 0: keys are found by the index */
	int numbers_fd;	     /* else by this */
	uint64_t *keys_used; /* mapped */
	size_t keys_used_size;
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

static int set_keyed_sizes(const struct histograms *h, struct bpf_object *object)
{
	int err =
		object_set_constant(object, "n_key_groups", &h->key_groups, sizeof(h->key_groups));

	err = err ? err : bpf_map__set_max_entries(object_map(object, "histogram_numbers"), h->n);
	return err ? err
		   : bpf_map__set_max_entries(object_map(object, "keys_used"),
					      slots_number(h->slots) * h->key_groups);
}

static int set_sizes(const struct histograms *h, struct bpf_object *object)
{
	uint32_t n_numbers = h->key_groups ? NUMBERS : slots_number(h->slots) * h->keys;
	struct bpf_map *cells = object_map(object, "histograms");
	struct bpf_map *spare = object_map(object, "spare_histograms");
	int err = bpf_map__set_max_entries(object_map(object, "histogram_index"),
					   (n_numbers + NUMBERS - 1) / NUMBERS);

	err = err ? err : bpf_map__set_max_entries(object_map(object, "histogram_owners"), h->n);
	err = err ? err : bpf_map__set_max_entries(object_map(object, "free_histograms"), h->n);
	if (spare)
		err = err ? err : bpf_map__set_max_entries(spare, h->n);
	if (h->key_groups)
		err = err ? err : set_keyed_sizes(h, object);
	err = err ? err : bpf_map__set_max_entries(cells, h->n * h->shards);
	return err ? err : bpf_map__set_value_size(cells, (uint32_t)(h->stride * 8));
}

static void set_text(struct histograms *h, int step, const struct histograms_size *size)
{
	h->text_step = step < 1 ? TEXT_STEP : step;
	h->text_lowest = TEXT_LOWEST;
	h->text_highest = TEXT_HIGHEST;
	if (size->text_lowest || size->text_highest) {
		h->text_lowest = size->text_lowest;
		h->text_highest = size->text_highest;
	}
	if (size->text_fineness > 1)
		h->text_step /= (int)size->text_fineness;
	if (h->text_step < 1)
		h->text_step = 1;
}

int histograms_prepare(const struct probe_setup *setup, struct bpf_object *object,
		       const struct histograms_size *size, struct histograms **ret)
{
	struct histograms *h = xcalloc(1, sizeof(*h));

	h->slots = setup->slots;
	h->schema = (unsigned)setup->options->probe_histogram_schema;
	set_text(h, (int)setup->options->probe_text_step, size);
	h->keys = size->keys;
	h->key_groups = size->key_groups;
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
	if (h->key_groups) {
		h->numbers_fd = bpf_map__fd(object_map(object, "histogram_numbers"));
		h->keys_used = map_memory(object_map(object, "keys_used"), &h->keys_used_size);
		if (!h->keys_used)
			return -errno;
	}
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
	if (h->keys_used)
		munmap(h->keys_used, h->keys_used_size);
	free(h);
}

static uint32_t slot_of(const struct histograms *h, uint64_t owner)
{
	return h->key_groups ? (uint32_t)(owner >> 32) : (uint32_t)((owner - 1) / h->keys);
}

static uint32_t key_of(const struct histograms *h, uint64_t owner)
{
	return h->key_groups ? (uint32_t)owner : (uint32_t)((owner - 1) % h->keys);
}

static uint64_t *cells_at(const struct histograms *h, uint32_t shard, uint32_t number)
{
	return h->cells + ((size_t)shard * h->n + number) * h->stride;
}

/* The end of a block that begins with cell `first`. */
static uint32_t block_end(uint32_t first, uint32_t n_cells)
{
	return first + WIRE_BLOCK < n_cells ? first + WIRE_BLOCK : n_cells;
}

/*
 * The cells are read while CPUs count: each is whole, and `count` is made of what was read. What a coarser schema
 * cuts off is never marked as used.
 */
static void add_cells(const struct wire_histogram *more, uint32_t n_cells,
		      struct wire_histogram *sums)
{
	sums->sum_ns += __atomic_load_n(&more->sum_ns, __ATOMIC_RELAXED);
	sums->events += __atomic_load_n(&more->events, __ATOMIC_RELAXED);
	for (uint32_t block = 0; block < WIRE_BLOCKS; block++) {
		const uint32_t first = block * WIRE_BLOCK;

		if (!__atomic_load_n(&more->used[block], __ATOMIC_RELAXED))
			continue;
		sums->used[block] = 1;
		for (uint32_t i = first; i < block_end(first, n_cells); i++)
			sums->cells[i] += __atomic_load_n(&more->cells[i], __ATOMIC_RELAXED);
	}
}

static void add_histogram(const struct histograms *h, uint32_t number, struct wire_histogram *sums)
{
	for (uint32_t shard = 0; shard < h->shards; shard++)
		add_cells((const void *)cells_at(h, shard, number), h->n_cells, sums);
}

void histograms_add(const struct wire_histogram *more, struct wire_histogram *sums)
{
	add_cells(more, WIRE_CELLS_MAX, sums);
}

void histograms_clear(struct wire_histogram *sums)
{
	for (uint32_t block = 0; block < WIRE_BLOCKS; block++) {
		const uint32_t first = block * WIRE_BLOCK;

		if (!sums->used[block])
			continue;
		memset(&sums->cells[first], 0,
		       (block_end(first, WIRE_CELLS_MAX) - first) * sizeof(*sums->cells));
		sums->used[block] = 0;
	}
	sums->sum_ns = sums->events = 0;
}

static uint64_t count_cells(const struct wire_histogram *sums)
{
	uint64_t count = 0;

	for (uint32_t block = 0; block < WIRE_BLOCKS; block++) {
		const uint32_t first = block * WIRE_BLOCK;

		for (uint32_t i = first; sums->used[block] && i < block_end(first, WIRE_CELLS_MAX);
		     i++)
			count += sums->cells[i];
	}
	return count;
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
	struct histogram_reading reading = { 0 };

	qsort(entries, n, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < n;) {
		size_t first = i;

		for (uint32_t shard = 0; i + AHEAD < n && shard < h->shards; shard++)
			__builtin_prefetch(cells_at(h, shard, entries[i + AHEAD].number));
		reading.workload = entries[i].workload;
		reading.key = entries[i].key;
		histograms_clear(&reading.sums);
		while (i < n && compare_entries(&entries[first], &entries[i]) == 0)
			read_entry(h, &entries[i++], &reading);
		reading.count = count_cells(&reading.sums);
		visit(context, &reading);
	}
}

/* Powers of two, which all schemas have: what is counted up to them is exact. */
static const int *classic_bounds(const struct histograms *h, struct snapshot *snapshot,
				 unsigned *ret_n)
{
	size_t most = (size_t)(h->text_highest - h->text_lowest) + 1;
	int *bounds = arena_alloc(&snapshot->arena, most * sizeof(*bounds));
	unsigned n = 0;

	for (int exponent = h->text_lowest; exponent <= h->text_highest; exponent += h->text_step)
		bounds[n++] = exponent * (1 << h->schema);
	*ret_n = n;
	return bounds;
}

struct histogram *histograms_make(const struct histograms *h, struct snapshot *snapshot,
				  const struct histogram_reading *reading)
{
	struct histogram *histogram = arena_alloc(&snapshot->arena, sizeof(*histogram));
	const struct wire_histogram *sums = &reading->sums;
	uint32_t first = 1, last = h->n_cells - 2;
	uint64_t *counts;

	while (first <= last && !sums->cells[first])
		first += sums->used[first / WIRE_BLOCK] ? 1 : WIRE_BLOCK - first % WIRE_BLOCK;
	while (last > first && !sums->cells[last])
		last -= sums->used[last / WIRE_BLOCK] ? 1 : last % WIRE_BLOCK + 1;
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
	histogram->bounds = classic_bounds(h, snapshot, &histogram->n_bounds);
	return histogram;
}

struct histogram *histograms_make_native(const struct histograms *h, struct snapshot *snapshot,
					 const struct histogram_reading *reading)
{
	struct histogram *histogram = histograms_make(h, snapshot, reading);

	histogram->only_native = true;
	return histogram;
}

void histograms_tell_cpus(const struct histograms *h, struct wire_cpu cpus[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		cpus[i].first_histogram = (i & (h->shards - 1)) * h->n;
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

static void retire_one(struct histograms *h, uint32_t number, uint64_t owner)
{
	uint64_t heir = slots_heir_id(h->slots, slot_of(h, owner));

	if (heir) {
		struct carried *carried = find_carried(h, heir, key_of(h, owner));

		add_histogram(h, number, &carried->sums);
	}
	for (uint32_t shard = 0; shard < h->shards; shard++)
		memset(cells_at(h, shard, number), 0, h->stride * 8);
	if (h->key_groups)
		(void)bpf_map_delete_elem(h->numbers_fd, &owner);
	else
		h->index[owner - 1] = 0;
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

void histograms_retire(struct histograms *h)
{
	for (uint32_t i = 1; i < h->n; i++) {
		uint64_t owner = h->owners[i];

		if (owner && slots_retires(h->slots, slot_of(h, owner)))
			retire_one(h, i, owner);
	}
	for (uint32_t slot = 0; h->key_groups && slot < slots_number(h->slots); slot++)
		if (slots_retires(h->slots, slot))
			memset(&h->keys_used[(size_t)slot * h->key_groups], 0,
			       h->key_groups * sizeof(*h->keys_used));
	drop_carried(h);
}

uint64_t histograms_lost(const struct histograms *h)
{
	struct wire_histogram sums = { 0 };

	add_histogram(h, 0, &sums);
	return sums.events ? sums.events : count_cells(&sums);
}
