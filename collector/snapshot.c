/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/snapshot.h"

#include <assert.h>
#include <string.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

enum { FIRST_BLOCK = 16, LARGEST_BLOCK = 1024 };

struct snapshot *snapshot_new(void)
{
	struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));

	snapshot->references = 1;
	snapshot->complete = true;
	return snapshot;
}

/* The count is not part of what a reader sees: casting const away here keeps it out of every signature. */
const struct snapshot *snapshot_ref(const struct snapshot *snapshot)
{
	((struct snapshot *)snapshot)->references++;
	return snapshot;
}

void snapshot_recycle(const struct snapshot *snapshot, struct arena *spare)
{
	struct snapshot *own = (struct snapshot *)snapshot;

	if (!own || --own->references)
		return;
	arena_reuse(spare, &own->arena);
	free(own);
}

void snapshot_unref(const struct snapshot *snapshot)
{
	struct arena spare = { 0 };

	snapshot_recycle(snapshot, &spare);
	arena_free(&spare);
}

static struct sample *family_add(struct snapshot *snapshot, struct family *family,
				 const struct workload *workload, const char *const *labels)
{
	struct sample_block *block = family->last;

	assert(!workload == (family->metric->scope == SCOPE_HOST));
	assert(!labels == !family->metric->labels[0]);
	if (!block || block->n == block->size) {
		unsigned size = block ? block->size * 2 : FIRST_BLOCK;

		size = size > LARGEST_BLOCK ? LARGEST_BLOCK : size;
		block = arena_alloc(&snapshot->arena,
				    sizeof(*block) + size * sizeof(struct sample));
		block->size = size;
		if (family->last)
			family->last->next = block;
		else
			family->first = block;
		family->last = block;
	}
	struct sample *sample = &block->samples[block->n++];
	sample->workload = workload;
	sample->labels = labels;
	family->n_samples++;
	return sample;
}

void family_add_integer(struct snapshot *snapshot, struct family *family,
			const struct workload *workload, const char *const *labels, uint64_t value)
{
	assert(family->metric->value == VALUE_INTEGER);
	family_add(snapshot, family, workload, labels)->integer = value;
}

void family_add_real(struct snapshot *snapshot, struct family *family,
		     const struct workload *workload, const char *const *labels, double value)
{
	assert(family->metric->value == VALUE_REAL);
	family_add(snapshot, family, workload, labels)->real = value;
}

void family_add_histogram(struct snapshot *snapshot, struct family *family,
			  const struct workload *workload, const char *const *labels,
			  const struct histogram *histogram)
{
	assert(family->metric->value == VALUE_HISTOGRAM);
	family_add(snapshot, family, workload, labels)->histogram = histogram;
}

const char *const *snapshot_labels(struct snapshot *snapshot, size_t n, const char *const *values)
{
	const char **labels = arena_alloc(&snapshot->arena, n * sizeof(*labels));

	memcpy(labels, values, n * sizeof(*labels));
	return labels;
}

const struct workload *snapshot_host(const struct snapshot *snapshot)
{
	if (!snapshot->n_workloads || snapshot->workloads[0].kind != KIND_HOST)
		return NULL;
	return &snapshot->workloads[0];
}

const struct family *snapshot_family(const struct snapshot *snapshot, const char *name)
{
	for (size_t i = 0; i < snapshot->n_families; i++)
		if (streq(snapshot->families[i].metric->name, name))
			return &snapshot->families[i];
	return NULL;
}

double sample_value(const struct metric *metric, const struct sample *sample)
{
	assert(metric->value != VALUE_HISTOGRAM);
	if (metric->value == VALUE_REAL)
		return sample->real;
	return (double)sample->integer / (double)metric_scale(metric);
}

const char *workload_kind_name(enum workload_kind kind)
{
	static const char *const names[N_WORKLOAD_KINDS] = {
		[KIND_HOST] = "host",	    [KIND_SLICE] = "slice", [KIND_SERVICE] = "service",
		[KIND_SCOPE] = "scope",	    [KIND_POD] = "pod",	    [KIND_CONTAINER] = "container",
		[KIND_MACHINE] = "machine", [KIND_VM] = "vm",	    [KIND_OTHER] = "other",
	};

	return names[kind];
}

const char *workload_title(const struct workload *workload)
{
	const char *last = strrchr(workload->path, '/');

	if (*workload->container)
		return workload->container;
	if (*workload->pod)
		return workload->pod;
	if (*workload->name)
		return workload->name;
	return last && last[1] ? last + 1 : workload->path;
}
