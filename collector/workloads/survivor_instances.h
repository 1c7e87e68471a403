/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a workload: a cgroup, there or just gone. For survivors.c and survivors_gone.c only. */
#pragma once

#include <uthash.h>

#include "collector/workloads/survivor_keys.h"

enum {
	VICTIMS_MAX = 16,
	GONE_MAX =
		20000, /* that are still looked into: users make and remove cgroups as they like */
};

/* What the kernel told of one run; times are of CLOCK_MONOTONIC, 0 is not told. */
struct life {
	uint64_t reached_ns[N_LIFE_STAGES];
	uint64_t stop_ns, exit_ns, removed_ns;
	unsigned status;     /* of its first process */
	unsigned told;	     /* bit of each stage; then those below */
	struct victim *next; /* VICTIMS_MAX of the OOM killer that wait for their kills, or NULL */
	unsigned n_victims;
	uint64_t victims; /* ever */
};

enum { TOLD_EXIT = 1U << N_LIFE_STAGES, TOLD_REMOVED = TOLD_EXIT << 1 };

struct instance {
	uint64_t id, parent;
	struct entry *entry; /* NULL while its key is not known */
	bool restarts, helper, excluded, whole;
	bool baseline;	    /* was there before us: neither its start nor its kills are news */
	uint64_t kills;	    /* oom_kill as last read, here and below */
	uint64_t own;	    /* and of this very cgroup */
	uint64_t told;	    /* that part of `kills` which is on some row */
	uint64_t charged;   /* kills that this instance was given, ever */
	uint64_t waiting;   /* of those, before its key was known */
	uint64_t untold_ms; /* since when `kills` is above `told`; 0: it is not */
	bool has_kills, has_own, has_children;
	int64_t attempt;
	uint64_t first_ms, seen, read; /* `seen` and `read` are numbers of passes */
	uint64_t gone_ms, asked_ms, event;
	uint64_t kill_event, killed_ms; /* of the last kill without a victim */
	bool starting;			/* has got its key in this pass */
	bool started;			/* its start was told, or is none to be told */
	bool gone, suspect, ended_known, oom_killed;
	struct survivor_key key; /* as last seen; strings are owned */
	char *path, *image, *container_id, *file;
	const char *runtime;
	unsigned user;
	struct totals totals;
	struct life life;
	struct instance *prev, *next; /* in `gone` */
	UT_hash_handle hh;	      /* by id */
};

struct survivors {
	struct events *events; /* borrowed */
	struct keys keys;
	struct instance *by_id, *gone;
	size_t n_gone;
	struct pass pass;
	uint64_t passes, unattributed;
	bool between;	   /* resumed, and no pass */
	bool kernel_tells; /* of ends and victims */
};

struct instance *instance_find(const struct survivors *s, uint64_t id);
/* Takes it off all lists, too. */
void instance_free(struct survivors *s, struct instance *instance);
/* Adds an event, unless the instance is excluded (0): its number. The key must be known. */
uint64_t instance_tell(struct survivors *s, const struct instance *instance, enum event_type type,
		       uint64_t count);
/* Puts kills on its row; they wait until the key is known. */
void instance_charge(struct survivors *s, struct instance *instance, uint64_t n);
/* Gives it the row of its key. */
void instance_enter(struct survivors *s, struct instance *instance);
/* What has ended of its kind, under its key. */
struct ended *instance_end(struct instance *instance);
/* Counts its start as one, or as a restart when a run of its key has ended. */
void instance_start(struct survivors *s, struct instance *instance);
/* Tells what it has not told of its life, as far as it can be told by now. */
void instance_tell_life(struct survivors *s, struct instance *instance);
/* The exit code that the kernel told, with signals as 128 and their number; false: none. */
bool instance_exit_code(const struct instance *instance, int *ret_code);
/* Takes a victim of the OOM killer off the list, with its strings; false: there is none. */
bool instance_next_victim(struct instance *instance, struct victim *ret);
void instance_free_life(struct instance *instance);
/* Replaces an owned string by a copy. */
void instance_set(char **field, const char *text);
