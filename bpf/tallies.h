/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Plain counters per (slot, key), for few keys: each slot has all of them from the start. Each probe
 * has a map of its own; the collector sizes it and fills the constants before it loads the object.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "bpf/wire.h"

const volatile __u32 n_tally_keys = 1;	   /* of one slot */
const volatile __u32 n_tallies = 1;	   /* in one shard: slots times keys */
const volatile __u32 tally_shard_mask = 0; /* shards are a power of two, minus one */
const volatile bool tallies_shared = 1;	   /* several CPUs, or interrupts, count in one shard */

/* [shard * n_tallies + slot * n_tally_keys + key]; slot 0 counts what found no slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} tallies SEC(".maps");

/* For who knows the number of this CPU. A key that is none is left out, lest it count for another slot. */
static __always_inline void tally_add_on(__u32 cpu, __u32 slot, __u32 key, __u64 value)
{
	__u32 at = (cpu & tally_shard_mask) * n_tallies + slot * n_tally_keys + key;
	__u64 *tally = bpf_map_lookup_elem(&tallies, &at);

	if (!tally || key >= n_tally_keys)
		return;
	if (tallies_shared)
		__sync_fetch_and_add(tally, value);
	else
		*tally += value;
}

static __always_inline void tally_add(__u32 slot, __u32 key, __u64 value)
{
	tally_add_on(bpf_get_smp_processor_id(), slot, key, value);
}
