/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "collector/cleanup.h"
#include "exporters/api/describe.h"

static const char *const type_names[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
	[METRIC_HISTOGRAM] = "histogram",
	[METRIC_INFO] = "info",
};

static json_t *describe_histogram(const struct histogram *histogram)
{
	json_t *buckets = json_array();

	for (unsigned i = 0; i < histogram->n_bounds; i++) {
		int bound = histogram->bounds[i];

		json_array_append_new(
			buckets,
			json_pack("{s:o, s:o}", "le",
				  json_number(histogram_bound(histogram->schema, bound)), "count",
				  json_count(histogram_cumulative(histogram, bound))));
	}
	return json_pack("{s:o, s:o, s:o}", "count", json_count(histogram_count(histogram)), "sum",
			 json_number(histogram->sum), "buckets", buckets);
}

static json_t *describe_value(const struct metric *metric, const struct sample *sample)
{
	struct quantity quantity = { .kind = QUANTITY_INTEGER };

	if (metric->value == VALUE_HISTOGRAM)
		return json_null();
	if (metric->value == VALUE_REAL || metric_scale(metric) != 1)
		return json_number(sample_value(metric, sample));
	quantity.integer = sample->integer;
	return json_quantity(quantity);
}

static json_t *describe_sample(const struct metric *metric, const struct sample *sample)
{
	size_t n_labels = metric_n_labels(metric);
	json_t *labels = json_object();

	for (size_t i = 0; sample->labels && i < n_labels; i++) {
		json_t *value = json_string(sample->labels[i]);

		json_object_set_new(labels, metric->labels[i], value ? value : json_null());
	}
	json_t *json = json_pack("{s:s, s:s, s:s?, s:o, s:o}", "name", metric->name, "type",
				 type_names[metric->type], "unit", metric->unit, "labels", labels,
				 "value", describe_value(metric, sample));
	if (metric->value == VALUE_HISTOGRAM)
		json_object_set_new(json, "histogram", describe_histogram(sample->histogram));
	return json;
}

json_t *describe_metrics(const struct snapshot *snapshot, const struct workload *workload,
			 const char *prefix)
{
	json_t *metrics = json_array();

	for (size_t i = 0; i < snapshot->n_families; i++) {
		const struct family *family = &snapshot->families[i];

		if (family->left_out || strncmp(family->metric->name, prefix, strlen(prefix)) != 0)
			continue;
		for_each_sample(sample, family)
			if (sample->workload == workload)
				json_array_append_new(metrics,
						      describe_sample(family->metric, sample));
	}
	return metrics;
}
