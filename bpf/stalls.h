/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * PSI in records. The kernel adds up stalls per CPU and folds these into a total when somebody reads the file
 * or, while there is activity, every 2 s; what comes out depends on when it is done, as it weighs CPUs by how busy they
 * were since the last time. So a total is told as a folding now would make it, where that needs no clock: no
 * task of the group runs or is stalled, or there is nothing to be folded. What is told the kernel does not know of; that
 * it never falls is the collector's to see to. Averages are told only where they have come down to 0: there
 * the file can say nothing else. Else the collector reads it. collect_percpu_times(), kernel/sched/psi.c.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/cpu_offsets.h"
#include "bpf/kernel.h"
#include "bpf/wire_records.h"

const volatile bool has_irq_stalls; /* set before it is loaded, as these */
/* nsecs_to_jiffies(): a time times the one and divided by the other; 0: not known. */
const volatile __u64 tick_factor, tick_divisor;

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
	N_TIMES = 8,	 /* states, and behind them the time that the CPU was not idle */
};

/* What the CPUs have that is not yet in a total. */
struct unfolded {
	__u32 states;		/* a bit for each in which tasks are */
	__u32 times[N_TIMES];	/* 0 when there is nothing */
	__u64 weighed[N_TIMES]; /* by the ticks that each CPU was busy */
	__u64 ticks;
};

/* Where a field is: apart from the access, which libbpf would take for one of another type. */
#define offset_of(field)                                                                           \
	({                                                                                         \
		__u64 offset_ = bpf_core_field_offset(field);                                      \
		asm volatile("" : "+r"(offset_));                                                  \
		offset_;                                                                           \
	})

#define BUSY (has_irq_stalls ? 7 : 6) /* PSI_NONIDLE */

/* One CPU's, of which `cpu` is a copy. */
static __always_inline void add_cpu(struct unfolded *unfolded, const void *cpu, __u64 times,
				    __u64 times_prev)
{
	__u32 busy = *(__u32 *)(cpu + times + BUSY * 4) - *(__u32 *)(cpu + times_prev + BUSY * 4);
	__u64 ticks = tick_divisor ? busy * tick_factor / tick_divisor : 0;

	unfolded->ticks += ticks;
#pragma unroll
	for (int n = 0; n < N_TIMES - 1; n++) {
		__u32 time = *(__u32 *)(cpu + times + n * 4) - *(__u32 *)(cpu + times_prev + n * 4);

		unfolded->times[n] |= time;
		unfolded->weighed[n] += time * ticks;
	}
}

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
		add_cpu(unfolded, cpu, times, times_prev);
	}
	return true;
}

/* Times are known without a clock while no CPU is in the state, and their weights while none is busy. */
static __always_inline bool is_known(const struct unfolded *unfolded, int state)
{
	if (unfolded->states >> state & 1)
		return false;
	return !unfolded->times[state] || (tick_divisor && !(unfolded->states >> BUSY & 1));
}

#define FILL_STALL(stall, state)                                                                   \
	if (is_known(&unfolded, state) && total[state] == record->stalls_ns[stall]) {              \
		bool is_zero = !unfolded.times[state] && total[state] == psi->avg_total[state] &&  \
			       !avg[(state)*3] && !avg[(state)*3 + 1] && !avg[(state)*3 + 2];      \
		record->stalls_ns[stall] +=                                                        \
			unfolded.weighed[state] / (unfolded.ticks ? unfolded.ticks : 1);           \
		record->filled |= (__u64)RECORD_STALLS << (stall);                                 \
		if (is_zero)                                                                       \
			record->filled |= (__u64)RECORD_AVERAGES << (stall);                       \
	}

#define FOR_EACH_STALL(what)                                                                       \
	do {                                                                                       \
		what(RECORD_IO_SOME, PSI_IO_SOME);                                                 \
		what(RECORD_IO_FULL, PSI_IO_FULL);                                                 \
		what(RECORD_MEMORY_SOME, PSI_MEM_SOME);                                            \
		what(RECORD_MEMORY_FULL, PSI_MEM_FULL);                                            \
		what(RECORD_CPU_SOME, PSI_CPU_SOME);                                               \
		what(RECORD_CPU_FULL, PSI_CPU_FULL);                                               \
		if (has_irq_stalls)                                                                \
			what(RECORD_IRQ_FULL, PSI_IRQ_FULL);                                       \
	} while (0)

#define KEEP_TOTAL(stall, state) record->stalls_ns[stall] = total[state]

/*
 * A folding that has begun holds the lock, or has changed a total by its end: what is between two looks at both
 * was not folded meanwhile, unless it was 0.
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
	FOR_EACH_STALL(KEEP_TOTAL);
	asm volatile("" ::: "memory");
	if (psi->avgs_lock.owner.counter)
		return;
	*base = (__u64)psi->pcpu; /* the verifier does no sums with a pointer */
	if (!find_unfolded(*base, &unfolded) || psi->avgs_lock.owner.counter)
		return;
	asm volatile("" ::: "memory");
	FOR_EACH_STALL(FILL_STALL);
}
