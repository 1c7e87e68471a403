/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users' own runtimes. Below the service manager of a user he makes cgroups as he likes, under any name: what
 * root's runtimes have written is not for these, and what he has written is not for others.
 */
#pragma once

#include <stdbool.h>

struct group;
struct runtime_context;

/* The user below whose service manager (user@UID.service) a cgroup's path leads; 0: it is the system's. */
unsigned user_of(const char *path);
/*
 * A folder in a user's home directory, beneath the root; the caller frees it. NULL: he has none in
 * /etc/passwd, or a mount there, or below, may never answer.
 */
char *user_folder(const struct runtime_context *context, unsigned uid, const char *below);
/* Whether a group is a unit of the system's service manager: those of users' may be called the same. */
bool group_is_system_unit(const struct group *group);
