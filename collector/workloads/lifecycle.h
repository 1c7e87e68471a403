/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginnings and ends of workloads: reads what survivors.c wants to know of every cgroup. Owned by
 * collect.c, outlives configurations.
 */
#pragma once

#include "collector/workloads/survivors.h"

struct hierarchy;
struct lifecycle;
struct group;
struct options;
struct wire_event;
struct runtime_context;

struct lifecycle *lifecycle_new(void);
void lifecycle_free(struct lifecycle *lifecycle);
/*
 * One pass over a hierarchy that has just been walked and discovered. `snapshot` (NULL: none) may
 * have values that need not be read again, and tells what the workloads have used.
 */
void lifecycle_pass(struct lifecycle *lifecycle, const struct options *options,
		    const struct runtime_context *context, struct hierarchy *hierarchy,
		    const struct snapshot *snapshot);
/*
 * Between passes, what the kernel tells: see survivors.h. First lifecycle_resume(), then what comes, then
 * lifecycle_finish(), or a pass in its place.
 */
void lifecycle_resume(struct lifecycle *lifecycle, const struct options *options,
		      const struct runtime_context *context);
/* A group that has just been looked at. */
void lifecycle_see(struct lifecycle *lifecycle, const struct options *options,
		   struct hierarchy *hierarchy, struct group *group);
/* It is being removed: at this time (CLOCK_MONOTONIC). */
void lifecycle_remove(struct lifecycle *lifecycle, const struct group *group, uint64_t time_ns);
/* WIRE_EXECUTED and what stands behind it. */
void lifecycle_hear(struct lifecycle *lifecycle, const struct hierarchy *hierarchy,
		    const struct wire_event *event);
void lifecycle_finish(struct lifecycle *lifecycle);
/* Whether the number of OOM kills below the root is another than in the last pass: a few files. */
bool lifecycle_killed(struct lifecycle *lifecycle, struct hierarchy *hierarchy);
struct survivors *lifecycle_survivors(struct lifecycle *lifecycle);
struct events *lifecycle_events(struct lifecycle *lifecycle);
const struct stages *lifecycle_stages(const struct lifecycle *lifecycle);
