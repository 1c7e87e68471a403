/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/protobuf.h"

#include <math.h>

#include "exporters/exemplar.h"
#include "exporters/protobuf_wire.h"

/* A gap of this many empty buckets is cheaper as zeros than as a span of its own. */
enum { GAP_MAX = 2 };

static void exemplar_append(struct buffer *out, unsigned field, const struct exemplar *exemplar)
{
	size_t start = wire_message_begin(out, field);
	int64_t seconds = exemplar->timestamp_ms / 1000, millis = exemplar->timestamp_ms % 1000;

	for (const char *const *label = exemplar->labels; label[0]; label += 2)
		protobuf_label_append(out, EXEMPLAR_LABEL, label[0], label[1]);
	wire_double(out, EXEMPLAR_VALUE, exemplar->value);
	size_t timestamp = wire_message_begin(out, EXEMPLAR_TIMESTAMP);
	wire_uint(out, TIMESTAMP_SECONDS, (uint64_t)seconds);
	wire_uint(out, TIMESTAMP_NANOS, (uint64_t)millis * 1000000);
	wire_message_end(out, timestamp);
	wire_message_end(out, start);
}

static void bucket_append(struct buffer *out, const struct histogram *histogram, double above,
			  double upto, uint64_t cumulative)
{
	size_t start = wire_message_begin(out, HISTOGRAM_BUCKET);
	const struct exemplar *exemplar = exemplar_pick(histogram, above, upto);

	wire_uint(out, BUCKET_CUMULATIVE_COUNT, cumulative);
	wire_double(out, BUCKET_UPPER_BOUND, upto);
	if (exemplar)
		exemplar_append(out, BUCKET_EXEMPLAR, exemplar);
	wire_message_end(out, start);
}

/* Prometheus takes exemplars from the classic buckets, so `+Inf` has its own, too. */
static void classic_append(struct buffer *out, const struct histogram *histogram, uint64_t count)
{
	uint64_t cumulative = histogram->zero_count;
	double above = -INFINITY;
	unsigned cell = 0;

	for (unsigned i = 0; i < histogram->n_bounds; i++) {
		double upto = histogram_bound(histogram->schema, histogram->bounds[i]);

		for (; cell < histogram->n; cell++) {
			if (histogram->first + (int)cell > histogram->bounds[i])
				break;
			cumulative += histogram->counts[cell];
		}
		bucket_append(out, histogram, above, upto, cumulative);
		above = upto;
	}
	bucket_append(out, histogram, above, INFINITY, count);
}

/* The native buckets are the cells and, behind them, the overflow. */
static uint64_t cell_count(const struct histogram *histogram, unsigned cell)
{
	return cell < histogram->n ? histogram->counts[cell] : histogram->overflow;
}

/* The next cell at or behind `cell` that counts something; n + 1 when there is none. */
static unsigned cell_next(const struct histogram *histogram, unsigned cell)
{
	while (cell <= histogram->n && !cell_count(histogram, cell))
		cell++;
	return cell;
}

/* Where the span that starts at `start` ends: before a gap that is worth another span. */
static unsigned span_end(const struct histogram *histogram, unsigned start)
{
	unsigned end = start;

	for (;;) {
		while (end <= histogram->n && cell_count(histogram, end))
			end++;
		unsigned next = cell_next(histogram, end);
		if (next > histogram->n || next - end > GAP_MAX)
			return end;
		end = next;
	}
}

static void span_append(struct buffer *out, int offset, unsigned length)
{
	size_t start = wire_message_begin(out, HISTOGRAM_POSITIVE_SPAN);

	wire_sint(out, SPAN_OFFSET, offset);
	wire_uint(out, SPAN_LENGTH, length);
	wire_message_end(out, start);
}

static void native_append(struct buffer *out, const struct histogram *histogram)
{
	int previous_end = 0;
	unsigned spans = 0;
	int64_t previous = 0;

	wire_sint(out, HISTOGRAM_SCHEMA, histogram->schema);
	wire_double(out, HISTOGRAM_ZERO_THRESHOLD, histogram->zero_threshold);
	wire_uint(out, HISTOGRAM_ZERO_COUNT, histogram->zero_count);
	for (unsigned cell = cell_next(histogram, 0); cell <= histogram->n; spans++) {
		unsigned end = span_end(histogram, cell);
		int index = histogram->first + (int)cell;

		span_append(out, index - previous_end, end - cell);
		previous_end = index + (int)(end - cell);
		for (; cell < end; cell++) {
			int64_t count = (int64_t)cell_count(histogram, cell);

			wire_sint(out, HISTOGRAM_POSITIVE_DELTA, count - previous);
			previous = count;
		}
		cell = cell_next(histogram, end);
	}
	/* Without it an empty native histogram would look like a classic one. */
	if (!spans)
		span_append(out, 0, 0);
}

void protobuf_histogram_append(struct buffer *out, const struct histogram *histogram)
{
	uint64_t count = histogram_count(histogram);

	wire_uint(out, HISTOGRAM_SAMPLE_COUNT, count);
	wire_double(out, HISTOGRAM_SAMPLE_SUM, histogram->sum);
	classic_append(out, histogram, count);
	native_append(out, histogram);
	for (unsigned i = 0; i < histogram->n_exemplars; i++)
		if (exemplar_fits(&histogram->exemplars[i]))
			exemplar_append(out, HISTOGRAM_EXEMPLARS, &histogram->exemplars[i]);
}
