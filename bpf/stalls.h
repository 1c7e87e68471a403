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

#include "bpf/cpu_offsets.h"
#include "bpf/kernel.h"
#include "bpf/wire_records.h"

const volatile bool has_irq_stalls; /* set before it is loaded */

bool stalls_known; /* the kernel keeps them in a way that is known here; set by each pass */

#define PSI_NESTED ((struct psi_group___nested *)0)
#define CPU_NESTED ((struct psi_group_cpu___nested *)0)

/* How arrays in arrays are told of: constants in the loaded program, so that only one way is left of it. */
static __always_inline bool is_nested(void)
{
	return bpf_core_field_exists(PSI_NESTED->avg) && bpf_core_field_exists(PSI_NESTED->total) &&
	       bpf_core_field_exists(CPU_NESTED->times_prev);
}

static __always_inline bool is_flat(void)
{
	return bpf_core_field_exists(((struct psi_group *)0)->avg) &&
	       bpf_core_field_exists(((struct psi_group *)0)->total) &&
	       bpf_core_field_exists(((struct psi_group_cpu *)0)->times_prev);
}

/* There is no owner on PREEMPT_RT. */
static __always_inline bool are_stalls_known(void)
{
	return (is_nested() || is_flat()) &&
	       bpf_core_field_exists(((struct psi_group *)0)->avgs_lock.owner);
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
		__u64 offset_ = bpf_core_field_offset(field);                                      \
		asm volatile("" : "+r"(offset_));                                                  \
		offset_;                                                                           \
	})

/* One read for each CPU: a helper's call is what costs most here. */
static __always_inline bool find_unfolded(__u64 base, struct unfolded *unfolded)
{
	struct psi_group_cpu *flat = 0;
	__u64 state_mask = offset_of(flat->state_mask), times = offset_of(flat->times), times_prev;

	if (is_nested())
		times_prev = offset_of(CPU_NESTED->times_prev);
	else
		times_prev = offset_of(flat->times_prev);
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
	    total[state] == psi->avg_total[state] && !avg[(state)*3] && !avg[(state)*3 + 1] &&     \
	    !avg[(state)*3 + 2]) {                                                                 \
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
	struct psi_group___nested *nested = (void *)psi;
	struct unfolded unfolded = { 0 };
	unsigned long *avg;
	__u64 *total;

	if (!are_stalls_known())
		return;
	if (!psi || !cpus_found || !psi->enabled)
		return;
	total = is_nested() ? nested->total[0] : psi->total;
	avg = is_nested() ? nested->avg[0] : psi->avg;
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
