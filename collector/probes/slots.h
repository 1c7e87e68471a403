/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots: which cgroup each number stands for that the programs count under (bpf/slots.h), and which
 * workload its counts belong to. Made once for all probes; owned by probes.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct hierarchy;
struct probe_setup;
struct slots;
struct workload;

/* Called when a slot's cgroup has been gone for a while: each probe then gives up its cells. */
typedef void slot_retire(void *context, uint32_t slot, uint64_t heir);

/* Makes the shared maps for at most `n` cgroups at a time. -errno: no BPF here. */
int slots_new(uint32_t n, struct slots **ret);
/* Accepts NULL. */
void slots_free(struct slots *slots);
/* The descriptor of the shared map of this name; -ENOENT when it is none of ours. */
int slots_map(const struct slots *slots, const char *name);
bool slots_shares(const char *name);
uint32_t slots_number(const struct slots *slots);
/*
 * After discovery: which workload of the snapshot being built each slot belongs to, and which slots
 * are to be given back. A slot is kept a while after its cgroup, for what still runs or completes.
 */
void slots_update(struct slots *slots, const struct hierarchy *hierarchy, slot_retire *retire,
		  void *context);
/* The workload that the slot's counts belong to; NULL for none (excluded, or gone with its cgroup). */
const struct workload *slots_workload(const struct slots *slots, uint32_t slot);
/* The workload of a cgroup id in the snapshot being built, for what it inherited; NULL without one. */
const struct workload *slots_heir(const struct slots *slots, uint64_t heir);
bool slots_heir_is_alive(const struct slots *slots, uint64_t heir);
/* The cgroup id of the workload that the slot's counts belong to, excluded or not; 0 for none. */
uint64_t slots_heir_id(const struct slots *slots, uint32_t slot);
/* Slots in use. */
uint32_t slots_used(const struct slots *slots);
