/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What lifetime.bpf.c and the collector agree on. */
#pragma once

#include "bpf/wire.h"

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
	__u32 level; /* of the pid namespace that it was the first process of; 0: of none below the host's */
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
