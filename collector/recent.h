/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last snapshots, one for each set of sources that is asked for: several scrapers share them.
 * Owned by collect.c.
 */
#pragma once

#include "collector/snapshot.h"

enum { RECENT_MAX = 4 };

struct recent {
	const struct snapshot *snapshots[RECENT_MAX];
};

/*
 * The one of exactly these sources, if it is young enough and whole; else NULL. No new reference. It may
 * have more detail than is wanted.
 */
const struct snapshot *recent_find(const struct recent *recent, uint64_t sources,
				   enum detail detail, uint64_t max_age_ms);
/*
 * Memory for one snapshot at a time, not for two: what a new one replaces goes before it is made, and leaves
 * its memory to `spare` unless somebody still reads it.
 */
void recent_make_room(struct recent *recent, uint64_t sources, struct arena *spare);
/* Keeps a reference; in a free place, else in that of the oldest. */
void recent_keep(struct recent *recent, const struct snapshot *snapshot);
/* Gives all references back. */
void recent_clear(struct recent *recent);
