/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where each CPU's part of a per-CPU variable is. The kernel tells programs that of their own maps only: from one of
 * these comes what is the same for all.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"
#include "bpf/wire_records.h"

const volatile __u32 n_cpus; /* possible ones; set before it is loaded; 0: none is looked for */

/* What is to be added to a per-CPU pointer. */
__u64 cpu_offsets[RECORD_CPUS_MAX];
__u64 map_head[64]; /* of struct bpf_array */
bool cpus_found;

/* Its place on each CPU is known as well as its per-CPU pointer: their difference is what is looked for. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} per_cpu SEC(".maps");

static __always_inline void find_cpus(void)
{
	struct bpf_array *array = 0;
	__u64 place = bpf_core_field_offset(array->pptrs) / sizeof(__u64);
	__u32 first = 0;

	if (bpf_probe_read_kernel(map_head, sizeof(map_head), &per_cpu) < 0)
		return;
	asm volatile("" : "+r"(place));
	place &= 63;
	__u64 base = map_head[place];
	for (__u32 i = 0; i < n_cpus && i < RECORD_CPUS_MAX; i++) {
		void *value = bpf_map_lookup_percpu_elem(&per_cpu, &first, i);
		volatile __u64 *offset = &cpu_offsets[i];

		if (!value)
			return;
		*offset = (__u64)value; /* the verifier does no sums with a pointer */
		*offset -= base;
	}
	cpus_found = true;
}
