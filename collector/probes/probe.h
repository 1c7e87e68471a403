/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every kernel probe implements: one object of programs (bpf/<name>.bpf.c), one source that opens
 * it and reads its maps (sources/<name>.c). A probe that fails is down alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attachment;
struct bpf_object;
struct histograms;
struct options;
struct ring;
struct slots;
struct source;
struct tallies;

/* What a probe is given to open with. All but the options live longer than the probe. */
struct probe_setup {
	const struct options *options;
	struct slots *slots;
	struct ring *ring; /* of rare events */
	unsigned n_cpus;   /* possible ones: their numbers are below this */
	unsigned attempt;  /* from 0: see struct probe */
	/* State of the probe whose maps it borrows; NULL: it borrows none, or that one is down. */
	void *lender;
	const char *const *borrowed; /* names of those maps, NULL behind the last; or NULL */
};

/* From all to nothing; what is next is cheaper. A probe need not have all of them. */
enum probe_mode { PROBE_FULL, PROBE_SAMPLED, PROBE_COUNT, PROBE_OFF, N_PROBE_MODES };

/* Events that are in no series, and why: "full" (a map), "v1" (of another hierarchy), ... */
struct probe_loss {
	const char *reason;
	uint64_t n;   /* ever */
	bool outside; /* of no cgroup2 group: nothing that should be in a series is missing */
};

enum { PROBE_LOSSES_MAX = 12 };

/* What probes have alike. */
struct probe_parts {
	struct attachment *attachment;
	struct histograms *histograms; /* NULL: it has none */
	struct tallies *tallies;       /* NULL: it has none */
};

struct probe {
	size_t state_size; /* of its state, which begins with struct probe_parts */
	/*
	 * Source of the probe whose maps it shares, those that are called so; before it in the list of sources.
	 * It is opened anew when that one is. NULL: none.
	 */
	const struct source *lender;
	const char *const *borrowed; /* NULL behind the last */
	unsigned attempts;	     /* ways to load it, the best one first; 0: there is one */
	/*
	 * Opens the skeleton, sets constants and sizes of maps, and makes the parts other than the attachment.
	 * The object stays the state's. -errno: close() follows.
	 */
	int (*prepare)(const struct probe_setup *setup, void *state,
		       struct bpf_object **ret_object);
	/* After it is loaded, before it is attached: maps memory of its own. -errno. NULL: it has none. */
	int (*start)(void *state);
	/* Frees what is not in the parts: the skeleton, which may be NULL. All is detached by then. */
	void (*close)(void *state);
	/* As probe_retire(), for what is not in the parts. NULL: there is nothing. */
	void (*retire)(void *state);
	/* Every few seconds: takes what the kernel keeps for a while. NULL: there is nothing. */
	void (*fetch)(void *state);
	/*
	 * NULL: it is always full. Goes on counting in another mode; -errno leaves it in the old one.
	 * -EOPNOTSUPP: it has no such mode.
	 */
	int (*set_mode)(void *state, enum probe_mode mode);
	/* Nanoseconds of one run of a program, where the kernel does not let us measure: make bench. */
	unsigned usual_run_ns;
	/* How many of `losses` it fills, beside full histograms and missed runs. NULL: none. */
	unsigned (*losses)(const void *state, struct probe_loss losses[PROBE_LOSSES_MAX]);
	/* The mode that the options ask for. NULL: full. */
	enum probe_mode (*wanted)(const struct options *options);
};

/*
 * Loads and attaches in the first way that goes. -errno with *ret_reason set to a sentence (static, or
 * owned by *ret_failure, which the caller frees) or to NULL: the probe is down.
 */
int probe_open(const struct probe *probe, const struct probe_setup *setup, void **ret_state,
	       const char **ret_reason, char **ret_failure);
/* Detaches and frees. */
void probe_close(const struct probe *probe, void *state);
/*
 * Of the slots that retire (slots_retires()): their counts go to the workload that is their heir, or
 * nowhere when there is none, and their cells are free again.
 */
void probe_retire(const struct probe *probe, void *state);
/* Bytes that the maps of all probes may take together, beside those that they share. */
uint64_t probe_memory(const struct probe_setup *setup);
/* What it has in the kernel. */
const struct attachment *probe_attachment(const void *state);
/* How many of `losses` are filled. */
unsigned probe_losses(const struct probe *probe, const void *state,
		      struct probe_loss losses[PROBE_LOSSES_MAX]);
