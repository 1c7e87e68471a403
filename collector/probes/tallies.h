/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's side of bpf/tallies.h: counters per (slot, key) that the programs add to, read per
 * workload. For few keys: every slot has all of them. Owned by its probe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bpf_object;
struct probe_setup;
struct tallies;
struct workload;

struct tallies_size {
	uint32_t keys;	 /* per slot */
	uint64_t memory; /* bytes of kernel memory: with fewer, CPUs share their counters */
	bool interrupts; /* the programs may be interrupted by each other */
};

/* Fills the constants and sizes the map of an object that is not loaded yet. -errno. */
int tallies_prepare(const struct probe_setup *setup, struct bpf_object *object,
		    const struct tallies_size *size, struct tallies **ret);
/* After it has been loaded. -errno. */
int tallies_start(struct tallies *tallies, struct bpf_object *object);
/* Accepts NULL. */
void tallies_free(struct tallies *tallies);

/*
 * Calls `visit` once for each workload that has a slot, in the snapshot's order, with its values by
 * key, over all its slots and all CPUs. What belongs to no workload is left out.
 */
typedef void tally_visit(void *context, const struct workload *workload, const uint64_t values[]);
void tallies_read(const struct tallies *tallies, tally_visit *visit, void *context);
/* See struct probe. */
void tallies_retire(struct tallies *tallies);
/* What was added under this key for cgroups that found no slot, ever. */
uint64_t tallies_lost(const struct tallies *tallies, uint32_t key);
