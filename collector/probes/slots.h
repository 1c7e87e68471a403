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

/*
 * Called when cgroups have been gone for a while, once for all of them: each probe then gives up the cells
 * of the slots that slots_retires() tells.
 */
typedef void slots_retire(void *context);

/* With the most of them all maps of the default size still fit (tests/host/test_probe_memory.c). */
enum { SLOTS_MIN = 1024, SLOTS_MAX = 10240 };

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
void slots_update(struct slots *slots, const struct hierarchy *hierarchy, slots_retire *retire,
		  void *context);
/* The workload that the slot's counts belong to; NULL for none (excluded, or gone with its cgroup). */
const struct workload *slots_workload(const struct slots *slots, uint32_t slot);
/* The workload of a cgroup id in the snapshot being built, for what it inherited; NULL without one. */
const struct workload *slots_heir(const struct slots *slots, uint64_t heir);
bool slots_heir_is_alive(const struct slots *slots, uint64_t heir);
/* Both at once: whether it is there, and its workload in this snapshot, or NULL. */
bool slots_look_up(const struct slots *slots, uint64_t heir, const struct workload **ret_workload);
/* Whether the slot still stands for this cgroup id: for who kept both. */
bool slots_stands_for(const struct slots *slots, uint32_t slot, uint64_t cgroup);
/* The cgroup id of the workload that the slot's counts belong to, excluded or not; 0 for none. */
uint64_t slots_heir_id(const struct slots *slots, uint32_t slot);
/* Whether its workload has been looked for: no when it was given since the last update. */
bool slots_is_known(const struct slots *slots, uint32_t slot);
/* Whether the slot is given back now; slots_heir_id() tells who has its counts from now on. */
bool slots_retires(const struct slots *slots, uint32_t slot);
/* Bytes of kernel memory that the shared maps take. */
uint64_t slots_memory(const struct slots *slots);
/* Slots in use. */
uint32_t slots_used(const struct slots *slots);
