/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every kernel probe implements: one object of programs (bpf/<name>.bpf.c), one source that opens
 * it and reads its maps (source_<name>.c). A probe that fails is down alone.
 */
#pragma once

#include <stdint.h>

struct bpf_object;
struct options;
struct slots;

/* What a probe is given to open with; lives longer than the probe. */
struct probe_setup {
	const struct options *options;
	struct slots *slots;
	unsigned n_cpus; /* possible ones: their numbers are below this */
};

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
	/* What is in the kernel: for the metrics about probes. */
	const struct attachment *(*attachment)(const void *state);
};
