/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an output format implements: a snapshot written piece by piece, so that a reply of 50 MB
 * needs 64 KiB of memory. Exporters include nothing but the model (metric, snapshot, histogram,
 * arena, buffer).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "collector/buffer.h"
#include "collector/snapshot.h"

/* Which families are printed: those of `name[]`, or all that are not left out. */
struct name_filter {
	const char *const *names;
	size_t n; /* 0 = all */
};

struct renderer {
	const char *name;	  /* "text", "openmetrics", "protobuf" */
	const char *content_type; /* exact value of the header */
	/*
	 * Starts a rendering; the caller keeps its reference on the snapshot, and the filter, until
	 * end(). Never NULL.
	 */
	void *(*begin)(const struct snapshot *snapshot, const struct name_filter *filter);
	/* Appends the next piece, about 64 KiB, to `out`; false when that was the last one. */
	bool (*step)(void *rendering, struct buffer *out);
	void (*end)(void *rendering);
};

extern const struct renderer renderer_text;	   /* text 0.0.4 */
extern const struct renderer renderer_openmetrics; /* OpenMetrics 1.0.0 */
extern const struct renderer renderer_protobuf;	   /* delimited io.prometheus.client.MetricFamily */
extern const struct renderer *const renderers[];
extern const size_t n_renderers;

/*
 * The renderer for an Accept header (NULL: none was sent): media ranges with parameters and
 * q-values, nothing acceptable means text 0.0.4 and never 406. Names here are all legal ASCII, so an
 * `escaping` parameter changes nothing; *ret_escaping is what to append to the content type, or "".
 */
const struct renderer *renderer_negotiate(const char *accept, const char **ret_escaping);

/* Appends a whole rendering: tests, golden files. */
void renderer_render(const struct renderer *renderer, const struct snapshot *snapshot,
		     const struct name_filter *filter, struct buffer *out);
