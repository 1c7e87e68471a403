/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When something began, until it ends, without a helper call: a table by a hash of its number. Two may
 * want one place: then the later has it, and the other ends without a beginning.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum { STAMP_BITS = 13 };

struct stamp {
	__u64 owner; /* 0: none */
	__u64 began_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << STAMP_BITS);
	__type(key, __u32);
	__type(value, struct stamp);
} stamps SEC(".maps");

static __always_inline volatile struct stamp *stamp_of(__u64 owner)
{
	/* Multiplied by 2^32 over the golden ratio: neighbours come to lie far from each other. */
	__u32 at = ((__u32)(owner ^ owner >> 32) * 0x9e3779b1U) >> (32 - STAMP_BITS);

	return bpf_map_lookup_elem(&stamps, &at);
}

static __always_inline void stamp_set(__u64 owner)
{
	volatile struct stamp *stamp = stamp_of(owner);

	if (!stamp)
		return;
	/* Nobody may take the new time for that of whoever had this place. */
	stamp->owner = 0;
	stamp->began_ns = bpf_ktime_get_ns();
	stamp->owner = owner;
}

/* When it began; 0 when that is not known. */
static __always_inline __u64 stamp_take(__u64 owner)
{
	volatile struct stamp *stamp = stamp_of(owner);
	__u64 began_ns;

	if (!stamp || stamp->owner != owner)
		return 0;
	began_ns = stamp->began_ns;
	if (stamp->owner != owner)
		return 0;
	stamp->owner = 0;
	return began_ns;
}
