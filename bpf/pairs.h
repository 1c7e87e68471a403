/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sums per pair of slots, one or several of them, made when the first value comes. The collector sizes
 * the maps, fills the constants before it loads the object, and takes pairs back together with their
 * slots.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "bpf/wire.h"

const volatile __u32 n_pairs = 1;     /* in one shard */
const volatile __u32 n_pair_keys = 1; /* sums of one pair */
const volatile __u32 pair_shard_mask = 0;
const volatile bool pairs_shared = 1; /* several CPUs, or interrupts, count in one shard */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64); /* one slot << 32 | the other */
	__type(value, __u32);
} pair_numbers SEC(".maps");

/* [number]: its pair; 0 for a free one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} pair_owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} free_pairs SEC(".maps");

/* [(shard * n_pairs + number) * n_pair_keys + key] */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} pair_sums SEC(".maps");

/* The number of a pair, made on first sight; 0 when none is left. */
static __noinline __u32 pair_number(__u64 pair)
{
	__u32 *known = bpf_map_lookup_elem(&pair_numbers, &pair);
	__u32 number = 0;

	if (known)
		return *known;
	if (bpf_map_pop_elem(&free_pairs, &number) < 0)
		return 0;
	if (bpf_map_update_elem(&pair_numbers, &pair, &number, BPF_NOEXIST) == 0) {
		bpf_map_update_elem(&pair_owners, &number, &pair, BPF_ANY);
		return number;
	}
	bpf_map_push_elem(&free_pairs, &number, 0);
	known = bpf_map_lookup_elem(&pair_numbers, &pair);
	return known ? *known : 0;
}

/* `cached` is a number that was this pair's, most often. False: no pair is free. */
static __always_inline bool pair_add(__u32 cpu, __u64 pair, __u64 *cached, __u32 key, __u64 value)
{
	__u32 number = *cached, at;
	__u64 *owner = bpf_map_lookup_elem(&pair_owners, &number), *sum;

	if (!owner || *owner != pair) {
		number = pair_number(pair);
		if (!number)
			return 0;
		*cached = number;
	}
	at = ((cpu & pair_shard_mask) * n_pairs + number) * n_pair_keys + key;
	sum = bpf_map_lookup_elem(&pair_sums, &at);
	if (!sum)
		return 0;
	if (pairs_shared)
		__sync_fetch_and_add(sum, value);
	else
		*sum += value;
	return 1;
}

/* Of a number that only grows: what it has grown by, exactly once although two may look at once. */
static __always_inline __u64 pair_grown(__u64 *counted, __u64 now)
{
	__u64 before = *counted;

	if (now <= before)
		return 0;
	if (__sync_val_compare_and_swap(counted, before, now) == before)
		return now - before;
	before = *counted;
	if (now > before && __sync_val_compare_and_swap(counted, before, now) == before)
		return now - before;
	return 0;
}
