/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a workload, for the JSON API: pid, name, state and usage; never arguments or
 * environment. Owned by the caller.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct group;
struct hierarchy;
struct options;

struct process {
	int32_t pid;
	char state;    /* proc_pid_stat(5), field 3 */
	char comm[64]; /* valid UTF-8 */
	uint64_t threads;
	uint64_t cpu_ticks; /* utime + stime, in USER_HZ */
	uint64_t rss_bytes;
	uint64_t start_ms; /* Unix time */
};

struct process_list {
	struct process *items;
	size_t n, total; /* total also counts those beyond the maximum */
};

/* Processes of a group and of all groups below it. 0 or -errno; *ret is freed by process_list_free(). */
int process_list_read(const struct options *options, struct hierarchy *hierarchy,
		      struct group *group, size_t max, struct process_list *ret);
void process_list_free(struct process_list *list);
