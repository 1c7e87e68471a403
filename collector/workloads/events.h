/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has happened to workloads lately: a ring of events, the oldest leave first. Owned by
 * lifecycle.c, filled by survivors.c, read by exporters.
 */
#pragma once

#include "collector/snapshot.h"

enum event_type {
	EVENT_STARTED,
	EVENT_RESTARTED,
	EVENT_EXECUTED,	 /* its first program */
	EVENT_LISTENING, /* on its first socket */
	EVENT_OOM_KILL,
	EVENT_EXITED, /* its first process */
	EVENT_GONE,
	N_EVENT_TYPES
};

enum { EVENTS_MAX = 4096 };

/* What a workload had used when it was last read; a bit of `known` for each, in this order. */
enum total { TOTAL_CPU, TOTAL_MEMORY_PEAK, TOTAL_READ, TOTAL_WRITTEN, N_TOTALS };
struct totals {
	uint64_t value[N_TOTALS]; /* microseconds, then bytes */
	unsigned known;
	int64_t time_ms; /* Unix time of that reading; 0: none */
};

/* Whose limit an OOM kill was for: nobody's is the machine's memory. */
enum limit_scope { LIMIT_UNKNOWN, LIMIT_CGROUP, LIMIT_MACHINE };

enum { PROCESS_NAME_MAX = 64 };

/* A process that the OOM killer chose, as the kernel told of it. */
struct victim {
	bool known, has_memory;
	uint32_t pid;
	int oom_score_adj;
	char process[PROCESS_NAME_MAX]; /* UTF-8 */
	uint64_t anon_bytes, file_bytes, shmem_bytes, swap_bytes;
	enum limit_scope scope;
	char *limit; /* path of the cgroup, where it is one's */
};

/* Strings are owned by the ring (one piece of memory, from `path` on), valid UTF-8, never NULL. */
struct event {
	uint64_t number; /* from 1; never used twice */
	int64_t time_ms; /* Unix time at which it was noticed */
	enum event_type type;
	enum workload_kind kind;
	uint64_t cgroup_id;
	char *path, *name, *image, *namespace, *pod, *container, *container_id;
	const char *runtime; /* static */
	uint64_t count;	     /* of processes killed, or of restarts */
	bool has_exit_code;
	int exit_code; /* of the run that ended: gone, restarted */
	bool has_signal, has_seconds;
	int signal;	/* exited: what killed it */
	double seconds; /* executed, listening: since it was made; exited: since a stop signal */
	struct victim victim; /* oom_kill */
	struct totals totals; /* gone */
};

struct events;

struct events *events_new(void);
void events_free(struct events *events);
/* Adds a copy, strings included (NULL becomes ""): its number. */
uint64_t events_add(struct events *events, const struct event *event);
/* The event of a number, or NULL when it has left the ring. May be amended until it is read. */
struct event *events_find(struct events *events, uint64_t number);
/* Adds a victim, copied, to an OOM kill that has none; nothing when it has left the ring. */
void events_blame(struct events *events, uint64_t number, const struct victim *victim);
/* Numbers from events_first() up to events_last() are in the ring; the ring is empty when last < first. */
uint64_t events_first(const struct events *events);
uint64_t events_last(const struct events *events);
/* "started", "oom_kill" and so on. */
const char *event_type_name(enum event_type type);
