/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a directory tree takes, found slowly: for the writable layers of containers. Runs on the
 * worker's thread and shares nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct layer_limits {
	uint64_t entries;	     /* in all; more is -E2BIG */
	unsigned entries_per_second; /* 0 = as fast as it goes */
	bool (*stopped)(void *data); /* asked every so often; NULL = never. -ECANCELED */
	void *data;
};

struct layer_usage {
	uint64_t bytes;	 /* allocated: st_blocks, hard links once */
	uint64_t inodes; /* the top directory is one of them */
	dev_t device;
	/* Of the file system that backs it: statvfs(3). 0 inodes: it has no fixed number. */
	uint64_t limit_bytes, inodes_total, inodes_free;
};

/*
 * Walks the tree at `path` beneath the directory `rootfs`, resolved as if that were "/": the path is
 * text from inside of a container. Other devices are not entered, links not followed, and network,
 * FUSE and unknown file systems refused (-EMEDIUMTYPE). -ELOOP: nested deeper than 128.
 */
int layer_walk(const char *rootfs, const char *path, const struct layer_limits *limits,
	       struct layer_usage *ret);
