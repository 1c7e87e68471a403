/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row per metric: what a number is called, what it means, and where its source finds it.
 * Rows are const, static, and owned by their source. Sources and exporters both read them;
 * exporters never look at `.from`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM, METRIC_INFO };

/* Which labels stand before a row's own ones. */
enum metric_scope {
	SCOPE_WORKLOAD, /* container, id, image, name, namespace, pod */
	SCOPE_HOST,	/* none: machine_*, tallyman_*, process_* */
};

/*
 * How a sample's value is kept. An integer is in the kernel's own unit and is divided by the row's
 * `scale` once, at the edge, when it is written: so it is exact.
 */
enum metric_value { VALUE_INTEGER, VALUE_REAL, VALUE_HISTOGRAM };

enum { METRIC_LABELS_MAX = 7 };

/* Raw units per base unit, for `.scale`: powers of ten, so that text is exact fixed point. */
#define SCALE_NANOSECONDS  UINT64_C(1000000000)
#define SCALE_MICROSECONDS UINT64_C(1000000)
#define SCALE_MILLISECONDS UINT64_C(1000)
#define SCALE_CENTI	   UINT64_C(100)

struct metric {
	const char *
		name; /* as it stands in text, `_total` included: cAdvisor's names do not all have it */
	const char *help; /* one sentence or two, naming the kernel's file */
	const char *unit; /* OpenMetrics unit: "seconds", "bytes", ... or NULL */
	const char *labels[METRIC_LABELS_MAX]; /* beside those of the scope; NULL ends them */
	enum metric_type type;
	enum metric_scope scope;
	enum metric_value value;
	uint64_t scale;	  /* raw units per base unit, a power of ten; 0 means 1 */
	bool optional;	  /* off unless --metrics.enable names it: its family is then left out */
	bool only_in_api; /* in the JSON API alone (averages, percentages) */
	bool only_native; /* in text only if --metrics.enable names it: too many lines there */
	struct {	  /* only the owning source reads this */
		const char *file; /* in the cgroup's directory */
		const char *line; /* first word of the line ("some", "full"); NULL for any */
		const char *key;  /* key in the line, or the field; NULL for a single-value file */
		const char *also; /* second file, for derived rows */
		int rule;	  /* the source's own reading of this row; 0 = plain */
	} from;
};

/* The divisor of a row's integers: `scale`, or 1. */
static inline uint64_t metric_scale(const struct metric *metric)
{
	return metric->scale ? metric->scale : 1;
}

/* How many labels of its own a row has: 0 to METRIC_LABELS_MAX. */
static inline size_t metric_n_labels(const struct metric *metric)
{
	size_t n = 0;

	while (n < METRIC_LABELS_MAX && metric->labels[n])
		n++;
	return n;
}
