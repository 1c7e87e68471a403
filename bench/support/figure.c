/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/support/figure.h"

#include <jansson.h>

void figure_print(const struct figure *figure)
{
	bool pass = figure->higher ? figure->value >= figure->bar : figure->value <= figure->bar;
	bool barred = figure->bar != 0;
	json_t *json = json_pack("{s:s, s:f, s:s, s:o, s:s, s:o, s:I, s:s}", "name", figure->name,
				 "value", figure->value, "unit", figure->unit, "bar",
				 barred ? json_real(figure->bar) : json_null(), "better",
				 figure->higher ? "higher" : "lower", "pass",
				 barred ? json_boolean(pass) : json_null(), "runs",
				 (json_int_t)figure->runs, "method", figure->method);

	json_dumpf(json, stdout, JSON_REAL_PRECISION(6));
	putchar('\n');
	fflush(stdout);
	json_decref(json);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return quantile(values, n, 0.5);
}

double quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t below = (size_t)at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

struct line line_fit(const double *x, const double *y, size_t n)
{
	double mean_x = 0, mean_y = 0, xx = 0, xy = 0, yy = 0;
	struct line line;

	for (size_t i = 0; i < n; i++) {
		mean_x += x[i] / (double)n;
		mean_y += y[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		xx += (x[i] - mean_x) * (x[i] - mean_x);
		xy += (x[i] - mean_x) * (y[i] - mean_y);
		yy += (y[i] - mean_y) * (y[i] - mean_y);
	}
	line.slope = xy / xx;
	line.intercept = mean_y - line.slope * mean_x;
	line.r_squared = xy * xy / (xx * yy);
	return line;
}

uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}
