/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What runqueue.bpf.c and the collector agree on. */
#pragma once

#include "bpf/wire.h"

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
