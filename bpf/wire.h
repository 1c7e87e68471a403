/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel side and the collector agree on.
 */
#pragma once

#include <linux/types.h>

/* netns.bpf.c: one record per process, in the byte order of the host. */
struct wire_netns {
	__u32 pid;
	__u32 inode;
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
	__u32 skip; /* events, before the next sample */
	__u64 start_ns;
	__u64 runs[WIRE_PROGRAMS];
	__u64 random;
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
};

struct wire_histogram {
	__u64 sum_ns;
	__u64 events; /* also those without a duration, where a probe has such; else 0 */
	__u64 cells[WIRE_CELLS_MAX]; /* fewer at a coarser schema */
};

/* Which bucket a duration is in, by its highest set bit and the four bits behind it. */
struct wire_bucket {
	__u64 threshold_ns; /* up to here `cell`, above it the next one */
	__u64 cell;	    /* at WIRE_SCHEMA_MAX */
};

enum { WIRE_BUCKET_ROWS = 64 * 16 };

/*
 * Rare events, in one ring (bpf/events.h). Each record begins with this; times are of CLOCK_MONOTONIC.
 */
enum wire_event_type {
	WIRE_MADE,     /* a cgroup2 group: struct wire_made */
	WIRE_REMOVED,  /* struct wire_event */
	WIRE_EXECUTED, /* its first exec: struct wire_event */
	WIRE_LISTENS,  /* its first listening socket: struct wire_event */
	WIRE_EXITED,   /* its first process: struct wire_exited */
	WIRE_VICTIM,   /* of the OOM killer: struct wire_victim */
	N_WIRE_EVENTS,
};

struct wire_event {
	__u32 type;
	__u32 spare;
	__u64 time_ns;
	__u64 id; /* of the cgroup */
};

enum { WIRE_NAME_MAX = 128, WIRE_COMM_MAX = 16 };

struct wire_made {
	struct wire_event event;
	__u64 parent;
	__u32 length;		  /* of the name, with its NUL; WIRE_NAME_MAX: it may be cut */
	char name[WIRE_NAME_MAX]; /* raw bytes */
};

struct wire_exited {
	struct wire_event event;
	__u64 stop_ns; /* when it was sent a stop signal from outside; 0: it was not */
	__u32 status;  /* as wait(2) has it */
	__u32 pid;
};

struct wire_level {
	__u64 id;
	__u64 ooms; /* memory.events.local: oom */
};

struct wire_victim {
	struct wire_event event; /* with the id of the victim's cgroup; 0: not known */
	__u32 pid;
	__u32 uid;
	__s32 oom_score_adj;
	__u32 has_pages;
	__u64 file_pages, anon_pages, swap_pages, shmem_pages; /* as the kernel counts roughly */
	char comm[WIRE_COMM_MAX];
	struct wire_level levels[WIRE_LEVELS]; /* nearest first; id 0 behind the root */
};

/* What the kernel itself counts of them: exact, also when the ring is full. Indices of `event_counts`. */
enum {
	WIRE_COUNT_MADE,
	WIRE_COUNT_REMOVED,
	WIRE_COUNT_UNWATCHED, /* cgroups whose life found no place in its map */
	WIRE_COUNT_LOST,      /* plus the type of the event */
	N_WIRE_COUNTS = WIRE_COUNT_LOST + N_WIRE_EVENTS,
};

/* Keys of the counters of lifetime.bpf.c: execs, then ends of processes by code and by signal. */
enum { WIRE_TALLY_EXECS, WIRE_TALLY_EXITS };

/*
 * runqueue.bpf.c: who ran on a CPU, what it looked up last, and when it was held back by quotas.
 */
enum {
	WIRE_RUNS = 32,
	WIRE_GROUPS = 16,
	WIRE_PAIRS = 64,
	WIRE_THROTTLES = 32,
	WIRE_THROTTLE_LEVELS = 8,
	WIRE_THROTTLE_STEPS = 4,
	WIRE_TASKS = 1 << 16,
};

struct wire_run {
	__u64 since_ns;
	__u64 slot; /* WIRE_SLOT_IDLE for the idle task */
};

#define WIRE_SLOT_IDLE ((__u32)-1)

struct wire_group {
	__u64 id;
	__u64 slot;
};

/* A group whose tasks were held back on this CPU. */
struct wire_throttle {
	__u64 group; /* id of its cgroup in the cpu controller's hierarchy */
	__u64 seen_ns[WIRE_THROTTLE_LEVELS]; /* its total and those of the groups above */
	__u64 n_steps;
	struct {
		__u64 at_ns, ns, key;
	} steps[WIRE_THROTTLE_STEPS];
};

struct wire_runner {
	__u64 newest; /* of runs */
	struct wire_run runs[WIRE_RUNS];
	struct wire_group groups[WIRE_GROUPS];
	__u64 pairs[WIRE_PAIRS]; /* numbers */
	struct wire_throttle throttles[WIRE_THROTTLES];
};

/* What a wait is charged to, beside pairs of slots. */
enum {
	WIRE_WAIT_SELF, /* others of the same cgroup ran */
	WIRE_WAIT_IDLE, /* nobody ran: the time in which a CPU wakes up */
	WIRE_WAIT_OTHER, /* not told: further back than WIRE_RUNS, on a CPU it left, without a slot */
	WIRE_WAIT_LOST,	   /* no pair was free */
	WIRE_WAIT_UNNAMED, /* how often that was: of slot 0 */
	WIRE_WAIT_QUOTA,   /* plus the level of the group whose quota it was */
	WIRE_QUOTA_LEVELS =
		12, /* the last one: all below, and quotas in a hierarchy of version 1 */
	WIRE_WAIT_KEYS = WIRE_WAIT_QUOTA + WIRE_QUOTA_LEVELS,
};
