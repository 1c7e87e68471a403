/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All probes that are in the kernel. They outlive configurations, so that their counters do not fall
 * at a reload. Owned by collect.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/probes/overhead.h"
#include "collector/probes/probe.h"

struct hierarchy;
struct options;
struct probes;
struct ring;
struct workload;

struct probes *probes_new(void);
/* Detaches all. Accepts NULL. */
void probes_free(struct probes *probes);
/*
 * Opens the probes of all sources that are enabled and closes the others. What fails is down, with a
 * reason, and tried again at the next call.
 */
void probes_apply(struct probes *probes, const struct options *options,
		  const struct hierarchy *hierarchy);
/* The state of a probe that is up; else NULL with *ret_reason set (lives until the next apply). */
void *probes_state(const struct probes *probes, const struct probe *probe, const char **ret_reason);
/* After discovery: whose the counts are now, and what is given back. */
void probes_update(struct probes *probes, const struct hierarchy *hierarchy);
/*
 * Every few seconds: what the probes cost, and the next step down or up when that is asked for by
 * --probe.budget. Returns the milliseconds after which it wants to be called again; 0: no probe is up.
 */
unsigned probes_oversee(struct probes *probes, overhead_step *step, void *context);
/* What watching costs, as far as it is known; NULL when no probe could be opened. */
const struct overhead *probes_overhead(const struct probes *probes);
/*
 * A probe's source says how many of its events each workload had, in the collection under way: so a user
 * sees what being watched costs whom.
 */
void probes_charge(struct probes *probes, const struct probe *probe,
		   const struct workload *workload, uint64_t events);
/* For events that come workload by workload: they are charged when the next one comes. */
struct charging {
	struct probes *probes;
	const struct probe *probe;
	const struct workload *workload; /* NULL: none yet */
	uint64_t events;
};
void charging_add(struct charging *charging, const struct workload *workload, uint64_t events);
void charging_end(struct charging *charging);
struct charge {
	const struct workload *workload;
	unsigned probe; /* number of its source */
	uint64_t events;
};
const struct charge *probes_charges(const struct probes *probes, size_t *ret_n);
/* NULL when no probe could be opened. */
const struct slots *probes_slots(const struct probes *probes);
/* Rare events of all probes; NULL when none could be opened. */
struct ring *probes_ring(const struct probes *probes);
