/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Earlier readings of a few counters, so that the API can tell rates without a timer of its own.
 * Owned by main, which gives it to the routes in struct service; one thread.
 */
#pragma once

#include <stdbool.h>

struct history;
struct values;

/* An empty history; never NULL. Freed by history_free(), which accepts NULL. */
struct history *history_new(void);
void history_free(struct history *history);
/* Whether there are two readings: before that, a reading is worth taking sooner. */
bool history_ready(const struct history *history);
/*
 * Sets the rates in `values` against the newest reading that is at least a second older, and the
 * length of that interval; remembers this reading. Nothing is set at the first reading, after five
 * minutes without one, for workloads that are new, and for counters that went back.
 */
void history_apply(struct history *history, struct values *values);
