/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of survivors.c by key: found, shown, forgotten. For survivors.c only. */
#pragma once

#include <uthash.h>

#include "collector/workloads/survivors.h"

enum {
	ENDED_MAX = 4, /* runtimes that have containers of one name */
	GONE_KEYS_MAX = 10000
}; /* keys without a living cgroup; those with one are bounded by these */

/* Runs of one runtime, of one user's, that have ended and that no other has followed. */
struct ended {
	const char *runtime; /* static; NULL: none yet */
	unsigned user, n;
	int64_t attempt; /* of the run that ended last; -1 is unknown */
};

struct entry {
	struct survivor_key key; /* strings are parts of `id` */
	uint64_t oom_kills, restarts;
	uint64_t shown_kills, shown_restarts; /* what was shown last */
	bool counts_kills, counts_restarts, excluded, has_exit_code;
	int exit_code;
	unsigned live, held; /* cgroups that are there; ones that are gone and still looked into */
	struct ended ended[ENDED_MAX];
	uint64_t gone_ms, settled_ms;
	bool visible; /* when last shown */
	struct entry *prev, *next;
	UT_hash_handle hh;
	size_t id_length;
	char id[]; /* the key as one string */
};

struct keys {
	struct entry *by_id;
	struct entry *gone; /* those with live == 0, the longest gone first */
	unsigned n_gone;
	uint64_t forgotten;
};

/* The entry of a key, made when it is new. */
struct entry *keys_get(struct keys *keys, const struct survivor_key *key);
/*
 * What has ended of a key: another runtime's container of the same name is no further run of it. A runtime
 * that is not known ("") may be any. NULL: nothing.
 */
struct ended *keys_ended(struct entry *entry, const char *runtime, unsigned user);
/* The same for a run that ends now: a place is made, at the cost of another when there are too many. */
struct ended *keys_end(struct entry *entry, const char *runtime, unsigned user);
/* A cgroup of this key has come, or has gone. The entry stays while it is held. */
void keys_enter(struct keys *keys, struct entry *entry);
void keys_leave(struct keys *keys, struct entry *entry, uint64_t now_ms);
/* Gives up the hold. What is gone and has nothing to tell may be freed by this. */
void keys_release(struct keys *keys, struct entry *entry);
/* Forgets what has been gone for longer than remember_ms, and what is too much. */
void keys_expire(struct keys *keys, uint64_t now_ms, uint64_t remember_ms);
void keys_show(struct keys *keys, uint64_t now_ms, uint64_t settle_ms,
	       void (*show)(void *context, const struct survivor *survivor), void *context);
void keys_free(struct keys *keys);
