/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a workload: a cgroup, there or just gone. For survivors.c and survivors_gone.c only. */
#pragma once

#include <uthash.h>

#include "collector/survivor_keys.h"

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
	bool starting; /* has got its key in this pass */
	bool started;  /* its start was told, or is none to be told */
	bool gone, suspect, ended_known, oom_killed;
	struct survivor_key key; /* as last seen; strings are owned */
	char *path, *image, *container_id, *file;
	const char *runtime;
	struct totals totals;
	struct instance *prev, *next; /* in `gone` */
	UT_hash_handle hh;	      /* by id */
};

struct survivors {
	struct events *events; /* borrowed */
	struct keys keys;
	struct instance *by_id, *gone;
	struct pass pass;
	uint64_t passes, unattributed;
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
/* Counts its start as one, or as a restart when a run of its key has ended. */
void instance_start(struct survivors *s, struct instance *instance);
/* Replaces an owned string by a copy. */
void instance_set(char **field, const char *text);
