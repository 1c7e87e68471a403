/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a probe keeps per CPU. An array by CPU number and no per-CPU map: its look-up is inlined, and
 * the collector reads it through one mapping.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* the collector makes it as many as there are CPUs */
	__type(key, __u32);
	__type(value, struct wire_cpu);
} cpus SEC(".maps");

static __always_inline struct wire_cpu *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&cpus, &cpu);
}

/* For programs that interrupts run, too, or that can be preempted. */
static __always_inline void count_run(__u32 program)
{
	struct wire_cpu *cpu = this_cpu();

	if (cpu)
		__sync_fetch_and_add(&cpu->runs[program], 1);
}
