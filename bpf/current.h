/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The task that runs. A pointer to it whose fields a program may read as they are is there since 5.11
 * (kernel commit 3ca1032ab7ab); before, each step is a copy by a helper. Which of both is known when the
 * program is loaded, and the other way is gone by then.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"
#include "bpf/slots.h"

static __always_inline bool current_is_typed(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

/* Its fields are for CURRENT_READ() alone. */
static __always_inline struct task_struct *current_task(void)
{
	if (current_is_typed())
		return bpf_get_current_task_btf();
	return (void *)bpf_get_current_task();
}

/* CURRENT_READ(task, a->b, a, b) is task->a->b. */
#define CURRENT_READ(task, path, ...)                                                              \
	(current_is_typed() ? (task)->path : BPF_CORE_READ((task), __VA_ARGS__))

/* Its cgroup2 group: for those who take the id beside it. */
static __always_inline struct cgroup *current_group(struct task_struct *task)
{
	return CURRENT_READ(task, cgroups->dfl_cgrp, cgroups, dfl_cgrp);
}

static __always_inline __u64 current_group_id(struct task_struct *task)
{
	return CURRENT_READ(task, cgroups->dfl_cgrp->kn->id, cgroups, dfl_cgrp, kn, id);
}
