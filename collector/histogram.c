/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/histogram.h"

#include <math.h>

double histogram_bound(int schema, int index)
{
	return exp2(ldexp(index, -schema));
}

uint64_t histogram_cumulative(const struct histogram *histogram, int index)
{
	uint64_t count = histogram->zero_count;

	for (unsigned i = 0; i < histogram->n && histogram->first + (int)i <= index; i++)
		count += histogram->counts[i];
	return count;
}

uint64_t histogram_count(const struct histogram *histogram)
{
	return histogram_cumulative(histogram, histogram->first + (int)histogram->n) +
	       histogram->overflow;
}
