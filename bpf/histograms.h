/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Histograms per (slot, key), made when the first value comes. Each probe has maps of its own; the
 * collector sizes them and fills the constants before it loads the object.
 * Bucket bounds are those of Prometheus native histograms of seconds, upper-inclusive, so that they
 * are handed on as they are.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "bpf/wire.h"

const volatile __u32 n_keys = 1;       /* of one slot */
const volatile __u32 n_histograms = 1; /* in one shard */
const volatile __u32 n_cells = WIRE_CELLS_MAX;
const volatile __u32 schema_shift = 0; /* WIRE_SCHEMA_MAX minus the schema */
const volatile __u32 shard_mask = 0;   /* shards are a power of two, minus one */
const volatile bool shards_shared = 1; /* several CPUs, or interrupts, count in one shard */
const volatile struct wire_bucket buckets[WIRE_BUCKET_ROWS];

/* [slot * n_keys + key]: the number of its histogram; 0 while there is none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64); /* an array's values stand 8 bytes apart in any case */
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

/* floor(log2(value)) without a branch (de Bruijn): in a loop branches explode in the verifier. */
static __always_inline __u64 highest_bit(__u64 value)
{
	static const __u8 positions[64] = {
		0,  47, 1,  56, 48, 27, 2,  60, 57, 49, 41, 37, 28, 16, 3,  61,
		54, 58, 35, 52, 50, 42, 21, 44, 38, 32, 29, 23, 17, 11, 4,  62,
		46, 55, 26, 59, 40, 36, 15, 53, 34, 51, 20, 43, 31, 22, 10, 45,
		25, 39, 14, 33, 19, 30, 9,  24, 13, 18, 8,  12, 7,  6,	5,  63,
	};

	value |= value >> 1;
	value |= value >> 2;
	value |= value >> 4;
	value |= value >> 8;
	value |= value >> 16;
	value |= value >> 32;
	return positions[(value * 0x03f79d71b4cb0a89ULL) >> 58];
}

static __always_inline __u64 cell_of(__u64 ns)
{
	__u64 value = ns ? ns : 1;
	__u64 e = highest_bit(value), m = e < 4 ? value << (4 - e) : value >> (e - 4), row, cell;

	row = e << 4 | (m & 15);
	/* clang would move the mask behind where the verifier of 6.1 looks for it. */
	asm volatile("" : "+r"(row));
	row &= WIRE_BUCKET_ROWS - 1;
	cell = buckets[row].cell + (value > buckets[row].threshold_ns);
	return (cell + (1 << schema_shift) - 1) >> schema_shift;
}

static __noinline __u32 histogram_new(__u32 owner)
{
	__u64 owner_plus_1 = (__u64)owner + 1, value;
	__u32 number = 0;

	if (bpf_map_pop_elem(&free_histograms, &number) < 0)
		return 0;
	/* When two CPUs come here at once both histograms count, and the collector adds them. */
	bpf_map_update_elem(&histogram_owners, &number, &owner_plus_1, BPF_ANY);
	value = number;
	bpf_map_update_elem(&histogram_index, &owner, &value, BPF_ANY);
	return number;
}

static __always_inline void histogram_add(__u32 slot, __u32 key, __u64 ns)
{
	__u32 owner = slot * n_keys + key, shard = bpf_get_smp_processor_id() & shard_mask;
	__u64 *number = slot ? bpf_map_lookup_elem(&histogram_index, &owner) : 0;
	__u32 at = number ? *number : 0;
	__u64 *histogram, cell = cell_of(ns);

	if (number && !at)
		at = histogram_new(owner);
	at += shard * n_histograms;
	histogram = bpf_map_lookup_elem(&histograms, &at);
	if (!histogram)
		return;
	asm volatile("" : "+r"(cell));
	if (cell >= n_cells)
		cell = n_cells - 1;
	if (shards_shared) {
		__sync_fetch_and_add(&histogram[0], ns);
		__sync_fetch_and_add(&histogram[1 + cell], 1);
	} else {
		histogram[0] += ns;
		histogram[1 + cell]++;
	}
}
