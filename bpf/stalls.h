/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * PSI in records. The kernel adds up stalls per CPU and folds these into a total when somebody reads the file
 * or, while there is activity, every 2 s; what comes out depends on when it is done (it weighs CPUs by
 * how busy they were since the last time). So a total is told only where nothing is left to be folded, no task
 * is stalled, and the averages have come down to 0: there the file can say nothing else. Else the
 * collector reads it. collect_percpu_times(), kernel/sched/psi.c.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"
#include "bpf/wire_records.h"

/* Set before it is loaded. */
const volatile __u32 n_cpus; /* possible ones; 0: PSI is left to the files */
const volatile bool has_irq_stalls;

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

enum {
	CPU_BYTES = 128, /* of struct psi_group_cpu, without the debugging of locks */
	N_TIMES = 7,
};

/* What the CPUs have that is not yet in a total. */
struct unfolded {
	__u32 states;	      /* a bit for each in which tasks are */
	__u32 times[N_TIMES]; /* 0 when there is nothing */
};

/* Where a field is: apart from the access, which libbpf would take for one of another type. */
#define offset_of(field)                                                                           \
	({                                                                                         \
		__u64 offset_ = bpf_core_field_offset(((struct psi_group_cpu *)0)->field);         \
		asm volatile("" : "+r"(offset_));                                                  \
		offset_;                                                                           \
	})

/* One read for each CPU: a helper's call is what costs most here. */
static __always_inline bool find_unfolded(__u64 base, struct unfolded *unfolded)
{
	__u64 state_mask = offset_of(state_mask), times = offset_of(times),
	      times_prev = offset_of(times_prev);

	if (times + N_TIMES * 4 > CPU_BYTES || times_prev + N_TIMES * 4 > CPU_BYTES)
		return false;
	for (__u32 i = 0; i < n_cpus && i < RECORD_CPUS_MAX; i++) {
		__u64 bytes[CPU_BYTES / 8];
		void *cpu = bytes;

		if (bpf_probe_read_kernel(bytes, sizeof(bytes), (void *)(base + cpu_offsets[i])) <
		    0)
			return false;
		unfolded->states |= *(__u32 *)(cpu + state_mask);
#pragma unroll
		for (int n = 0; n < N_TIMES; n++)
			unfolded->times[n] |= *(__u32 *)(cpu + times + n * 4) ^
					      *(__u32 *)(cpu + times_prev + n * 4);
	}
	return true;
}

#define FILL_STALL(stall, state)                                                                   \
	if (!(unfolded.states >> (state)&1) && !unfolded.times[state] &&                           \
	    psi->total[state] == psi->avg_total[state] && !psi->avg[(state)*3] &&                  \
	    !psi->avg[(state)*3 + 1] && !psi->avg[(state)*3 + 2]) {                                \
		record->stalls_ns[stall] = psi->avg_total[state];                                  \
		record->filled |= RECORD_STALLS << (stall);                                        \
	}

/*
 * In this order: a folding that has taken what was to be folded before we look at the CPUs either has added it
 * to the total, or holds the lock.
 */
static __always_inline void fill_stalls(struct wire_record *record, struct psi_group *psi)
{
	volatile __u64 *base = &record->scratch;
	struct unfolded unfolded = { 0 };

	/* 7.2 tells of arrays in arrays, which are none of ours: PSI is left to the files there. */
	if (!bpf_core_field_exists(psi->avg) || !bpf_core_field_exists(psi->avgs_lock.owner))
		return;
	if (!psi || !cpus_found || !psi->enabled)
		return;
	*base = (__u64)psi->pcpu; /* the verifier does no sums with a pointer */
	if (!find_unfolded(*base, &unfolded) || psi->avgs_lock.owner.counter)
		return;
	FILL_STALL(RECORD_IO_SOME, PSI_IO_SOME);
	FILL_STALL(RECORD_IO_FULL, PSI_IO_FULL);
	FILL_STALL(RECORD_MEMORY_SOME, PSI_MEM_SOME);
	FILL_STALL(RECORD_MEMORY_FULL, PSI_MEM_FULL);
	FILL_STALL(RECORD_CPU_SOME, PSI_CPU_SOME);
	FILL_STALL(RECORD_CPU_FULL, PSI_CPU_FULL);
	if (has_irq_stalls)
		FILL_STALL(RECORD_IRQ_FULL, PSI_IRQ_FULL);
}
