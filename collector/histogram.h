/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A distribution on the exponential boundaries of Prometheus native histograms. Made by sources,
 * in the snapshot's arena; read by exporters.
 * Format: Prometheus "Native Histograms" specification, client model's message Histogram.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct exemplar {
	double value;
	int64_t timestamp_ms;	   /* Unix time; required by the native form */
	const char *const *labels; /* name, value, name, value, ..., NULL; at most 128 characters */
};

struct histogram {
	int schema;	       /* bucket i covers (2^(2^-schema))^(i-1) exclusive to ^i inclusive */
	double zero_threshold; /* values at or below it are in zero_count; it is a bucket's upper bound */
	uint64_t zero_count;
	int first;		/* index of counts[0] */
	unsigned n;		/* number of counts */
	const uint64_t *counts; /* absolute, not cumulative, one per bucket */
	uint64_t overflow; /* above the last bound: native bucket first + n, classic only +Inf */
	double sum;	   /* in the metric's unit */
	const int *bounds; /* ascending native indices whose upper bounds are the classic `le`s */
	unsigned n_bounds;
	bool only_native;		  /* not in text */
	const struct exemplar *exemplars; /* by ascending value */
	unsigned n_exemplars;
};

/* Upper bound of native bucket `index` at `schema`: 2^(index * 2^-schema), in the metric's unit. */
double histogram_bound(int schema, int index);
/* Number of observations: the sum of the cells, never a counter of its own. */
uint64_t histogram_count(const struct histogram *histogram);
/* Number of observations at or below the upper bound of native bucket `index`. */
uint64_t histogram_cumulative(const struct histogram *histogram, int index);
