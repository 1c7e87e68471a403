/* SPDX-License-Identifier: Apache-2.0 */
/* The protobuf format, decoded by protobuf-c: messages, values, and native histograms put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "exporters/exporter.h"
#include "exporters/labels.h"
#include "exporters/number.h"
#include "tests/hand_made.h"
#include "tests/metrics.pb-c.h"

typedef Io__Prometheus__Client__MetricFamily decoded_family;
typedef Io__Prometheus__Client__Metric decoded_metric;
typedef Io__Prometheus__Client__Histogram decoded_histogram;
typedef Io__Prometheus__Client__Exemplar decoded_exemplar;

struct stream {
	const struct snapshot *snapshot;
	struct buffer bytes;
	size_t at;
};

static struct stream stream_open(struct snapshot *snapshot)
{
	struct stream stream = { .snapshot = snapshot };

	renderer_render(&renderer_protobuf, snapshot, NULL, &stream.bytes);
	return stream;
}

static void stream_close(struct stream *stream)
{
	buffer_free(&stream->bytes);
	snapshot_unref(stream->snapshot);
}

/* The next delimited message, or NULL at the end. */
static decoded_family *stream_next(struct stream *stream)
{
	size_t length = 0;
	unsigned shift = 0;
	uint8_t byte;

	if (stream->at == stream->bytes.length)
		return NULL;
	do {
		assert_true(stream->at < stream->bytes.length);
		byte = (uint8_t)stream->bytes.data[stream->at++];
		length |= (size_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	assert_in_range(length, 1, stream->bytes.length - stream->at);
	decoded_family *family = io__prometheus__client__metric_family__unpack(
		NULL, length, (const uint8_t *)stream->bytes.data + stream->at);
	assert_non_null(family);
	/* Nothing is in it that the public definition does not have. */
	assert_int_equal(family->base.n_unknown_fields, 0);
	stream->at += length;
	return family;
}

static void family_free(decoded_family *family)
{
	io__prometheus__client__metric_family__free_unpacked(family, NULL);
}

/* The family of a row; fails where there is none. */
static decoded_family *family_find(struct stream *stream, enum hand_made_family which)
{
	decoded_family *family;

	stream->at = 0;
	while ((family = stream_next(stream))) {
		if (streq(family->name, hand_made_metrics[which].name))
			return family;
		family_free(family);
	}
	fail_msg("%s is missing", hand_made_metrics[which].name);
	return NULL;
}

static void check_labels(const decoded_metric *metric, const struct metric *row,
			 const struct sample *sample)
{
	size_t n = 0;

	for (size_t i = 0; sample->workload && i < N_WORKLOAD_LABELS; i++, n++) {
		assert_true(n < metric->n_label);
		assert_string_equal(metric->label[n]->name, workload_labels[i].name);
		assert_string_equal(metric->label[n]->value,
				    workload_label_value(sample->workload, i));
	}
	for (size_t i = 0; i < metric_n_labels(row); i++, n++) {
		const char *value = sample->labels[i] ? sample->labels[i] : "";

		assert_true(n < metric->n_label);
		assert_string_equal(metric->label[n]->name, row->labels[i]);
		assert_string_equal(metric->label[n]->value, value);
	}
	assert_int_equal(metric->n_label, n);
}

static void check_value(const decoded_metric *metric, const struct metric *row,
			const struct sample *sample)
{
	double value, expected;

	assert_false(metric->has_timestamp_ms);
	assert_int_equal(!!metric->gauge + !!metric->counter + !!metric->histogram, 1);
	if (row->value == VALUE_HISTOGRAM) {
		assert_non_null(metric->histogram);
		return;
	}
	assert_int_equal(!!metric->counter, row->type == METRIC_COUNTER);
	if (metric->counter) {
		value = metric->counter->value;
	} else if (metric->gauge) {
		value = metric->gauge->value;
	} else {
		fail_msg("%s has no value", row->name);
		return;
	}
	expected = row->value == VALUE_REAL ? sample->real
					    : number_quotient(sample->integer, metric_scale(row));
	assert_memory_equal(&value, &expected, sizeof(value));
}

/* Every family of the snapshot that is to be printed comes out, in order, with every sample. */
static void test_all_families(void **state)
{
	static const char *const units[N_HAND] = {
		[HAND_CPU] = "seconds", [HAND_MEMORY] = "bytes",    [HAND_FULL] = "seconds",
		[HAND_HUGE] = "bytes",	[HAND_LATENCY] = "seconds", [HAND_HOST_LATENCY] = "seconds",
	};
	struct stream stream = stream_open(hand_made_snapshot());

	(void)state;
	for (size_t i = 0; i < HAND_LEFT_OUT; i++) {
		const struct family *family = &stream.snapshot->families[i];
		const struct metric *row = family->metric;
		decoded_family *decoded = stream_next(&stream);
		size_t n = 0;

		assert_non_null(decoded);
		assert_string_equal(decoded->name, row->name);
		assert_string_equal(decoded->help, row->help);
		assert_true(decoded->has_type);
		assert_int_equal(decoded->type, row->type == METRIC_COUNTER	? 0
						: row->type == METRIC_HISTOGRAM ? 4
										: 1);
		if (units[i])
			assert_string_equal(decoded->unit, units[i]);
		else
			assert_null(decoded->unit);
		assert_int_equal(decoded->n_metric, family->n_samples);
		for_each_sample(sample, family) {
			check_labels(decoded->metric[n], row, sample);
			check_value(decoded->metric[n], row, sample);
			n++;
		}
		family_free(decoded);
	}
	assert_null(stream_next(&stream));
	stream_close(&stream);
}

/* Count in the native bucket of that index, put together from spans and deltas. */
static uint64_t native_count(const decoded_histogram *histogram, int index)
{
	int at = 0;
	int64_t count = 0;
	size_t delta = 0;

	for (size_t i = 0; i < histogram->n_positive_span; i++) {
		at += histogram->positive_span[i]->offset;
		for (uint32_t j = 0; j < histogram->positive_span[i]->length; j++, at++) {
			count += histogram->positive_delta[delta++];
			if (at == index)
				return (uint64_t)count;
		}
	}
	return 0;
}

/* The rules by which Prometheus refuses a native histogram. */
static void check_native_rules(const decoded_histogram *histogram)
{
	uint64_t sum = histogram->zero_count;
	uint32_t cells = 0;
	int64_t count = 0;

	for (size_t i = 0; i < histogram->n_positive_span; i++) {
		assert_true(i == 0 || histogram->positive_span[i]->offset >= 0);
		cells += histogram->positive_span[i]->length;
	}
	assert_int_equal(cells, histogram->n_positive_delta);
	for (size_t i = 0; i < histogram->n_positive_delta; i++) {
		count += histogram->positive_delta[i];
		assert_true(count >= 0);
		sum += (uint64_t)count;
	}
	assert_int_equal(sum, histogram->sample_count);
	assert_true(histogram->has_schema);
	assert_in_range(histogram->schema + 4, 0, 12);
	/* Else it is read as a classic one. */
	assert_true(histogram->n_positive_span || histogram->zero_threshold > 0);
	assert_int_equal(histogram->n_negative_span + histogram->n_negative_delta, 0);
}

static void test_native_histogram(void **state)
{
	struct stream stream = stream_open(hand_made_snapshot());
	decoded_family *family = family_find(&stream, HAND_LATENCY);
	const decoded_histogram *histogram = family->metric[0]->histogram;

	(void)state;
	check_native_rules(histogram);
	assert_int_equal(histogram->schema, 0);
	assert_true(histogram->zero_threshold == 0x1p-10);
	assert_int_equal(histogram->zero_count, 4);
	assert_int_equal(histogram->sample_count, 22);
	assert_true(histogram->sample_sum == 123.456789);
	for (unsigned i = 0; i < ARRAY_SIZE(hand_made_counts); i++)
		assert_int_equal(native_count(histogram, -9 + (int)i), hand_made_counts[i]);
	assert_int_equal(native_count(histogram, 0), 2); /* the overflow: one above the last */
	assert_int_equal(native_count(histogram, 1), 0);
	/* Two empty buckets are bridged, three are not: -9..-6 and -2..0. */
	assert_int_equal(histogram->n_positive_span, 2);
	assert_int_equal(histogram->positive_span[0]->offset, -9);
	assert_int_equal(histogram->positive_span[0]->length, 4);
	assert_int_equal(histogram->positive_span[1]->offset, 3);
	assert_int_equal(histogram->positive_span[1]->length, 3);
	family_free(family);
	stream_close(&stream);
}

static void test_empty_and_bare_histograms(void **state)
{
	struct stream stream = stream_open(hand_made_snapshot());
	decoded_family *family = family_find(&stream, HAND_LATENCY);
	const decoded_histogram *empty = family->metric[1]->histogram;
	const decoded_histogram *bare = family->metric[2]->histogram;

	(void)state;
	check_native_rules(empty);
	assert_int_equal(empty->sample_count, 0);
	assert_int_equal(empty->n_positive_span, 1);
	assert_int_equal(empty->positive_span[0]->offset, 0);
	assert_int_equal(empty->positive_span[0]->length, 0);
	assert_int_equal(empty->n_bucket, 6);

	check_native_rules(bare);
	assert_int_equal(bare->sample_count, 1);
	assert_int_equal(bare->n_bucket, 1);
	assert_true(isinf(bare->bucket[0]->upper_bound));
	assert_int_equal(native_count(bare, 0), 1);
	family_free(family);
	stream_close(&stream);
}

static void test_classic_buckets(void **state)
{
	static const struct {
		double upper_bound;
		uint64_t cumulative;
	} rows[] = {
		{ 0x1p-10, 4 }, { 0x1p-8, 7 },	{ 0x1p-6, 12 },
		{ 0x1p-2, 19 }, { 0x1p-1, 20 }, { INFINITY, 22 },
	};
	struct stream stream = stream_open(hand_made_snapshot());
	decoded_family *family = family_find(&stream, HAND_HOST_LATENCY);
	const decoded_histogram *histogram = family->metric[0]->histogram;

	(void)state;
	assert_int_equal(histogram->n_bucket, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(histogram->bucket[i]->upper_bound == rows[i].upper_bound);
		assert_int_equal(histogram->bucket[i]->cumulative_count, rows[i].cumulative);
	}
	family_free(family);
	stream_close(&stream);
}

static void check_exemplar(const decoded_exemplar *decoded, const struct exemplar *exemplar)
{
	assert_non_null(decoded);
	assert_true(decoded->value == exemplar->value);
	assert_int_equal(decoded->timestamp->seconds, exemplar->timestamp_ms / 1000);
	assert_int_equal(decoded->timestamp->nanos, exemplar->timestamp_ms % 1000 * 1000000);
	for (size_t i = 0; i < decoded->n_label; i++) {
		assert_string_equal(decoded->label[i]->name, exemplar->labels[2 * i]);
		assert_string_equal(decoded->label[i]->value, exemplar->labels[2 * i + 1]);
	}
	assert_null(exemplar->labels[2 * decoded->n_label]);
}

/* In the bucket whose range they are in, and all of them in the native form; too long ones nowhere. */
static void test_exemplars(void **state)
{
	struct stream stream = stream_open(hand_made_snapshot());
	decoded_family *family = family_find(&stream, HAND_LATENCY);
	const decoded_histogram *histogram = family->metric[0]->histogram;

	(void)state;
	check_exemplar(histogram->bucket[0]->exemplar, &hand_made_exemplars[0]);
	for (size_t i = 1; i < 5; i++)
		assert_null(histogram->bucket[i]->exemplar);
	check_exemplar(histogram->bucket[5]->exemplar, &hand_made_exemplars[2]);
	assert_int_equal(histogram->n_exemplars, 2);
	check_exemplar(histogram->exemplars[0], &hand_made_exemplars[0]);
	check_exemplar(histogram->exemplars[1], &hand_made_exemplars[2]);
	family_free(family);
	stream_close(&stream);
}

/* Every shape of up to eight buckets: spans and deltas put together give the counts again. */
static void test_spans_of_all_shapes(void **state)
{
	(void)state;
	for (unsigned shape = 0; shape < 512; shape++) {
		struct snapshot *snapshot = hand_made_frame();
		uint64_t counts[8];
		struct histogram histogram = { .schema = 2,
					       .first = -3,
					       .n = 8,
					       .counts = counts,
					       .zero_threshold = 1e-9,
					       .overflow = shape >> 8 & 1 ? 1000 : 0 };

		for (unsigned i = 0; i < 8; i++)
			counts[i] = shape >> i & 1 ? UINT64_C(1) << (5 * (i * 3 % 8)) : 0;
		family_add_histogram(snapshot, &snapshot->families[HAND_HOST_LATENCY], NULL, NULL,
				     &histogram);
		struct stream stream = stream_open(snapshot);
		decoded_family *family = stream_next(&stream);
		const decoded_histogram *decoded = family->metric[0]->histogram;

		check_native_rules(decoded);
		assert_int_equal(decoded->schema, 2);
		for (int i = 0; i < 8; i++)
			assert_int_equal(native_count(decoded, i - 3), counts[i]);
		assert_int_equal(native_count(decoded, 5), histogram.overflow);
		family_free(family);
		stream_close(&stream);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_families),
		cmocka_unit_test(test_native_histogram),
		cmocka_unit_test(test_empty_and_bare_histograms),
		cmocka_unit_test(test_classic_buckets),
		cmocka_unit_test(test_exemplars),
		cmocka_unit_test(test_spans_of_all_shapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
