/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text 0.0.4 and OpenMetrics 1.0.0: one renderer, one flag.
 * Formats: prometheus.io "Exposition formats", and the OpenMetrics 1.0 specification.
 */
#include "exporters/exporter.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "collector/memory.h"
#include "exporters/exemplar.h"
#include "exporters/family.h"
#include "exporters/labels.h"
#include "exporters/number.h"

/* A piece is a little under 64 KiB, so that a buffer of that size is enough for it. */
enum { PIECE_BYTES = 60 * 1024 };

/* What the current family's lines are made of. */
struct line {
	struct text name, bucket;	      /* of the series; `bucket` in histograms alone */
	struct text leads[METRIC_LABELS_MAX]; /* what stands before each own label's value */
	struct text le_lead;
	size_t n_labels;
	unsigned decimals;
	bool braced; /* has labels at all */
};

struct rendering {
	const struct snapshot *snapshot;
	const struct name_filter *filter;
	bool openmetrics;
	size_t family;			  /* cursor: the family, */
	const struct sample_block *block; /* its block (NULL: not begun), */
	unsigned sample;		  /* and the sample in it that comes next */
	struct line line;
	struct label_cache labels;
	struct buffer head; /* of a histogram's lines: all its labels */
	struct bounds {
		const struct histogram *of; /* whose these are; most samples share them */
		struct text *le;
	} bounds;
	struct arena texts; /* leads and bounds */
};

/* Values end without their quote: what follows, another label or the end of the line, brings it. */
static void labels_write(struct buffer *out, const struct workload *workload)
{
	for (size_t i = 0; i < N_WORKLOAD_LABELS; i++) {
		buffer_puts(out, i ? "\"," : "{");
		buffer_puts(out, workload_labels[i].name);
		buffer_puts(out, "=\"");
		label_value_append(out, workload_label_value(workload, i));
	}
}

static struct rendering *rendering_new(const struct snapshot *snapshot,
				       const struct name_filter *filter, bool openmetrics)
{
	struct rendering *r = xcalloc(1, sizeof(*r));

	r->snapshot = snapshot;
	r->filter = filter;
	r->openmetrics = openmetrics;
	label_cache_init(&r->labels, snapshot->n_workloads, labels_write);
	return r;
}

static void *text_begin(const struct snapshot *snapshot, const struct name_filter *filter)
{
	return rendering_new(snapshot, filter, false);
}

static void *openmetrics_begin(const struct snapshot *snapshot, const struct name_filter *filter)
{
	return rendering_new(snapshot, filter, true);
}

static void prometheus_end(void *rendering)
{
	struct rendering *r = rendering;

	label_cache_free(&r->labels);
	buffer_free(&r->head);
	arena_free(&r->texts);
	free(r);
}

static void header_write(const struct rendering *r, const struct metric *metric,
			 const char *keyword, const char *value, struct buffer *out)
{
	buffer_puts(out, "# ");
	buffer_puts(out, keyword);
	buffer_putc(out, ' ');
	if (r->openmetrics)
		buffer_append(out, metric->name, metric_family_length(metric));
	else
		buffer_puts(out, metric->name);
	buffer_putc(out, ' ');
	help_append(out, value, r->openmetrics);
	buffer_putc(out, '\n');
}

static void headers_write(const struct rendering *r, const struct metric *metric,
			  struct buffer *out)
{
	const char *unit = metric_declared_unit(metric);

	if (!r->openmetrics) {
		header_write(r, metric, "HELP", metric->help, out);
		header_write(r, metric, "TYPE", metric_text_type(metric), out);
		return;
	}
	header_write(r, metric, "TYPE", metric_openmetrics_type(metric), out);
	if (unit)
		header_write(r, metric, "UNIT", unit, out);
	header_write(r, metric, "HELP", metric->help, out);
}

/* `{name="`, or `",name="` behind another label. */
static struct text lead_make(struct rendering *r, const char *name, bool first)
{
	struct buffer *scratch = &r->head;

	scratch->length = 0;
	buffer_puts(scratch, first ? "{" : "\",");
	buffer_puts(scratch, name);
	buffer_puts(scratch, "=\"");
	return text_keep(&r->texts, scratch->data, scratch->length);
}

static void family_begin(struct rendering *r, const struct family *family, struct buffer *out)
{
	const struct metric *metric = family->metric;
	struct line *line = &r->line;
	bool first = metric->scope == SCOPE_HOST;

	headers_write(r, metric, out);
	*line = (struct line){
		.name = text_keep(&r->texts, metric->name, strlen(metric->name)),
		.n_labels = metric_n_labels(metric),
		.decimals = number_decimals(metric_scale(metric)),
		.braced = !first || metric->labels[0],
	};
	for (size_t i = 0; i < line->n_labels; i++)
		line->leads[i] = lead_make(r, metric->labels[i], first && !i);
	if (metric->value != VALUE_HISTOGRAM)
		return;
	line->le_lead = lead_make(r, "le", first && !line->n_labels);
	r->head.length = 0;
	buffer_puts(&r->head, metric->name);
	buffer_puts(&r->head, "_bucket");
	line->bucket = text_keep(&r->texts, r->head.data, r->head.length);
}

/* Room that a row's own labels need at most. */
static size_t own_labels_room(const struct line *line, const struct sample *sample)
{
	size_t room = TEXT_ROOM;

	for (size_t i = 0; i < line->n_labels; i++) {
		room += line->leads[i].length;
		if (sample->labels[i])
			room += 2 * strlen(sample->labels[i]);
	}
	return room;
}

/* A row's own labels, each behind its lead. */
static char *own_labels_write(char *to, const struct line *line, const struct sample *sample)
{
	for (size_t i = 0; i < line->n_labels; i++) {
		to = text_copy(to, line->leads[i]);
		if (sample->labels[i])
			to = label_value_copy(to, sample->labels[i]);
	}
	return to;
}

enum { VALUE_ROOM = 3 + NUMBER_MAX + 1 };

/* Ends the labels and writes an integer: the hot end of a line. */
static char *integer_write(char *to, bool braced, uint64_t value, unsigned decimals)
{
	if (braced) {
		*to++ = '"';
		*to++ = '}';
	}
	*to++ = ' ';
	to = number_write_fixed(to, value, decimals);
	*to++ = '\n';
	return to;
}

static void integer_append(struct buffer *out, bool braced, uint64_t value, unsigned decimals)
{
	char *to = buffer_reserve(out, VALUE_ROOM);

	out->length += (size_t)(integer_write(to, braced, value, decimals) - to);
}

static void real_append(struct buffer *out, double value)
{
	char *to = buffer_reserve(out, NUMBER_MAX);

	out->length += (size_t)(number_write_real(to, value) - to);
}

/* One line. Room is made once and the end kept in a register: this runs for nearly every series. */
static void scalar_write(struct rendering *r, const struct metric *metric,
			 const struct sample *sample, struct buffer *out)
{
	const struct line *line = &r->line;
	struct text prefix = label_cache_get(&r->labels, sample->workload);
	char *start = buffer_reserve(out, line->name.length + prefix.length +
						  own_labels_room(line, sample) + VALUE_ROOM);
	char *to = text_copy(start, line->name);

	memcpy(to, prefix.data, prefix.length);
	to = own_labels_write(to + prefix.length, line, sample);
	if (metric->value == VALUE_INTEGER) {
		to = integer_write(to, line->braced, sample->integer, line->decimals);
	} else {
		to = stpcpy(to, line->braced ? "\"} " : " ");
		to = number_write_real(to, sample->real);
		*to++ = '\n';
	}
	out->length += (size_t)(to - start);
}

static bool bounds_same(const struct histogram *a, const struct histogram *b)
{
	return a && a->schema == b->schema && a->n_bounds == b->n_bounds &&
	       (a->bounds == b->bounds ||
		memcmp(a->bounds, b->bounds, a->n_bounds * sizeof(*a->bounds)) == 0);
}

/* Spells the bounds, unless they are those of the sample before. */
static void bounds_spell(struct rendering *r, const struct histogram *histogram)
{
	struct bounds *bounds = &r->bounds;
	char spelled[NUMBER_MAX];

	if (bounds_same(bounds->of, histogram))
		return;
	bounds->of = histogram;
	bounds->le = arena_alloc(&r->texts, (histogram->n_bounds + 1) * sizeof(*bounds->le));
	for (unsigned i = 0; i < histogram->n_bounds; i++) {
		double bound = histogram_bound(histogram->schema, histogram->bounds[i]);
		size_t n = (size_t)(number_write_bound(spelled, bound) - spelled);

		bounds->le[i] = text_keep(&r->texts, spelled, n);
	}
	bounds->le[histogram->n_bounds] = text_keep(&r->texts, "+Inf", strlen("+Inf"));
}

static void exemplar_write(const struct exemplar *exemplar, struct buffer *out)
{
	buffer_puts(out, " # {");
	for (const char *const *label = exemplar->labels; label[0]; label += 2) {
		buffer_puts(out, label == exemplar->labels ? "" : ",");
		buffer_puts(out, label[0]);
		buffer_puts(out, "=\"");
		label_value_append(out, label[1]);
		buffer_putc(out, '"');
	}
	buffer_puts(out, "} ");
	real_append(out, exemplar->value);
	buffer_putc(out, ' ');
	char *to = buffer_reserve(out, NUMBER_MAX);
	out->length += (size_t)(number_write_fixed(to, (uint64_t)exemplar->timestamp_ms, 3) - to);
}

static void bucket_write(const struct rendering *r, const struct histogram *histogram, unsigned i,
			 uint64_t cumulative, struct buffer *out)
{
	const struct line *line = &r->line;
	const int *bounds = histogram->bounds;
	int schema = histogram->schema;

	struct text le = r->bounds.le[i];
	char *start =
		buffer_reserve(out, line->bucket.length + r->head.length + line->le_lead.length +
					    le.length + TEXT_ROOM + VALUE_ROOM);
	char *to = text_copy(start, line->bucket);

	memcpy(to, r->head.data, r->head.length);
	to = text_copy(to + r->head.length, line->le_lead);
	to = integer_write(text_copy(to, le), true, cumulative, 0);
	out->length += (size_t)(to - start);
	if (!r->openmetrics || !histogram->n_exemplars)
		return;
	double above = i ? histogram_bound(schema, bounds[i - 1]) : -INFINITY;
	double upto = i < histogram->n_bounds ? histogram_bound(schema, bounds[i]) : INFINITY;
	const struct exemplar *exemplar = exemplar_pick(histogram, above, upto);
	if (!exemplar)
		return;
	out->length--; /* the newline */
	exemplar_write(exemplar, out);
	buffer_putc(out, '\n');
}

static void histogram_write(struct rendering *r, const struct sample *sample, struct buffer *out)
{
	const struct histogram *histogram = sample->histogram;
	const struct line *line = &r->line;
	struct text prefix = label_cache_get(&r->labels, sample->workload);
	uint64_t cumulative = histogram->zero_count;
	unsigned cell = 0;

	r->head.length = 0;
	buffer_append(&r->head, prefix.data, prefix.length);
	char *to = buffer_reserve(&r->head, own_labels_room(line, sample));
	r->head.length += (size_t)(own_labels_write(to, line, sample) - to);
	bounds_spell(r, histogram);
	for (unsigned i = 0; i < histogram->n_bounds; i++) {
		for (; cell < histogram->n; cell++) {
			if (histogram->first + (int)cell > histogram->bounds[i])
				break;
			cumulative += histogram->counts[cell];
		}
		bucket_write(r, histogram, i, cumulative, out);
	}
	uint64_t count = histogram_count(histogram);
	bucket_write(r, histogram, histogram->n_bounds, count, out);

	text_append(out, line->name);
	buffer_puts(out, "_sum");
	buffer_append(out, r->head.data, r->head.length);
	buffer_puts(out, line->braced ? "\"} " : " ");
	real_append(out, histogram->sum);
	buffer_putc(out, '\n');

	text_append(out, line->name);
	buffer_puts(out, "_count");
	buffer_append(out, r->head.data, r->head.length);
	integer_append(out, line->braced, count, 0);
}

/* Writes samples of the current family until the piece is full: false when some are left. */
static bool samples_write(struct rendering *r, const struct metric *metric, size_t limit,
			  struct buffer *out)
{
	for (; r->block; r->block = r->block->next, r->sample = 0)
		for (; r->sample < r->block->n; r->sample++) {
			const struct sample *sample = &r->block->samples[r->sample];

			if (out->length >= limit)
				return false;
			if (metric->value == VALUE_HISTOGRAM && sample->histogram->only_native)
				continue;
			if (metric->value == VALUE_HISTOGRAM)
				histogram_write(r, sample, out);
			else
				scalar_write(r, metric, sample, out);
		}
	return true;
}

static bool prometheus_step(void *rendering, struct buffer *out)
{
	struct rendering *r = rendering;
	size_t limit = out->length + PIECE_BYTES;

	for (; r->family < r->snapshot->n_families; r->family++) {
		const struct family *family = &r->snapshot->families[r->family];

		if (!r->block) {
			if (!family_printed(family, r->filter) || family->not_in_text)
				continue;
			family_begin(r, family, out);
			r->block = family->first;
			r->sample = 0;
		}
		if (!samples_write(r, family->metric, limit, out))
			return true;
	}
	if (r->openmetrics)
		buffer_puts(out, "# EOF\n");
	return false;
}

const struct renderer renderer_text = {
	.name = "text",
	.content_type = "text/plain; version=0.0.4; charset=utf-8",
	.begin = text_begin,
	.step = prometheus_step,
	.end = prometheus_end,
};

const struct renderer renderer_openmetrics = {
	.name = "openmetrics",
	.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	.begin = openmetrics_begin,
	.step = prometheus_step,
	.end = prometheus_end,
};
