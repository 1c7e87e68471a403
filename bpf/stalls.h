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

#include "bpf/unfolded.h"
#include "bpf/wire_records.h"

bool stalls_known; /* the kernel keeps them in a way that is known here; set by each pass */

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
