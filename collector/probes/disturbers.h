/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which workload took how much time of which other one, from pairs of slots. The heaviest few of each
 * victim are shown by name, the rest as one sum; neither ever falls: who is shown once stays until it
 * or its victim is gone, what came before it was shown stays in the rest, and what it leaves behind
 * goes there. Owned by its probe.
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
/* See struct probe: before the slot is another's. */
void disturbers_retire(struct disturbers *disturbers, struct pairs *pairs, uint32_t slot);

/* Of one victim, in ns. */
struct disturbed {
	uint64_t other_ns; /* by all that are not shown */
	uint64_t self_ns;  /* by other cgroups of the same workload */
};

/* Calls `visit` for each workload that is shown by name, in no order; fills in the rest. */
typedef void disturber_visit(void *context, const struct workload *by, uint64_t ns);
struct disturbed disturbers_of(const struct disturbers *disturbers, const struct workload *victim,
			       disturber_visit *visit, void *context);
