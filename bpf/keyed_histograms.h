/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Histograms per (slot, key) for keys of 32 bits, of which few are in use: found by a hash instead of
 * the index. A slot has a limited number of keys of each group, lest one cgroup take all.
 */
#pragma once

#include "bpf/histograms.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* as many as there are histograms */
	__type(key, __u64);	/* slot << 32 | key */
	__type(value, __u32);
} histogram_numbers SEC(".maps");

const volatile __u32 n_key_groups = 1;

/* [slot * n_key_groups + group]: keys that it has got. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} keys_used SEC(".maps");

static __always_inline __u32 keyed_histogram_find(__u32 slot, __u32 key)
{
	__u64 owner = (__u64)slot << 32 | key;
	__u32 *number = bpf_map_lookup_elem(&histogram_numbers, &owner);

	return number ? *number : 0;
}

/* 0: none is free, or another CPU came first: then it is to be found. */
static __noinline __u32 keyed_histogram_new(__u32 slot, __u32 key)
{
	__u64 owner = (__u64)slot << 32 | key;
	__u32 number = 0;

	if (bpf_map_pop_elem(&free_histograms, &number) < 0)
		return 0;
	if (bpf_map_update_elem(&histogram_numbers, &owner, &number, BPF_NOEXIST) == 0) {
		bpf_map_update_elem(&histogram_owners, &number, &owner, BPF_ANY);
		return number;
	}
	bpf_map_push_elem(&free_histograms, &number, 0);
	return 0;
}

static __always_inline __u32 keyed_histogram_get(__u32 slot, __u32 key)
{
	__u32 number = keyed_histogram_find(slot, key);

	if (!number)
		number = keyed_histogram_new(slot, key);
	return number ? number : keyed_histogram_find(slot, key);
}

/*
 * One more of the group, unless it has as many as it may; CPUs at once may go beyond by one each. Only what
 * it has got is counted: a shortage that passes leaves nothing behind.
 */
static __always_inline __u32 keyed_histogram_more(__u32 slot, __u32 group, __u32 limit, __u32 key)
{
	__u32 at = slot * n_key_groups + group, number;
	__u64 *used = bpf_map_lookup_elem(&keys_used, &at);

	if (!used || *used >= limit)
		return 0;
	number = keyed_histogram_new(slot, key);
	if (!number)
		return keyed_histogram_find(slot, key);
	__sync_fetch_and_add(used, 1);
	return number;
}

/* Mostly it is the one that was found last: whether it still is tells its owner, without a hash. */
static __always_inline __u32 keyed_histogram_again(__u32 slot, __u32 key, __u32 last)
{
	__u64 *owner = bpf_map_lookup_elem(&histogram_owners, &last);

	return owner && *owner == ((__u64)slot << 32 | key) ? last
							    : keyed_histogram_find(slot, key);
}

/*
 * `instead` is the key for what the group has no more keys for. `last` is the number of a histogram, or 0; returned
 * is that of this one.
 */
static __always_inline __u32 keyed_histogram_add(__u32 slot, __u32 group, __u32 limit, __u32 key,
						 __u32 instead, __u64 ns, __u32 last)
{
	__u32 number = slot ? keyed_histogram_again(slot, key, last) : 0;
	struct wire_histogram *histogram;

	if (!number && slot) {
		number = keyed_histogram_more(slot, group, limit, key);
		if (!number)
			number = keyed_histogram_get(slot, instead);
	}
	histogram = histogram_at(number, bpf_get_smp_processor_id());
	if (histogram)
		histogram_count(histogram, ns, 1);
	return number;
}
