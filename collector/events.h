/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has happened to workloads lately: a ring of events, the oldest leave first. Owned by
 * lifecycle.c, filled by survivors.c, read by exporters.
 */
#pragma once

#include "collector/snapshot.h"

enum event_type { EVENT_STARTED, EVENT_RESTARTED, EVENT_OOM_KILL, EVENT_GONE, N_EVENT_TYPES };

enum { EVENTS_MAX = 4096 };

/* What a workload had used when it was last read; a bit of `known` for each, in this order. */
enum total { TOTAL_CPU, TOTAL_MEMORY_PEAK, TOTAL_READ, TOTAL_WRITTEN, N_TOTALS };
struct totals {
	uint64_t value[N_TOTALS]; /* microseconds, then bytes */
	unsigned known;
	int64_t time_ms; /* Unix time of that reading; 0: none */
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
	int exit_code;	      /* of the run that ended: gone, restarted */
	struct totals totals; /* gone */
};

struct events;

struct events *events_new(void);
void events_free(struct events *events);
/* Adds a copy, strings included (NULL becomes ""): its number. */
uint64_t events_add(struct events *events, const struct event *event);
/* The event of a number, or NULL when it has left the ring. May be amended until it is read. */
struct event *events_find(struct events *events, uint64_t number);
/* Numbers from events_first() up to events_last() are in the ring; the ring is empty when last < first. */
uint64_t events_first(const struct events *events);
uint64_t events_last(const struct events *events);
/* "started", "restarted", "oom_kill", "gone". */
const char *event_type_name(enum event_type type);
