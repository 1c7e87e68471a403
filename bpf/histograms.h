/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Histograms per (slot, key), made when the first value comes. Each probe has maps of its own; the
 * collector sizes them and fills the constants before it loads the object.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "bpf/buckets.h"
#include "bpf/wire.h"

const volatile __u32 n_keys = 1;       /* of one slot */
const volatile __u32 n_histograms = 1; /* in one shard */
const volatile __u32 n_cells = WIRE_CELLS_MAX;
const volatile __u32 shard_mask = 0;   /* shards are a power of two, minus one */
const volatile bool shards_shared = 1; /* several CPUs, or interrupts, count in one shard */

/*
 * [slot * n_keys + key]: the number of its histogram; 0 while there is none. Four of 16 bits in each
 * value, because an array's values stand 8 bytes apart in any case.
 */
enum { NUMBERS = 4 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} histogram_index SEC(".maps");

/* The way back: [histogram] is slot * n_keys + key, plus 1; 0 for a free one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} histogram_owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} free_histograms SEC(".maps");

/* [shard * n_histograms + histogram]; histogram 0 counts what found no place. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_histogram); /* cut to n_cells */
} histograms SEC(".maps");

/* Where the number of an owner's histogram stands; NULL for none. */
static __always_inline __u16 *histogram_number(__u32 owner)
{
	__u32 row = owner / NUMBERS;
	__u16 *numbers = bpf_map_lookup_elem(&histogram_index, &row);
	__u64 i = owner;

	if (!numbers)
		return 0;
	asm volatile("" : "+r"(i));
	i &= NUMBERS - 1;
	return &numbers[i];
}

/* When two CPUs come here at once both histograms count, and the collector adds them. */
static __always_inline __u32 histogram_give(__u32 owner, __u32 number)
{
	__u64 owner_plus_1 = (__u64)owner + 1;
	__u16 *place = histogram_number(owner);

	bpf_map_update_elem(&histogram_owners, &number, &owner_plus_1, BPF_ANY);
	if (place)
		*place = number;
	return number;
}

static __noinline __u32 histogram_new(__u32 owner)
{
	__u32 number = 0;

	if (bpf_map_pop_elem(&free_histograms, &number) < 0)
		return 0;
	return histogram_give(owner, number);
}

/* A histogram by its number, in the shard of this CPU. */
static __always_inline struct wire_histogram *histogram_at(__u32 number, __u32 cpu)
{
	__u32 at = (cpu & shard_mask) * n_histograms + number;

	return bpf_map_lookup_elem(&histograms, &at);
}

/* One value that stands for `weight` of them. */
static __always_inline void histogram_count(struct wire_histogram *histogram, __u64 ns,
					    __u64 weight)
{
	__u64 cell = cell_of(ns);

	asm volatile("" : "+r"(cell));
	if (cell >= n_cells)
		cell = n_cells - 1;
	histogram->used[cell / WIRE_BLOCK] = 1;
	if (shards_shared) {
		__sync_fetch_and_add(&histogram->sum_ns, ns * weight);
		__sync_fetch_and_add(&histogram->cells[cell], weight);
	} else {
		histogram->sum_ns += ns * weight;
		histogram->cells[cell] += weight;
	}
}

/* For who has both at hand: the first histogram of this CPU's shard (wire_cpu), and slot * n_keys + key. */
static __always_inline void histogram_add_from(__u32 first, __u32 slot, __u32 owner, __u64 ns)
{
	__u16 *place = histogram_number(owner);
	__u32 number = place ? *place : 0, at;
	struct wire_histogram *histogram;

	/* Slot 0 never has one. */
	if (!number && slot)
		number = histogram_new(owner);
	at = first + number;
	histogram = bpf_map_lookup_elem(&histograms, &at);
	if (histogram)
		histogram_count(histogram, ns, 1);
}

static __always_inline void histogram_add(__u32 slot, __u32 key, __u64 ns)
{
	__u32 cpu = bpf_get_smp_processor_id();

	histogram_add_from((cpu & shard_mask) * n_histograms, slot, slot * n_keys + key, ns);
}
