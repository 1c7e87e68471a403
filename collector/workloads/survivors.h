/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters that outlive cgroups: OOM kills, restarts and exit codes by what stays when a workload is
 * started anew. Pure: lifecycle.c tells it what each pass over the hierarchy has found, and a test can
 * do so as well. Parents stand before children.
 *
 * Why nothing is lost with a cgroup: oom_kill of memory.events is hierarchical, so the kills of a
 * cgroup that is gone are still in its parent's number. A rise there that no living child explains
 * belongs to a child that has gone since the last pass: to that one if there is one, else to one that
 * its runtime calls OOM-killed, else, after a while, to the parent itself.
 */
#pragma once

#include "collector/workloads/events.h"

struct stages; /* collector/workloads/stages.h */
struct survivors;

/* Kubernetes' names, else kind and name. Never the cgroup's or container's id. */
struct survivor_key {
	enum workload_kind kind;
	const char *name, *namespace, *pod, *container; /* never NULL */
};

/* One cgroup, as a pass has found it. Strings are borrowed. */
struct sighting {
	uint64_t id, parent; /* cgroup ids; `parent` is 0 for the root */
	struct survivor_key key;
	bool known;	 /* the key is final; else it is waited for, but not long */
	bool restarts;	 /* is started anew under the same key: a container, a service */
	bool helper;	 /* part of its parent (a pause container): never suspected */
	bool excluded;	 /* by a filter: counted, not shown */
	bool whole;	 /* no child of it is sighted: all its kills are its own */
	bool has_kills;	 /* memory.events is there */
	bool has_own;	 /* memory.events.local is there; not needed when whole */
	uint64_t kills;	 /* oom_kill, here and below */
	uint64_t own;	 /* oom_kill of this very cgroup */
	int64_t attempt; /* the runtime's count of restarts; -1 is unknown */
	unsigned user;	 /* whose runtime it is: two may have a container of one name */
	const char *path, *image, *container_id, *runtime, *file; /* `file` may be NULL */
};

/* How a run has ended, from the runtime's files. */
struct last_state {
	bool has_exit_code, oom_killed;
	int exit_code;
	char *name; /* the container's, where it was not known before; freed by survivors.c */
};

/* One pass: when, and what it may ask. */
struct pass {
	uint64_t now_ms; /* CLOCK_MONOTONIC */
	int64_t time_ms; /* Unix time */
	uint64_t remember_ms, settle_ms;
	/* 0 and *ret (zeroed before), or -errno: not there (yet). May be NULL. */
	int (*look_up)(void *context, const char *runtime, const char *container_id,
		       const char *file, struct last_state *ret);
	void *context;
	struct stages *stages; /* where durations are counted; may be NULL */
};

/* What is shown of one key. */
struct survivor {
	struct survivor_key key;
	uint64_t oom_kills, restarts;
	bool counts_kills, counts_restarts, has_exit_code; /* kills: memory.events is there */
	int exit_code;
};

struct survivors *survivors_new(struct events *events);
void survivors_free(struct survivors *survivors);
void survivors_begin(struct survivors *survivors, const struct pass *pass);
/* Puts the numbers of kills into a sighting that were told of its cgroup last; false if none were. */
bool survivors_recall(const struct survivors *survivors, struct sighting *sighting);
void survivors_see(struct survivors *survivors, const struct sighting *sighting);
/* Remembers what a living cgroup has used; for the event of its end. */
void survivors_note(struct survivors *survivors, uint64_t id, const struct totals *totals);
void survivors_end(struct survivors *survivors);

/*
 * Between passes, what the kernel tells: survivors_resume(), what has happened, survivors_end(). New
 * cgroups are seen as in a pass; those that are not seen stay as they are. Not for OOM kills: their
 * numbers want a pass.
 */
void survivors_resume(struct survivors *survivors, const struct pass *pass);
/* A stage of a life was reached. Times are of CLOCK_MONOTONIC. */
enum life_stage { LIFE_MADE, LIFE_EXECUTED, LIFE_LISTENS, N_LIFE_STAGES };
void survivors_reach(struct survivors *survivors, uint64_t id, enum life_stage stage,
		     uint64_t time_ns);
/* Its first process has ended, with a status as wait(2) has it; `stop_ns` 0: without a stop signal. */
void survivors_exit(struct survivors *survivors, uint64_t id, uint64_t time_ns, uint64_t stop_ns,
		    unsigned status);
/* The cgroup was removed. */
void survivors_remove(struct survivors *survivors, uint64_t id, uint64_t time_ns);
/* A process in it was chosen by the OOM killer: told with the next kills. A copy is kept. */
void survivors_blame(struct survivors *survivors, uint64_t id, const struct victim *victim);
/* Whether another pass soon may tell more: how a run has ended, who was killed, what it is called. */
bool survivors_wait(const struct survivors *survivors);
/*
 * Calls back for each key to be shown. A key that is new, or was hidden, stands at what was shown last
 * (0) for the pass' settle_ms: so increase() sees the rise, however short the life was.
 */
void survivors_show(struct survivors *survivors,
		    void (*show)(void *context, const struct survivor *survivor), void *context);
/* Keys that had to be forgotten before their time, and kills whose cgroup could not be told, ever. */
uint64_t survivors_forgotten(const struct survivors *survivors);
uint64_t survivors_unattributed(const struct survivors *survivors);
