/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delimited protobuf: one io.prometheus.client.MetricFamily after another, each behind its length.
 *
 * A series has the same name as in the text formats: the family carries the row's name, `_total` and
 * `_info` included, because Prometheus stores it as it stands. So cAdvisor's counters without
 * `_total` can stay counters here; only OpenMetrics forbids that.
 */
#include "exporters/exporter.h"

#include <stdlib.h>

#include "collector/memory.h"
#include "exporters/family.h"
#include "exporters/labels.h"
#include "exporters/number.h"
#include "exporters/protobuf.h"
#include "exporters/protobuf_wire.h"

enum {
	PIECE_BYTES = 60 * 1024,
	TAG_BYTES = 1,	   /* of a field number below 16 */
	SCALAR_BYTES = 11, /* Metric.gauge or .counter: tag, length, tag, double */
};

struct rendering {
	const struct snapshot *snapshot;
	const struct name_filter *filter;
	size_t family; /* cursor, as in prometheus.c */
	const struct sample_block *block;
	unsigned sample;
	struct label_cache labels;
	struct text own[METRIC_LABELS_MAX]; /* a LabelPair's name field, encoded */
	size_t n_own;
	struct arena texts;
	struct buffer scratch;
};

void protobuf_label_append(struct buffer *out, unsigned field, const char *name, const char *value)
{
	size_t start = wire_message_begin(out, field);

	wire_string(out, LABEL_NAME, name);
	wire_string(out, LABEL_VALUE, value);
	wire_message_end(out, start);
}

static void labels_write(struct buffer *out, const struct workload *workload)
{
	for (size_t i = 0; i < N_WORKLOAD_LABELS; i++)
		protobuf_label_append(out, METRIC_LABEL, workload_labels[i].name,
				      workload_label_value(workload, i));
}

static void *protobuf_begin(const struct snapshot *snapshot, const struct name_filter *filter)
{
	struct rendering *r = xcalloc(1, sizeof(*r));

	r->snapshot = snapshot;
	r->filter = filter;
	label_cache_init(&r->labels, snapshot->n_workloads, labels_write);
	return r;
}

static void protobuf_end(void *rendering)
{
	struct rendering *r = rendering;

	label_cache_free(&r->labels);
	buffer_free(&r->scratch);
	arena_free(&r->texts);
	free(r);
}

static const char *own_label(const struct sample *sample, size_t i)
{
	return sample->labels[i] ? sample->labels[i] : "";
}

/* Size of LabelPair i of a row's own, without its own tag and length. */
static size_t own_label_size(const struct rendering *r, size_t i, size_t value_length)
{
	return r->own[i].length + TAG_BYTES + wire_varint_size(value_length) + value_length;
}

/* Size of message Metric; a histogram's content is left in the scratch buffer. */
static size_t metric_size(struct rendering *r, const struct metric *metric,
			  const struct sample *sample)
{
	size_t size = label_cache_get(&r->labels, sample->workload).length;

	for (size_t i = 0; i < r->n_own; i++) {
		size_t length = own_label_size(r, i, strlen(own_label(sample, i)));

		size += TAG_BYTES + wire_varint_size(length) + length;
	}
	if (metric->value != VALUE_HISTOGRAM)
		return size + SCALAR_BYTES;
	r->scratch.length = 0;
	protobuf_histogram_append(&r->scratch, sample->histogram);
	return size + TAG_BYTES + wire_varint_size(r->scratch.length) + r->scratch.length;
}

static double scalar_value(const struct metric *metric, const struct sample *sample)
{
	if (metric->value == VALUE_REAL)
		return sample->real;
	return number_quotient(sample->integer, metric_scale(metric));
}

static void metric_write(struct rendering *r, const struct metric *metric,
			 const struct sample *sample, struct buffer *out)
{
	struct text prefix = label_cache_get(&r->labels, sample->workload);
	bool counter = metric->type == METRIC_COUNTER;

	wire_tag(out, FAMILY_METRIC, WIRE_BYTES);
	wire_varint(out, metric_size(r, metric, sample));
	buffer_append(out, prefix.data, prefix.length);
	for (size_t i = 0; i < r->n_own; i++) {
		const char *value = own_label(sample, i);
		size_t length = strlen(value);

		wire_tag(out, METRIC_LABEL, WIRE_BYTES);
		wire_varint(out, own_label_size(r, i, length));
		buffer_append(out, r->own[i].data, r->own[i].length);
		wire_bytes(out, LABEL_VALUE, value, length);
	}
	if (metric->value == VALUE_HISTOGRAM) {
		wire_bytes(out, METRIC_HISTOGRAM_VALUE, r->scratch.data, r->scratch.length);
		return;
	}
	wire_tag(out, counter ? METRIC_COUNTER_VALUE : METRIC_GAUGE_VALUE, WIRE_BYTES);
	wire_varint(out, SCALAR_BYTES - 2);
	wire_double(out, SCALAR_VALUE, scalar_value(metric, sample));
}

static enum family_type family_type(const struct metric *metric)
{
	switch (metric->type) {
	case METRIC_COUNTER:
		return TYPE_COUNTER;
	case METRIC_HISTOGRAM:
		return TYPE_HISTOGRAM;
	case METRIC_GAUGE:
	case METRIC_INFO:
		break;
	}
	return TYPE_GAUGE;
}

/* All of a family's fields but the metrics. The unit's number is the last, but order is free. */
static void headers_write(const struct metric *metric, struct buffer *out)
{
	const char *unit = metric_declared_unit(metric);

	wire_string(out, FAMILY_NAME, metric->name);
	wire_string(out, FAMILY_HELP, metric->help);
	wire_uint(out, FAMILY_TYPE, family_type(metric));
	if (unit)
		wire_string(out, FAMILY_UNIT, unit);
}

/*
 * The length of a family stands before it, so its samples are measured first: a family of 5,000
 * workloads has some MB, and is not to be held.
 */
static void family_begin(struct rendering *r, const struct family *family, struct buffer *out)
{
	const struct metric *metric = family->metric;
	struct buffer *scratch = &r->scratch;

	r->n_own = metric_n_labels(metric);
	for (size_t i = 0; i < r->n_own; i++) {
		scratch->length = 0;
		wire_string(scratch, LABEL_NAME, metric->labels[i]);
		char *own = arena_alloc(&r->texts, scratch->length);
		memcpy(own, scratch->data, scratch->length);
		r->own[i] = (struct text){ own, scratch->length };
	}
	scratch->length = 0;
	headers_write(metric, scratch);
	size_t size = scratch->length;
	for_each_sample(sample, family) {
		size_t length = metric_size(r, metric, sample);

		size += TAG_BYTES + wire_varint_size(length) + length;
	}
	wire_varint(out, size);
	headers_write(metric, out);
}

static bool samples_write(struct rendering *r, const struct metric *metric, size_t limit,
			  struct buffer *out)
{
	for (; r->block; r->block = r->block->next, r->sample = 0)
		for (; r->sample < r->block->n; r->sample++) {
			if (out->length >= limit)
				return false;
			metric_write(r, metric, &r->block->samples[r->sample], out);
		}
	return true;
}

static bool protobuf_step(void *rendering, struct buffer *out)
{
	struct rendering *r = rendering;
	size_t limit = out->length + PIECE_BYTES;

	for (; r->family < r->snapshot->n_families; r->family++) {
		const struct family *family = &r->snapshot->families[r->family];

		if (!r->block) {
			if (!family_printed(family, r->filter))
				continue;
			family_begin(r, family, out);
			r->block = family->first;
			r->sample = 0;
		}
		if (!samples_write(r, family->metric, limit, out))
			return true;
	}
	return false;
}

const struct renderer renderer_protobuf = {
	.name = "protobuf",
	.content_type = "application/vnd.google.protobuf; "
			"proto=io.prometheus.client.MetricFamily; encoding=delimited",
	.begin = protobuf_begin,
	.step = protobuf_step,
	.end = protobuf_end,
};
