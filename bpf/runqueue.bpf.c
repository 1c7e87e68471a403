/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long tasks wait for a CPU, from runnable to running, counted for the cgroup of the one that
 * waited. The scheduler keeps the time itself (sched_info, kernel/sched/stats.h), so one program without
 * a clock of its own is enough.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/cpus.h"
#include "bpf/histograms.h"
#include "bpf/kernel.h"
#include "bpf/slots.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct wire_cpu *cpu = this_cpu();
	struct cfs_rq *cfs_rq;
	__u64 queued, now;

	if (!cpu)
		return 0;
	cpu->runs[0]++;
	queued = next->sched_info.last_queued;
	cfs_rq = next->se.cfs_rq;
	if (!queued || !cfs_rq)
		return 0;
	now = cfs_rq->rq->clock;
	if (now < queued)
		return 0;
	histogram_add(slot_of_cached(cpu, next->cgroups->dfl_cgrp), 0, now - queued);
	return 0;
}
