/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One source as the collector holds it: its state, whether it is up, and why not. Owned by collect.c.
 */
#pragma once

#include "collector/source.h"

struct opened {
	void *state;
	const char *reason; /* why it is down; NULL when it is up */
	char *failure;	    /* the reason, if it had to be put together */
	uint64_t errors;
	bool enabled, open;
	bool was_up; /* as last logged */
	bool denied; /* logged */
	unsigned tries;
	uint64_t retry_ns; /* CLOCK_MONOTONIC of the next try; 0: none before a reload */
};

/*
 * Opens the source: 0, or -errno with the reason in ->reason; -ECANCELED: an option of its own switches
 * it off. After a failure that may pass (no descriptors left) ->retry_ns says when to try again: after
 * 1 s, then twice as long each time, at most a minute.
 */
int opened_try(struct opened *opened, const struct source *source, const struct options *options);
/* A reason for this snapshot: the next one may have another. Accepts NULL. */
const char *opened_keep(struct snapshot *snapshot, const char *reason);
/*
 * On a hybrid host: a source without its controller is no failure, but has nothing or little to tell. The
 * reason, in the snapshot's arena, or NULL.
 */
const char *opened_missing(const struct source *source, const struct collection *collection);
/* Why a collection failed with `err` (0: NULL). Valid until the next call. */
const char *opened_describe(struct opened *opened, const struct collection *collection, int err);
