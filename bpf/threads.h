/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a thread spends between the beginning of a request and its end: for bpf/samples.h. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/current.h"
#include "bpf/kernel.h"
#include "bpf/wire_requests.h"
#include "bpf/wire_samples.h"

static __always_inline __u64 thread_run_ns(struct task_struct *task)
{
	return CURRENT_READ(task, se.sum_exec_runtime, se.sum_exec_runtime);
}

static __always_inline bool has_delay(struct task_struct *task)
{
	return bpf_core_field_exists(task->sched_info.run_delay);
}

static __always_inline __u64 thread_delay_ns(struct task_struct *task)
{
	return has_delay(task) ? CURRENT_READ(task, sched_info.run_delay, sched_info.run_delay) : 0;
}

static __always_inline bool has_blocks(struct task_struct *task)
{
	return bpf_core_field_exists(task->delays) && CURRENT_READ(task, delays, delays);
}

static __always_inline __u64 thread_block_ns(struct task_struct *task)
{
	return has_blocks(task) ? CURRENT_READ(task, delays->blkio_delay, delays, blkio_delay) : 0;
}

static __always_inline __u32 thread_number(struct task_struct *task)
{
	return CURRENT_READ(task, pid, pid);
}

static __always_inline void thread_begins(struct wire_begun *begun, __u64 began_ns)
{
	struct task_struct *task = current_task();

	begun->began_ns = began_ns;
	begun->thread = thread_number(task);
	begun->run_ns = thread_run_ns(task);
	begun->delay_ns = thread_delay_ns(task);
	begun->blocks = has_blocks(task);
	begun->block_ns = thread_block_ns(task);
}

/* What the thread spent since, when it is the same one. */
static __always_inline void sample_parts(struct wire_sample *sample, const struct wire_begun *begun)
{
	struct task_struct *task = current_task();

	/* Numbers are used again; what a thread has spent only grows. */
	if (begun->thread != thread_number(task) || thread_run_ns(task) < begun->run_ns ||
	    thread_delay_ns(task) < begun->delay_ns || thread_block_ns(task) < begun->block_ns)
		return;
	sample->parts = WIRE_PART_RUN;
	sample->run_ns = thread_run_ns(task) - begun->run_ns;
	if (has_delay(task)) {
		sample->parts |= WIRE_PART_DELAY;
		sample->delay_ns = thread_delay_ns(task) - begun->delay_ns;
	}
	if (begun->blocks && has_blocks(task)) {
		sample->parts |= WIRE_PART_BLOCK;
		sample->block_ns = thread_block_ns(task) - begun->block_ns;
	}
}
