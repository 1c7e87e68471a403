/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the exposition formats share about a family: whether it is printed, and the name that
 * OpenMetrics gives it. Owns nothing.
 */
#pragma once

#include <stdbool.h>

#include "collector/snapshot.h"
#include "exporters/exporter.h"

/*
 * Whether a family has anything to print: samples, complete, not for the API alone, and named by the
 * filter (NULL, or none in it: everything). The row's name counts, and the OpenMetrics family name.
 */
bool family_printed(const struct family *family, const struct name_filter *filter);

/*
 * The OpenMetrics family name is the row's name without `_total` (counters) or `_info` (info): the
 * length of what remains. Counters without `_total`, which cAdvisor has, keep their whole name.
 */
size_t metric_family_length(const struct metric *metric);

/*
 * The unit, if it may be declared: only where the family name ends with it. Prometheus and the
 * OpenMetrics parsers refuse the whole scrape otherwise. Else NULL.
 */
const char *metric_declared_unit(const struct metric *metric);

/* Type names of the two text formats. */
const char *metric_text_type(const struct metric *metric);
const char *metric_openmetrics_type(const struct metric *metric);
