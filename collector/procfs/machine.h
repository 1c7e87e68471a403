/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hardware as sysfs tells it: one list of finished values. Used by sources/machine.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rows of sources/machine.c; those from MACHINE_CPU_CACHE on are the details. */
enum {
	MACHINE_CPU_CORES,
	MACHINE_CPU_PHYSICAL_CORES,
	MACHINE_CPU_SOCKETS,
	MACHINE_CPU_BOOKS,
	MACHINE_CPU_DRAWERS,
	MACHINE_MEMORY,
	MACHINE_SWAP,
	MACHINE_DIMM_COUNT,
	MACHINE_DIMM_CAPACITY,
	MACHINE_SCRAPE_ERROR,
	MACHINE_CPU_CACHE,
	MACHINE_THREAD_SIBLINGS,
	MACHINE_NODE_MEMORY,
	MACHINE_NODE_HUGEPAGES,
	MACHINE_NODE_DISTANCE,
	N_MACHINE_METRICS,
};

enum { MACHINE_LABELS_MAX = 4 };

struct machine_value {
	unsigned metric;
	char *labels[MACHINE_LABELS_MAX]; /* those behind the machine's identity; NULL ends them */
	uint64_t value;
};

struct machine {
	struct machine_value *values;
	size_t n, size;
};

/*
 * Replaces *machine (empty, or from an earlier call) by what is there below `sysfs` for the online
 * processors ("0-3,8", cputopology.rst); `detailed` reads caches and NUMA nodes too. -EBADMSG for a
 * list that is none; *machine untouched then.
 */
int machine_read(int sysfs, const char *online, bool detailed, struct machine *machine);
void machine_free(struct machine *machine);
