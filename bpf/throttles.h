/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How much of a wait was a CPU quota's doing. The kernel adds up per group and CPU for how long it was
 * held back (tg_unthrottle_up(), kernel/sched/fair.c), by its own quota or one above, and tells no
 * tracepoint of it. The total is compared whenever a task of such a group gets on: what it grew by ended
 * just before, and counts for all that have waited since before then. A group whose parent's total
 * has grown with its own was held back by the quota of the one furthest up that did.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"
#include "bpf/wire.h"
#include "bpf/wire_runqueue.h"

enum { FIRST_PRIO_WITHOUT_REAL_TIME = 100 };

static __always_inline __u64 throttled_ns(struct cfs_rq *cfs_rq)
{
	struct cfs_rq___task *old = (void *)cfs_rq;

	if (bpf_core_field_exists(cfs_rq->throttled_clock_self_time))
		return cfs_rq->throttled_clock_self_time;
	if (bpf_core_field_exists(cfs_rq->throttled_clock_pelt_time))
		return cfs_rq->throttled_clock_pelt_time;
	if (bpf_core_field_exists(old->throttled_clock_task_time))
		return old->throttled_clock_task_time;
	return 0;
}

/* The key of a quota: the level of its cgroup, as the collector can compare it with its workloads. */
static __always_inline __u64 quota_key(struct cgroup *group)
{
	__u64 level = group->level;

	if (group->root->hierarchy_id != 0 || level >= WIRE_QUOTA_LEVELS)
		level = WIRE_QUOTA_LEVELS - 1;
	return WIRE_WAIT_QUOTA + level;
}

/* Keeps what has changed since the group was last seen here. */
static __always_inline void throttle_look(struct wire_throttle *throttle, struct task_struct *task,
					  __u64 group, __u64 now, __u64 wait)
{
	struct sched_entity *entity = &task->se;
	bool known = throttle->group == group;
	__u64 grown = 0, key = 0;

#pragma unroll
	for (int i = 0; i < WIRE_THROTTLE_LEVELS; i++) {
		struct cfs_rq *cfs_rq = entity ? entity->cfs_rq : 0;
		__u64 total = cfs_rq ? throttled_ns(cfs_rq) : 0;
		__u64 more = total - (known ? throttle->seen_ns[i] : 0);

		if (i == 0)
			grown = more;
		if (cfs_rq && (i == 0 || more * 2 >= grown))
			key = quota_key(cfs_rq->tg->css.cgroup);
		throttle->seen_ns[i] = total;
		entity = entity ? entity->parent : 0;
	}
	throttle->group = group;
	if (!known)
		throttle->n_steps = 0;
	/* What was before the first look is this wait's if it fits in. */
	if (!grown || (!known && grown > wait))
		return;
	__u64 at = throttle->n_steps++ & (WIRE_THROTTLE_STEPS - 1);

	asm volatile("" : "+r"(at));
	at &= WIRE_THROTTLE_STEPS - 1;
	throttle->steps[at].at_ns = now;
	throttle->steps[at].ns = grown;
	throttle->steps[at].key = key;
}
