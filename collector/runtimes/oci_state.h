/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which cgroup belongs to which container, from the state that runc and crun keep below /run: for
 * containers whose cgroup's name tells nothing. Kept between scrapes; only states that are new or have changed are read.
 */
#pragma once

#include <stdint.h>
#include <uthash.h>

#include "collector/runtimes/json_file.h"

struct oci_state {
	char *cgroup; /* path from the hierarchy's root; the key */
	char *id;
	char *namespace;     /* containerd's; "" elsewhere */
	const char *manager; /* "containerd", "runc", "crun" */
	char *file;	     /* of the state, beneath the root */
	struct file_stamp stamp;
	int64_t created_ms;
	bool seen;
	UT_hash_handle by_cgroup, by_file;
};

struct group;
struct oci_states;

struct oci_states *oci_states_new(void);
void oci_states_free(struct oci_states *states);
/*
 * The container of a group, or NULL; borrowed until the next call. Rescans when the last scan is older than
 * the group's look allows (`not_before_ns`): so at most once a pass, and once a second when none is young.
 */
const struct oci_state *oci_state_find(const struct runtime_context *context,
				       const struct group *group);
/* "created" of one state file: the time of the (last) start. 0 when it cannot be read. */
int64_t oci_state_created_ms(const struct runtime_context *context, const char *file,
			     enum trust trust);
