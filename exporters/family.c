/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/family.h"

#include <string.h>

#include "collector/cleanup.h"

static bool has_suffix(const char *name, size_t length, const char *suffix)
{
	size_t n = strlen(suffix);

	return length > n && memcmp(name + length - n, suffix, n) == 0;
}

size_t metric_family_length(const struct metric *metric)
{
	size_t length = strlen(metric->name);

	if (metric->type == METRIC_COUNTER && has_suffix(metric->name, length, "_total"))
		return length - strlen("_total");
	if (metric->type == METRIC_INFO && has_suffix(metric->name, length, "_info"))
		return length - strlen("_info");
	return length;
}

static bool filter_names(const struct name_filter *filter, const struct metric *metric)
{
	size_t length = metric_family_length(metric);

	for (size_t i = 0; i < filter->n; i++) {
		const char *name = filter->names[i];

		if (streq(name, metric->name))
			return true;
		if (strlen(name) == length && memcmp(name, metric->name, length) == 0)
			return true;
	}
	return filter->n == 0;
}

bool family_printed(const struct family *family, const struct name_filter *filter)
{
	if (!family->n_samples || family->left_out || family->metric->only_in_api)
		return false;
	return !filter || filter_names(filter, family->metric);
}

const char *metric_declared_unit(const struct metric *metric)
{
	size_t length = metric_family_length(metric);

	if (!metric->unit || !metric->unit[0] || metric->type == METRIC_INFO)
		return NULL;
	if (!has_suffix(metric->name, length, metric->unit))
		return NULL;
	return metric->name[length - strlen(metric->unit) - 1] == '_' ? metric->unit : NULL;
}

const char *metric_text_type(const struct metric *metric)
{
	switch (metric->type) {
	case METRIC_COUNTER:
		return "counter";
	case METRIC_HISTOGRAM:
		return "histogram";
	case METRIC_GAUGE:
	case METRIC_INFO:
		break;
	}
	return "gauge";
}

const char *metric_openmetrics_type(const struct metric *metric)
{
	bool short_name = metric->name[metric_family_length(metric)] != '\0';

	/* A counter's series must end in `_total` here: the value would get another name. */
	if (metric->type == METRIC_COUNTER && !short_name)
		return "unknown";
	if (metric->type == METRIC_INFO && short_name)
		return "info";
	return metric_text_type(metric);
}
