/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real cgroups below cgroup2 with one live process in each, for the benchmarks. Needs root.
 * Owned by a benchmark's main(); a failure ends the program with a message.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct groups {
	char *path;	    /* of the group that holds them all; it is itself empty */
	char **names;	    /* below path: "docker-<64 digits>.scope" */
	pid_t *pids;	    /* of the process in each */
	bool by_libcgroup;  /* else by mkdir: libcgroup refused */
	unsigned long made; /* ever: no name comes twice */
	size_t n;
};

/* Makes the group that will hold the others, named tallyman-bench-PID. */
struct groups *groups_new(void);
/* Adds groups with a process each until there are n. */
void groups_grow(struct groups *groups, size_t n);
/* Ends the process of a group and makes another group in its place. */
void groups_replace(struct groups *groups, size_t i);
/* Lets every process run for a moment, so that the kernel has something new to sum up. */
void groups_dirty(const struct groups *groups);
/* Ends all processes and removes all groups. */
void groups_free(struct groups *groups);
