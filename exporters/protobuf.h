/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field numbers of io.prometheus.client, as far as we write them, and the part of its encoder that
 * stands in a file of its own. Format: prometheus/client_model, io/prometheus/client/metrics.proto.
 */
#pragma once

#include "collector/buffer.h"
#include "collector/histogram.h"

enum metric_family_field { FAMILY_NAME = 1, FAMILY_HELP, FAMILY_TYPE, FAMILY_METRIC, FAMILY_UNIT };
enum metric_field {
	METRIC_LABEL = 1,
	METRIC_GAUGE_VALUE,
	METRIC_COUNTER_VALUE,
	METRIC_HISTOGRAM_VALUE = 7
};
enum label_field { LABEL_NAME = 1, LABEL_VALUE };
enum scalar_field { SCALAR_VALUE = 1 }; /* of Gauge and Counter alike */
enum exemplar_field { EXEMPLAR_LABEL = 1, EXEMPLAR_VALUE, EXEMPLAR_TIMESTAMP };
enum timestamp_field { TIMESTAMP_SECONDS = 1, TIMESTAMP_NANOS };
enum bucket_field { BUCKET_CUMULATIVE_COUNT = 1, BUCKET_UPPER_BOUND, BUCKET_EXEMPLAR };
enum span_field { SPAN_OFFSET = 1, SPAN_LENGTH };
enum histogram_field {
	HISTOGRAM_SAMPLE_COUNT = 1,
	HISTOGRAM_SAMPLE_SUM = 2,
	HISTOGRAM_BUCKET = 3,
	HISTOGRAM_SCHEMA = 5,
	HISTOGRAM_ZERO_THRESHOLD = 6,
	HISTOGRAM_ZERO_COUNT = 7,
	HISTOGRAM_POSITIVE_SPAN = 12,
	HISTOGRAM_POSITIVE_DELTA = 13,
	HISTOGRAM_EXEMPLARS = 16,
};
enum family_type { TYPE_COUNTER = 0, TYPE_GAUGE = 1, TYPE_HISTOGRAM = 4 };

/* Appends the fields of message Histogram: the classic and the native form. */
void protobuf_histogram_append(struct buffer *out, const struct histogram *histogram);
/* Appends a LabelPair as `field` of the message that is being written. */
void protobuf_label_append(struct buffer *out, unsigned field, const char *name, const char *value);
