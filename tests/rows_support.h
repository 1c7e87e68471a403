/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One collection over a tree, as the daemon makes it, and looking up its samples: for the tests of
 * sources. Values are in the kernel's raw units, so they can be compared with the files.
 */
#pragma once

#include <inttypes.h>

#include "collector/collect.h"
#include "collector/source.h"
#include "tests/support.h"

struct scene {
	char *tree; /* a scratch tree, removed at the end; NULL for fixtures */
	struct options options;
	struct self_counters counters;
	struct collector *collector;
	const struct snapshot *snapshot;
	enum detail detail; /* of the next collection */
};

SUPPORT void scene_close(struct scene *scene)
{
	snapshot_unref(scene->snapshot);
	collector_free(scene->collector);
	scene->snapshot = NULL;
	scene->collector = NULL;
}

/* Collects all sources once more; options are read again when the collector was closed. */
SUPPORT void scene_collect(struct scene *scene)
{
	const struct collect_request request = {
		.sources = ~UINT64_C(0),
		.detail = scene->detail,
	};

	if (!scene->collector)
		assert_int_equal(
			collector_new(&scene->options, &scene->counters, &scene->collector), 0);
	snapshot_unref(scene->snapshot);
	scene->snapshot = collector_acquire(scene->collector, &request);
}

SUPPORT void scene_end(struct scene *scene)
{
	scene_close(scene);
	options_for_tree_free(&scene->options);
	if (scene->tree)
		tree_remove(scene->tree);
}

/* "cpu=total,mode=x" in the row's order; "" without labels. Freed by the caller. */
SUPPORT char *sample_labels(const struct metric *metric, const struct sample *sample)
{
	char *text = xstrdup("");

	for (size_t i = 0; i < metric_n_labels(metric); i++) {
		char *more = xasprintf("%s%s%s=%s", text, i ? "," : "", metric->labels[i],
				       sample->labels[i]);

		free(text);
		text = more;
	}
	return text;
}

/* The sample of a workload with these labels, or NULL; two of them fail the test. */
SUPPORT const struct sample *scene_sample(const struct scene *scene, const char *name,
					  const char *path, const char *labels)
{
	const struct family *family = snapshot_family(scene->snapshot, name);
	const struct sample *found = NULL;

	assert_non_null(family);
	if (family->left_out)
		return NULL;
	for_each_sample(sample, family) {
		cleanup_free char *text = sample_labels(family->metric, sample);

		if (!streq(sample->workload->path, path) || !streq(text, labels))
			continue;
		assert_null(found);
		found = sample;
	}
	return found;
}

SUPPORT void expect_sample(const struct scene *scene, const char *name, const char *path,
			   const char *labels, uint64_t value)
{
	const struct sample *sample = scene_sample(scene, name, path, labels);

	if (!sample)
		fail_msg("%s of %s {%s} is absent", name, path, labels);
	else if (sample->integer != value)
		fail_msg("%s of %s {%s} is %" PRIu64 ", not %" PRIu64, name, path, labels,
			 sample->integer, value);
}

SUPPORT void expect_absent(const struct scene *scene, const char *name, const char *path,
			   const char *labels)
{
	const struct sample *sample = scene_sample(scene, name, path, labels);

	if (sample)
		fail_msg("%s of %s {%s} is %" PRIu64 ", not absent", name, path, labels,
			 sample->integer);
}
