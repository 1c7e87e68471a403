/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For whose limit the OOM killer came: the cgroup above (or of) the victim whose own number of times out
 * of memory (memory.events.local, oom) has risen since it was last heard of. Owned by lifecycle.c.
 */
#pragma once

#include "bpf/wire_lifetime.h"
#include "collector/workloads/events.h"

struct oom_limits;

struct oom_limits *oom_limits_new(void);
void oom_limits_free(struct oom_limits *limits);
/* What a cgroup's number is by now; those never heard of have 0. */
void oom_limits_note(struct oom_limits *limits, uint64_t id, uint64_t ooms);
void oom_limits_forget(struct oom_limits *limits, uint64_t id);
/*
 * The cgroup whose limit it was, for LIMIT_CGROUP. None has risen: the machine's memory; several have:
 * unknown. Notes the numbers. One that is out of memory may kill several: they come within 100 ms.
 */
enum limit_scope oom_limits_judge(struct oom_limits *limits, const struct wire_victim *victim,
				  uint64_t *ret_id);
