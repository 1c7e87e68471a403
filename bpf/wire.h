/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel side and the collector agree on.
 */
#pragma once

#include <linux/types.h>

/*
 * processes.bpf.c: one record per process, in the byte order of the host. Those without a pid say that a
 * group is threaded.
 */
struct wire_process {
	__u64 cgroup; /* id of the group that lists it in its cgroup.procs */
	__u32 pid;
	__u32 netns; /* inode; 0: it is ending */
};

/*
 * Slots: a number per cgroup, given when a probe first sees the cgroup, taken back by the collector
 * some time after the cgroup is gone. Number 0 stands for all that found none left.
 */
enum { WIRE_LEVELS = 10 };

struct wire_slot {
	__u64 id; /* of the cgroup; 0: the slot is free */
	__u64 ancestors
		[WIRE_LEVELS]; /* nearest first, 0 behind the root: who inherits its counts */
};

/*
 * Per CPU, two cache lines, the busy first: the cgroup that was looked up last, and how often each
 * program ran. Only for programs that no interrupt runs.
 */
enum { WIRE_PROGRAMS = 12 };

struct wire_cpu {
	__u64 cgroup_id;
	__u32 slot;
	__u32 first_histogram; /* of its shard: written before anything is attached */
	__u64 start_ns;
	__u64 runs[WIRE_PROGRAMS];
	__u32 skip; /* events, before the next sample */
	__u32 random;
};

/*
 * A histogram of nanoseconds: its sum, its events, then its cells: [0] up to 2^-20 s, then the buckets
 * of a native histogram of schema 3 (or coarser) up to 2^4 s, then all above.
 */
enum {
	WIRE_SCHEMA_MAX = 3,
	WIRE_LOWEST_EXPONENT = -20,
	WIRE_HIGHEST_EXPONENT = 4,
	WIRE_BUCKETS_MAX = (WIRE_HIGHEST_EXPONENT - WIRE_LOWEST_EXPONENT) << WIRE_SCHEMA_MAX,
	WIRE_CELLS_MAX = WIRE_BUCKETS_MAX + 2,
	WIRE_LOWEST_NS = 1000000000 >> -WIRE_LOWEST_EXPONENT, /* the last that cell 0 takes */
	WIRE_BLOCK = 16,				      /* cells */
	WIRE_BLOCKS = (WIRE_CELLS_MAX + WIRE_BLOCK - 1) / WIRE_BLOCK,
};

struct wire_histogram {
	__u64 sum_ns;
	__u64 events; /* also those without a duration, where a probe has such; else 0 */
	/* Not 0: of these cells some are not 0. Durations are alike, so most blocks need not be read. */
	__u8 used[(WIRE_BLOCKS + 7) / 8 * 8];
	__u64 cells[WIRE_CELLS_MAX]; /* fewer at a coarser schema */
};

/* Which bucket a duration is in, by its highest set bit and the four bits behind it. */
struct wire_bucket {
	__u64 threshold_ns; /* up to here `cell`, above it the next one */
	__u64 cell;	    /* at WIRE_SCHEMA_MAX */
};

enum { WIRE_BUCKET_ROWS = 64 * 16 };
