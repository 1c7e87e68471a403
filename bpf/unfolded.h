/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What CPUs have of a group's stalls that is not yet in its totals: get_recent_times(), kernel/sched/psi.c. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/cpu_offsets.h"
#include "bpf/kernel.h"

const volatile bool has_irq_stalls; /* set before it is loaded, as these */
/* nsecs_to_jiffies(): a time times the one and divided by the other; 0: not known. */
const volatile __u64 tick_factor, tick_divisor;

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

/* A copy of one CPU's. Not on the stack, which Linux 6.1 finds too large with it. */
__u64 cpu_bytes[CPU_BYTES / 8];

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
		void *cpu = cpu_bytes;

		if (bpf_probe_read_kernel(cpu_bytes, sizeof(cpu_bytes),
					  (void *)(base + cpu_offsets[i])) < 0)
			return false;
		unfolded->states |= *(__u32 *)(cpu + state_mask);
		add_cpu(unfolded, cpu, times, times_prev);
	}
	return true;
}
