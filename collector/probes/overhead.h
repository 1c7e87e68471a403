/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the probes cost the host: runs of each program, which are counted exactly, times nanoseconds
 * per run, which the kernel measures in short windows (BPF_ENABLE_STATS is never left on: it costs as
 * much as a small program). Keeps the whole within a share of all CPUs by making probes do less.
 * Owned by probes.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collector/probes/attachment.h"
#include "collector/probes/probe.h"

enum {
	OVERHEAD_TICK_MS = 10000,
	OVERHEAD_WINDOW_MS = 100,
	OVERHEAD_TICKS = 3, /* an average is over so many: 30 s */
	OVERHEAD_CALM_TICKS = 6,
};

/* One probe. Times are in nanoseconds of CPU. */
struct load {
	const struct probe *probe;
	void *state; /* NULL: it is not up */
	enum probe_mode mode, wanted;
	uint64_t runs[ATTACHMENT_PROGRAMS_MAX]; /* at the last tick */
	double run_ns[ATTACHMENT_PROGRAMS_MAX]; /* of one run */
	bool measured[ATTACHMENT_PROGRAMS_MAX]; /* else `run_ns` is probe->usual_run_ns */
	double cost_ns;				/* ever */
	double shares[OVERHEAD_TICKS];		/* of all CPUs, the latest ticks */
	double event_ns
		[N_PROBE_MODES]; /* cost of one event, when last in that mode; 0: not known */
	double events_per_s;
	uint64_t steps_down, steps_up;
	unsigned ticks, calm; /* since the last step; below the budget */
	struct {
		uint64_t time_ns, runs;
	} window[ATTACHMENT_PROGRAMS_MAX]; /* at its beginning */
};

struct overhead {
	double budget; /* share of all CPUs; 0: no limit */
	unsigned n_cpus, n;
	struct load *loads;
	uint64_t last_tick_ns, last_window_ns;
	int window_fd; /* while the kernel measures; else -1 */
	bool may_not_measure;
};

/* Told of each step: `share` is the average over 30 s of the whole. */
typedef void overhead_step(void *context, unsigned probe, enum probe_mode from, enum probe_mode to,
			   double share);

struct overhead *overhead_new(unsigned n, unsigned n_cpus);
/* Accepts NULL. */
void overhead_free(struct overhead *overhead);
/* A probe was opened (`mode` is what the user wants) or closed (`state` NULL). */
void overhead_set(struct overhead *overhead, unsigned probe, const struct probe *ops, void *state,
		  enum probe_mode mode);
/* Goes on: starts or ends a window, makes a tick. Milliseconds until the next call. */
unsigned overhead_go_on(struct overhead *overhead, overhead_step *step, void *context);
/* Average share of all CPUs over the latest 30 s: of one probe, of all. */
double load_share(const struct load *load);
double overhead_share(const struct overhead *overhead);
/* "full", "sampled", "count", "off". */
const char *probe_mode_name(enum probe_mode mode);
/*
 * Which probe is to do less (*ret_mode: its next mode) or more, by what all cost: the dearest first;
 * more only after a calm minute and when it then stays below three quarters of the budget. -ENOENT: all
 * stay. No effects.
 */
int overhead_decide(const struct overhead *overhead, unsigned *ret_probe,
		    enum probe_mode *ret_mode);
