/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine has of memory and swap: proc_meminfo(5). Read once in a collection, for all sources
 * that want it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct collection;

struct meminfo {
	uint64_t memory_bytes; /* MemTotal: what the kernel can use */
	uint64_t swap_bytes;   /* SwapTotal; 0 is none, or unknown */
	bool has_swap;	       /* it is known */
};

/*
 * *ret points into the collection. -EBADMSG: there is no such number; another -errno: the file could
 * not be read.
 */
int meminfo_get(struct collection *collection, const struct meminfo **ret);
