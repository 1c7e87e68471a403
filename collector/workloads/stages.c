/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/stages.h"

#include <math.h>
#include <stdlib.h>
#include <uthash.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"

/* Native buckets of schema 3 from 1 ms to over an hour: indices of the lowest and highest bound. */
enum { SCHEMA = 3, LOWEST = -10 * 8, HIGHEST = 12 * 8, CELLS = HIGHEST - LOWEST + 2 };

struct distribution {
	uint64_t sum_ns, count;
	uint64_t cells[CELLS]; /* up to the lowest bound, the buckets, above the highest */
};

struct image {
	char *key; /* kind as one character, then the image */
	struct distribution of[N_STAGES];
	UT_hash_handle hh;
};

struct stages {
	struct image *images;
};

struct stages *stages_new(void)
{
	return xcalloc(1, sizeof(struct stages));
}

void stages_free(struct stages *stages)
{
	struct image *image, *next;

	if (!stages)
		return;
	HASH_ITER(hh, stages->images, image, next) {
		HASH_DEL(stages->images, image);
		free(image->key);
		free(image);
	}
	free(stages);
}

static struct image *find(const struct stages *stages, const char *key)
{
	struct image *image;

	HASH_FIND_STR(stages->images, key, image);
	return image;
}

static struct image *get(struct stages *stages, enum workload_kind kind, const char *name)
{
	cleanup_free char *key = xasprintf("%c%s", 'a' + (int)kind, name);
	struct image *image = find(stages, key);

	if (image)
		return image;
	if (HASH_COUNT(stages->images) >= STAGE_IMAGES_MAX && !streq(name, "other"))
		return get(stages, kind, "other"); /* one for each kind, so this ends */
	image = xcalloc(1, sizeof(*image));
	image->key = xstrdup(key);
	HASH_ADD_KEYPTR(hh, stages->images, image->key, strlen(image->key), image);
	return image;
}

/* Bounds are inclusive. */
static unsigned cell_of(uint64_t ns)
{
	double seconds = (double)ns / 1e9;
	int index = ns ? (int)ceil(log2(seconds) * (1 << SCHEMA)) : LOWEST;

	if (index < LOWEST)
		index = LOWEST;
	if (index > HIGHEST)
		return CELLS - 1;
	while (index > LOWEST && seconds <= histogram_bound(SCHEMA, index - 1))
		index--;
	while (index <= HIGHEST && seconds > histogram_bound(SCHEMA, index))
		index++;
	return (unsigned)(index - LOWEST);
}

void stages_add(struct stages *stages, enum workload_kind kind, const char *image, enum stage stage,
		uint64_t ns)
{
	struct distribution *d = &get(stages, kind, image)->of[stage];

	d->sum_ns += ns;
	d->count++;
	d->cells[cell_of(ns)]++;
}

/* Every one and a half octaves, from 4 ms to 6 minutes. */
static const int *classic_bounds(struct snapshot *snapshot, unsigned *ret_n)
{
	enum { FIRST = -8 * 8, STEP = 12, N = 12 };
	int *bounds = arena_alloc(&snapshot->arena, N * sizeof(*bounds));

	for (int i = 0; i < N; i++)
		bounds[i] = FIRST + i * STEP;
	*ret_n = N;
	return bounds;
}

static const struct histogram *make(struct snapshot *snapshot, const struct distribution *d)
{
	struct histogram *histogram = arena_alloc(&snapshot->arena, sizeof(*histogram));
	unsigned first = 1, last = CELLS - 2;

	while (first <= last && !d->cells[first])
		first++;
	while (last > first && !d->cells[last])
		last--;
	unsigned n = first <= last ? last - first + 1 : 0;
	uint64_t *counts = arena_alloc(&snapshot->arena, (n + 1) * sizeof(*counts));
	memcpy(counts, &d->cells[first], n * sizeof(*counts));
	*histogram = (struct histogram){
		.schema = SCHEMA,
		.zero_threshold = histogram_bound(SCHEMA, LOWEST),
		.zero_count = d->cells[0],
		.first = LOWEST + (int)first,
		.n = n,
		.counts = counts,
		.overflow = d->cells[CELLS - 1],
		.sum = (double)d->sum_ns / 1e9,
	};
	histogram->bounds = classic_bounds(snapshot, &histogram->n_bounds);
	return histogram;
}

void stages_read(const struct stages *stages, struct snapshot *snapshot, stage_visit *visit,
		 void *context)
{
	for (const struct image *image = stages->images; image; image = image->hh.next)
		for (unsigned stage = 0; stage < N_STAGES; stage++)
			if (image->of[stage].count)
				visit(context, (enum workload_kind)(image->key[0] - 'a'),
				      arena_strdup(&snapshot->arena, image->key + 1),
				      (enum stage)stage, make(snapshot, &image->of[stage]));
}
