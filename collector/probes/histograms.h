/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's side of bpf/histograms.h: histograms per (slot, key) that the programs count into,
 * read as histograms per (workload, key). Owned by its probe.
 * Bounds: Prometheus "Native Histograms" specification; an integer of nanoseconds is at or below
 * 2^(k/8) s exactly when it is at or below floor(2^(k/8) * 10^9).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "collector/histogram.h"

struct bpf_object;
struct histograms;
struct probe_setup;
struct snapshot;
struct workload;

struct histograms_size {
	uint32_t keys;	 /* per slot */
	uint32_t wanted; /* histograms, at most; less when they do not fit */
	uint64_t memory; /* bytes of kernel memory, at most */
	bool interrupts; /* the programs may be interrupted by each other */
	/*
	 * For an object with bpf/keyed_histograms.h, whose keys are any 32 bits: into how many groups they
	 * fall. `keys` means nothing then.
	 */
	uint32_t key_groups;
	/* In text the bounds are 2^lowest to 2^highest s; both 0: 2^-10 to 2^1. */
	int text_lowest, text_highest;
	unsigned
		text_fineness; /* so many bounds where there would be one; 0: as many as elsewhere */
};

/* One (workload, key) over all its slots and all shards. */
struct histogram_reading {
	const struct workload *workload;
	uint32_t key;
	uint64_t count; /* the sum of the cells */
	struct wire_histogram sums;
};

/*
 * Fills the constants and sizes the maps of an object that is not loaded yet. -errno. When it has a
 * map `spare_histograms` beside `free_histograms`, a third of all is kept there.
 */
int histograms_prepare(const struct probe_setup *setup, struct bpf_object *object,
		       const struct histograms_size *size, struct histograms **ret);
/* After it has been loaded, and before programs are attached it is not needed. -errno. */
int histograms_start(struct histograms *histograms, struct bpf_object *object);
/* Accepts NULL. */
void histograms_free(struct histograms *histograms);

/*
 * Calls `visit` for each (workload, key) that has values, ordered by workload (as in the snapshot) and
 * key. What belongs to no workload is left out.
 */
typedef void histogram_visit(void *context, const struct histogram_reading *reading);
void histograms_read(struct histograms *histograms, histogram_visit *visit, void *context);
/* Adds up, for a sum over keys. */
void histograms_add(const struct wire_histogram *more, struct wire_histogram *sums);
/* Makes all of it 0 again, for the next sum. */
void histograms_clear(struct wire_histogram *sums);
/* A reading as a native histogram in seconds with the classic bounds, in the snapshot's arena. */
struct histogram *histograms_make(const struct histograms *histograms, struct snapshot *snapshot,
				  const struct histogram_reading *reading);
/* The same, left out of text: for what has too many series there. */
struct histogram *histograms_make_native(const struct histograms *histograms,
					 struct snapshot *snapshot,
					 const struct histogram_reading *reading);
/* What each CPU is to add to the number of a histogram; `cpus` are the object's, before it is attached. */
void histograms_tell_cpus(const struct histograms *histograms, struct wire_cpu cpus[], unsigned n);
/* See struct probe. */
void histograms_retire(struct histograms *histograms);
/* Values that found no free histogram or no slot, ever. */
uint64_t histograms_lost(const struct histograms *histograms);
/* Bucket table of bpf/histograms.h: exact for every 64-bit number of nanoseconds. */
void histograms_fill_buckets(struct wire_bucket buckets[WIRE_BUCKET_ROWS]);
