/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls of a workload have series of their own, and which are summed up as "other": at each
 * look those with the most calls and those with the most time, in turn, as many as half of the places.
 * Whatever was shown once stays, while there are places, and begins with what it did since: what was told
 * as "other" remains there. So no counter ever falls and their sum is all calls. Owned by
 * sources/syscalls.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire_syscalls.h"

struct slots;

enum { SHOWN_MAX = 40 };

struct call_sums {
	uint64_t calls, ns;
	bool timed; /* some of the calls: `ns` means something */
};

struct shown_call {
	uint16_t key;
	struct call_sums before; /* told as "other" */
};

/* Of one workload. */
struct shown {
	unsigned n;
	struct shown_call calls[SHOWN_MAX];
};

struct shown_calls;

/* With places for so many calls of each workload, SHOWN_MAX at most. */
struct shown_calls *shown_calls_new(unsigned places);
/* Accepts NULL. */
void shown_calls_free(struct shown_calls *all);
/*
 * What is shown of this workload (its cgroup id), given all it did ever: `sums` by key, and the `n` keys of those that
 * it has made, in any order.
 */
const struct shown *shown_calls_update(struct shown_calls *all, uint64_t id,
				       const struct call_sums sums[WIRE_CALL_WAITS],
				       const uint16_t made[], unsigned n);
/* Forgets workloads that are gone. */
void shown_calls_prune(struct shown_calls *all, const struct slots *slots);
