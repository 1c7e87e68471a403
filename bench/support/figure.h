/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a benchmark says: one JSON object in a line of standard output for each figure, as bench/run
 * gathers them, and the arithmetic behind it. Owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct figure {
	const char *name; /* "scrape/ratio_1000" */
	double value;
	const char *unit;
	double bar;  /* 0: only to be read, nothing is demanded */
	bool higher; /* is better */
	size_t runs;
	const char *method;
};

void figure_print(const struct figure *figure);
/* Median; sorts the values in place. */
double median(double *values, size_t n);
/* The quantile q of values that median() has sorted. */
double quantile(const double *sorted, size_t n, double q);

/* A straight line through points, by least squares. */
struct line {
	double slope, intercept, r_squared;
};
struct line line_fit(const double *x, const double *y, size_t n);
/* A clock, in nanoseconds. */
uint64_t clock_ns(clockid_t clock);
