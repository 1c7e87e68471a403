/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Block I/O in records: what was counted of each device, the weight, and whether there can be anything in the
 * files of limits. These are of policies, which are given their places in the order in which they were
 * registered; nothing tells which is whose. But where no policy keeps anything for any of a group's
 * devices, their files are empty. Since Linux 6.10 (a3166c51702b) that is so until somebody sets a limit.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"
#include "bpf/wire_records.h"

enum {
	DEVICES_SEEN = 8, /* those that are gone, too */
	POLICIES_MAX = 8,
};

/* Set before it is loaded. */
const volatile __u32 weight_one; /* WEIGHT_ONE of the cost model; 0: it is not known */

/* Of the pass at hand: set before it. */
bool io_known; /* io.stat has nothing that is not in records */

struct policies {
	void *of[POLICIES_MAX];
};

/* What each policy keeps in such a field; false: not known. */
#define read_policies(policies, field)                                                             \
	(bpf_core_field_exists(field) && bpf_core_field_size(field) <= sizeof(*(policies)) &&      \
	 bpf_probe_read_kernel(policies, bpf_core_field_size(field), &(field)) == 0)

/* These two stand alone so that the verifier looks at them once, and not on each path through the program. */

/* Whether a policy keeps something for a device of a group, or that is not known. */
__noinline __u32 has_policies(__u64 address)
{
	struct blkcg_gq *one = (void *)address;
	struct policies kept = { 0 };
	__u64 any = !read_policies(&kept, one->pd);

#pragma unroll
	for (int i = 0; i < POLICIES_MAX; i++)
		any |= (__u64)kept.of[i];
	return any != 0;
}

/* Of what policies keep for a group only the weight of the cost model is a multiple of weight_one. 0: not known. */
__noinline __u32 find_weight(__u64 address)
{
	struct blkcg *blkcg = (void *)address;
	struct policies kept = { 0 };
	__u32 weight = 0, found = 0;

	if (!weight_one || !bpf_core_field_exists(((struct ioc_cgrp *)0)->dfl_weight) ||
	    !read_policies(&kept, blkcg->cpd))
		return 0;
#pragma unroll
	for (int i = 0; i < POLICIES_MAX; i++) {
		struct ioc_cgrp *cost = kept.of[i];
		__u32 one = cost ? BPF_CORE_READ(cost, dfl_weight) : 0;

		if (!one || one % weight_one)
			continue;
		weight = one / weight_one;
		found++;
	}
	return found == 1 ? weight : 0;
}

static __always_inline bool fill_device(struct wire_device *device, struct blkcg_gq *one,
					struct gendisk *disk)
{
	device->major = (__u32)BPF_CORE_READ(disk, major);
	device->minor = (__u32)BPF_CORE_READ(disk, first_minor);
	return bpf_probe_read_kernel(device->bytes, sizeof(struct blkg_iostat), &one->iostat.cur) ==
	       0;
}

/* As blkcg_print_stat(), block/blk-cgroup.c. */
static __always_inline void fill_devices(struct wire_record *record, struct blkcg *blkcg)
{
	bool counted = io_known && bpf_core_field_exists(((struct blkcg_gq *)0)->iostat);
	bool plain = true;
	struct hlist_node *node = BPF_CORE_READ(blkcg, blkg_list.first);
	__u64 n = 0;

	for (int i = 0; i < DEVICES_SEEN && node; i++) {
		struct blkcg_gq *one =
			(void *)node - bpf_core_field_offset(((struct blkcg_gq *)0)->blkcg_node);
		struct gendisk *disk = BPF_CORE_READ(one, q, disk);

		node = BPF_CORE_READ(one, blkcg_node.next);
		plain &= !has_policies((__u64)one);
		if (!counted || !disk || !BPF_CORE_READ(one, online))
			continue;
		if (n >= RECORD_DEVICES_MAX || !fill_device(&record->devices[n], one, disk))
			counted = false;
		else
			n++;
	}
	if (node)
		return;
	if (plain)
		record->filled |= RECORD_IO_PLAIN;
	if (!counted)
		return;
	record->n_devices = n;
	record->filled |= RECORD_IO;
}

static __always_inline void fill_io(struct wire_record *record, struct blkcg *blkcg)
{
	volatile __u64 *address = &record->scratch;

	if (!blkcg)
		return;
	*address = (__u64)blkcg; /* the verifier hands on numbers alone */
	record->io_weight = find_weight(*address);
	if (record->io_weight)
		record->filled |= RECORD_IO_WEIGHT;
	fill_devices(record, blkcg);
}
