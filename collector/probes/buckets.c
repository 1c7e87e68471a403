/* SPDX-License-Identifier: Apache-2.0 */
/* The table that turns nanoseconds into a bucket: two comparisons for exact bounds. */
#include <math.h>

#include "collector/probes/histograms.h"

/* The upper bound of a cell, in whole nanoseconds. */
static uint64_t bound_ns(unsigned cell)
{
	long double exponent = (long double)cell / (1 << WIRE_SCHEMA_MAX) + WIRE_LOWEST_EXPONENT;

	return (uint64_t)floorl(exp2l(exponent) * 1e9L);
}

static unsigned cell_of(uint64_t ns)
{
	unsigned cell = 0;

	while (cell <= WIRE_BUCKETS_MAX && ns > bound_ns(cell))
		cell++;
	return cell;
}

/* Each row spans a sixteenth of an octave and a bucket an eighth, in factors: one bound in it at most. */
void histograms_fill_buckets(struct wire_bucket buckets[WIRE_BUCKET_ROWS])
{
	for (unsigned row = 0; row < WIRE_BUCKET_ROWS; row++) {
		unsigned e = row >> 4, m = row & 15;
		uint64_t lowest =
			e < 4 ? (UINT64_C(16) + m) >> (4 - e) : (UINT64_C(16) + m) << (e - 4);
		unsigned cell = cell_of(lowest);

		buckets[row] = (struct wire_bucket){
			.threshold_ns = cell > WIRE_BUCKETS_MAX ? UINT64_MAX : bound_ns(cell),
			.cell = cell,
		};
	}
}
