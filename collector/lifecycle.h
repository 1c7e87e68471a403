/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginnings and ends of workloads: reads what survivors.c wants to know of every cgroup. Owned by
 * collect.c, outlives configurations.
 */
#pragma once

#include "collector/survivors.h"

struct hierarchy;
struct lifecycle;
struct options;
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
/* Whether the number of OOM kills below the root is another than in the last pass: a few files. */
bool lifecycle_killed(struct lifecycle *lifecycle, struct hierarchy *hierarchy);
struct survivors *lifecycle_survivors(struct lifecycle *lifecycle);
struct events *lifecycle_events(struct lifecycle *lifecycle);
