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
struct options;

/* What is known of one group; owned by it, made once per cgroup id. Strings are owned, never NULL. */
struct identity {
	enum workload_kind kind;
	const char *runtime; /* static */
	char *container_id;
	char *name, *image, *namespace, *pod, *container;
	bool ignored; /* conmon, supervisor, init scopes of runtimes: never exported as a container */
};

/* Compiles the filters. -EINVAL with *ret_error (caller frees) for a bad pattern. */
int containers_new(const struct options *options, struct containers **ret_containers,
		   char **ret_error);
void containers_free(struct containers *containers);
/*
 * Looks at every group of the hierarchy, sets group->identity, ->inside and ->workload, and fills
 * snapshot->workloads: parents before children. Returns how many workloads were dropped at
 * --cgroups.max.
 */
uint64_t containers_discover(struct containers *containers, struct hierarchy *hierarchy,
			     struct snapshot *snapshot);
/* Frees a group's identity; accepts NULL. */
void identity_free(struct identity *identity);
/*
 * The kind, runtime and id that a group's last component and its parent's tell. Pure; for tests.
 * *ret_id_start/_length delimit the id within `name` (length 0: none).
 */
struct leaf {
	enum workload_kind kind;
	const char *runtime;
	size_t id_start, id_length;
	bool ignored;
};
struct leaf containers_recognise(const char *name, const char *parent_path);
