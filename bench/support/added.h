/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs in the kernel add to one operation: pinned to one CPU, all variants in turn in each
 * round, medians of the rounds. A variant's value of a round is the least of many short bursts: what the
 * neighbours take is left out, and a burst fits between two of their turns. For bench/probes.c alone.
 */
#pragma once

#include "collector/options/options.h"
#include "collector/probes/probe.h"

enum { ADDED_ROUNDS = 11, ADDED_VARIANTS_MAX = 8 };

/* Programs of control.bpf.c, by bit. */
enum {
	EMPTY_ENTER = 1 << 0,
	CLOCK_ENTER = 1 << 1,
	CLOCK_EXIT = 1 << 2,
	EMPTY_SWITCH = 1 << 3,
	EMPTY_WAKEUP = 1 << 4,
	EMPTY_WAKEUP_NEW = 1 << 5,
	CLOCK_ISSUE = 1 << 6,
	CLOCK_COMPLETE = 1 << 7,
	EMPTY_STATE = 1 << 8,
	EMPTY_SIGNAL = 1 << 9,
	N_CONTROLS = 10,
};

struct variant {
	const char *name;
	const char *source; /* of the one probe that is open; "*": all that are on by default */
	enum probe_mode mode;
	unsigned n_cpus;     /* its maps are laid out as for so many; 0: as many as there are */
	unsigned memory_mib; /* for the maps of all probes; 0: as the options say */
	unsigned controls;
	const char *const *command; /* of somebody else's tool */
};

/* One workload that is measured: nanoseconds of one operation, over a burst of them. */
struct subject {
	const char *name;
	double (*burst)(void *context);
	void *context;
	unsigned bursts;
};

struct bench; /* what all measurements share: maps, options */

/* Pins the process to a CPU. Ends the program where no maps can be made. */
struct bench *bench_new(const struct options *options);
void bench_free(struct bench *bench);
/*
 * What each variant adds to the first one, by round, printed as a figure each. -ENODATA, with the
 * reason printed, when a variant cannot be measured here.
 */
int bench_rounds(const struct bench *bench, const struct subject *subject,
		 const struct variant variants[], size_t n,
		 double added[ADDED_VARIANTS_MAX][ADDED_ROUNDS]);
/* The median of the ratios of two variants, round by round; bar 0: only to be read. */
void bench_ratio(const struct subject *subject, const char *what, const double a[ADDED_ROUNDS],
		 const double b[ADDED_ROUNDS], double bar);
