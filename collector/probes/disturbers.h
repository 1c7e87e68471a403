/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which workload took how much time of which other one, from pairs of slots. The heaviest few of each
 * victim are shown by name, the rest as one sum; neither ever falls, and nothing is told twice: who is
 * shown once stays until it or its victim is gone, or not exported any more; what came before it was
 * shown stays in the rest, and what it was shown with goes with it. So all of them together rise by what
 * the victim has waited; their sum itself falls when a series goes. Owned by its probe.
 */
#pragma once

#include <stdint.h>

struct disturbers;
struct pairs;
struct slots;
struct workload;

/* At most `places` are shown per victim. */
struct disturbers *disturbers_new(const struct slots *slots, unsigned places);
/* Accepts NULL. */
void disturbers_free(struct disturbers *disturbers);
/* Takes what the pairs have gathered, and chooses who is shown. After discovery. */
void disturbers_update(struct disturbers *disturbers, struct pairs *pairs);
/* See struct probe: before the slots are others'. */
void disturbers_retire(struct disturbers *disturbers, struct pairs *pairs);

/* Of one victim, in ns. */
struct disturbed {
	uint64_t other_ns; /* by all that are not shown */
	uint64_t self_ns;  /* by other cgroups of the same workload */
};

/* Calls `visit` for each workload that is shown by name, in no order; fills in the rest. */
typedef void disturber_visit(void *context, const struct workload *by, uint64_t ns);
struct disturbed disturbers_of(const struct disturbers *disturbers, const struct workload *victim,
			       disturber_visit *visit, void *context);
