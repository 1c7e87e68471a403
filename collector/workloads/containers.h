/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which groups are workloads, of what kind, and whose. The path decides first, proof second;
 * collector/runtimes/ enriches from what runtimes leave on disk.
 */
#pragma once

#include "collector/snapshot.h"

struct containers;
struct group;
struct hierarchy;
struct look_ups; /* collector/workloads/identity.h */
struct options;
struct runtime_context; /* collector/runtimes/runtime.h */
struct self_counters;

/* Compiles the filters. -EINVAL with *ret_error (caller frees) for a bad pattern. */
int containers_new(const struct options *options, struct containers **ret_containers,
		   char **ret_error);
/* Where runtimes are read; borrowed. */
const struct runtime_context *containers_context(const struct containers *containers);
void containers_free(struct containers *containers);
/* Whether what is below a discovered group is a part of it: containers, machines and VMs. */
bool group_is_last(const struct group *group);
/* Looks at every group of the hierarchy and sets group->identity and ->inside: what a look needs. */
void containers_identify(struct containers *containers, struct hierarchy *hierarchy,
			 struct self_counters *counters);
/*
 * The milliseconds after which another pass may know more: look-ups had to be put off, or a young group
 * is one that no runtime knows yet. 0: nothing is waited for.
 */
uint64_t containers_wait_ms(const struct containers *containers);
/*
 * Single groups between passes: containers_begin(), containers_look_at() for those whose parents have been
 * looked at, containers_end(). Sets group->identity, ->inside and ->delegate.
 */
void containers_begin(struct containers *containers, struct self_counters *counters,
		      struct look_ups *ret_look_ups);
void containers_look_at(const struct containers *containers, struct look_ups *look_ups,
			struct group *group);
void containers_end(struct containers *containers, const struct look_ups *look_ups);
/*
 * Looks at every group of the hierarchy, sets group->identity, ->inside, ->entry and ->workload, and fills
 * snapshot->workloads: parents before children. Workloads over --cgroups.max, and labels that had to
 * be shortened, are counted.
 */
void containers_discover(struct containers *containers, struct hierarchy *hierarchy,
			 struct snapshot *snapshot, struct self_counters *counters);
