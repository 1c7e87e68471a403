/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The slot of a cgroup. The three maps are shared by all probes: the collector makes them once and
 * hands them to each object.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/cpus.h"
#include "bpf/kernel.h"
#include "bpf/wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u32);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_slot);
} slot_owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} free_slots SEC(".maps");

/* Read in a way that takes any pointer: this is for once in a group's life. */
static __always_inline void slot_describe(struct wire_slot *owner, struct cgroup *group, __u64 id)
{
	struct cgroup_subsys_state *css = BPF_CORE_READ(group, self.parent);

#pragma unroll
	for (int i = 0; i < WIRE_LEVELS; i++) {
		owner->ancestors[i] = css ? BPF_CORE_READ(css, cgroup, kn, id) : 0;
		css = css ? BPF_CORE_READ(css, parent) : 0;
	}
	owner->id = id;
}

/* A slot for a cgroup that has none. Two CPUs may come here at once: one of them gives its slot back. */
static __noinline __u32 slot_new(struct cgroup *group, __u64 id)
{
	__u32 slot = 0, *winner;
	struct wire_slot *owner;

	/* A version 1 hierarchy numbers its groups by itself: its ids are strangers' here. */
	if (BPF_CORE_READ(group, root, hierarchy_id) != 0)
		return 0;
	if (bpf_map_pop_elem(&free_slots, &slot) < 0)
		return 0;
	owner = bpf_map_lookup_elem(&slot_owners, &slot);
	if (!owner)
		return 0;
	if (bpf_map_update_elem(&slots, &id, &slot, BPF_NOEXIST) == 0) {
		slot_describe(owner, group, id);
		return slot;
	}
	bpf_map_push_elem(&free_slots, &slot, 0);
	winner = bpf_map_lookup_elem(&slots, &id);
	return winner ? *winner : 0;
}

/* The slot of a cgroup2 group, made on first sight; 0 when none is left. For any context. */
static __always_inline __u32 slot_of_id(struct cgroup *group, __u64 id)
{
	__u32 *slot = bpf_map_lookup_elem(&slots, &id);

	return slot ? *slot : slot_new(group, id);
}

static __always_inline __u32 slot_of(struct cgroup *group)
{
	return slot_of_id(group, group->kn->id);
}

/* What is asked for seldom stands outside of the programs that run often, and leaves them their registers. */
static __noinline __u32 slot_look_up(struct wire_cpu *cpu, struct cgroup *group, __u64 id)
{
	__u32 slot = slot_of_id(group, id);

	if (slot) { /* a free one may be there next time */
		cpu->slot = slot;
		cpu->cgroup_id = id;
	}
	return slot;
}

/* The same for programs that run in no interrupt: most often the last one that was asked for. */
static __always_inline __u32 slot_of_cached(struct wire_cpu *cpu, struct cgroup *group)
{
	__u64 id = group->kn->id;

	return cpu->cgroup_id == id ? cpu->slot : slot_look_up(cpu, group, id);
}

/* Enough to tell a group from a later one that was given its slot; never 0. */
static __always_inline __u32 tag_of(__u64 id)
{
	return (__u32)id ? (__u32)id : 1;
}

/* Whether the slot is still that of the group. */
static __always_inline bool slot_is(__u32 slot, __u32 tag)
{
	struct wire_slot *owner = bpf_map_lookup_elem(&slot_owners, &slot);

	return owner && tag_of(owner->id) == tag;
}
