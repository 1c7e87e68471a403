/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every kernel probe implements: one object of programs (bpf/<name>.bpf.c), one source that opens
 * it and reads its maps (source_<name>.c). A probe that fails is down alone.
 */
#pragma once

#include <stdint.h>

struct bpf_object;
struct options;
struct ring;
struct slots;

/* What a probe is given to open with; lives longer than the probe. */
struct probe_setup {
	const struct options *options;
	struct slots *slots;
	struct ring *ring; /* of rare events */
	unsigned n_cpus;   /* possible ones: their numbers are below this */
};

/* From all to nothing; what is next is cheaper. A probe need not have all of them. */
enum probe_mode { PROBE_FULL, PROBE_SAMPLED, PROBE_COUNT, PROBE_OFF, N_PROBE_MODES };

/* Events that are in no series, and why: "full" (a map), "v1" (of another hierarchy), ... */
struct probe_loss {
	const char *reason;
	uint64_t n; /* ever */
};

enum { PROBE_LOSSES_MAX = 8 };

struct probe {
	/*
	 * Loads and attaches. -errno with *ret_reason set to a sentence (static, or owned by *ret_failure,
	 * which the caller frees): the probe is down.
	 */
	int (*open)(const struct probe_setup *setup, void **ret_state, const char **ret_reason,
		    char **ret_failure);
	/* Detaches and frees. */
	void (*close)(void *state);
	/*
	 * The cgroup of this slot has been gone for a while: its counts go to the workload with the cgroup
	 * id `heir`, or nowhere when that is 0, and its cells are free again.
	 */
	void (*retire)(void *state, uint32_t slot, uint64_t heir);
	/*
	 * NULL: it is always full. Goes on counting in another mode; -errno leaves it in the old one.
	 * -EOPNOTSUPP: it has no such mode.
	 */
	int (*set_mode)(void *state, enum probe_mode mode);
	/* Nanoseconds of one run of a program, where the kernel does not let us measure: make bench. */
	unsigned usual_run_ns;
	/* How many of `losses` it fills. NULL: nothing can be lost. */
	unsigned (*losses)(const void *state, struct probe_loss losses[PROBE_LOSSES_MAX]);
	/* The mode that the options ask for. NULL: full. */
	enum probe_mode (*wanted)(const struct options *options);
	/* What is in the kernel: for the metrics about probes. */
	const struct attachment *(*attachment)(const void *state);
};
