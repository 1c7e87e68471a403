/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sources/requests_samples.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "collector/memory.h"
#include "collector/probes/slots.h"
#include "collector/snapshot.h"
#include "collector/sources/requests_kept.h"
#include "collector/sources/requests_names.h"
#include "collector/sources/requests_routes.h"
#include "collector/sources/requests_sample.h"

const char *const sample_drops[SAMPLE_DROPS] = {
	[WIRE_DROP_LIMIT] = "limit",
	[WIRE_DROP_FULL] = "full",
	[SAMPLE_DROP_REPLACED] = "replaced",
	[SAMPLE_DROP_GONE] = "gone",
};

struct request_samples {
	struct ring_buffer *buffer;
	struct kept_samples kept;
	uint64_t gone;
	const bool *has; /* by index of workloads of the snapshot being built: any is shown */
};

static int on_record(void *context, void *data, size_t size)
{
	struct request_samples *samples = context;

	if (size >= sizeof(struct wire_sample))
		kept_samples_add(&samples->kept, data);
	return 0;
}

int samples_new(int map_fd, struct request_samples **ret)
{
	struct request_samples *samples = xcalloc(1, sizeof(*samples));

	samples->buffer = ring_buffer__new(map_fd, on_record, samples, NULL);
	if (!samples->buffer) {
		int err = -errno;

		free(samples);
		return err;
	}
	*ret = samples;
	return 0;
}

void samples_free(struct request_samples *samples)
{
	if (!samples)
		return;
	kept_samples_free(&samples->kept);
	ring_buffer__free(samples->buffer);
	free(samples);
}

void samples_fetch(struct request_samples *samples)
{
	(void)ring_buffer__consume(samples->buffer);
}

/* Of a slot that was given since the last update it is known after the next one. */
static uint64_t heir_of(const struct slots *slots, uint32_t slot, uint64_t cgroup)
{
	return cgroup && slots_stands_for(slots, slot, cgroup) ? slots_heir_id(slots, slot) : 0;
}

/* False: it belongs to nobody any more. */
static bool find_heir(struct request_samples *samples, struct kept_sample *kept,
		      const struct slots *slots)
{
	const struct wire_sample *sample = &kept->sample;

	if (!kept->peer)
		kept->peer = heir_of(slots, sample->peer_slot, sample->peer_cgroup);
	if (kept->heir)
		return slots_heir_is_alive(slots, kept->heir);
	if (slots_stands_for(slots, sample->slot, sample->cgroup) &&
	    !slots_is_known(slots, sample->slot))
		return true;
	kept->heir = heir_of(slots, sample->slot, sample->cgroup);
	samples->gone += !kept->heir;
	return kept->heir != 0;
}

static void forget_gone(struct request_samples *samples, const struct slots *slots)
{
	struct kept_samples *kept = &samples->kept;

	for (size_t i = kept->n; i-- > 0;)
		if (!find_heir(samples, &kept->samples[i], slots))
			kept_samples_remove(kept, i);
}

/* Those of workloads that are not shown are there all the same, without one. */
void samples_show(struct request_samples *samples, const struct slots *slots,
		  const struct request_routes *routes, struct snapshot *snapshot)
{
	struct request_sample *shown;
	bool *has;

	samples_fetch(samples);
	forget_gone(samples, slots);
	shown = arena_alloc(&snapshot->arena, (samples->kept.n + 1) * sizeof(*shown));
	has = arena_alloc(&snapshot->arena, (size_t)snapshot->n_workloads + 1);
	snapshot->n_requests = 0;
	for (size_t i = 0; i < samples->kept.n; i++) {
		struct kept_sample *kept = &samples->kept.samples[i];
		const struct workload *workload = kept->heir ? slots_heir(slots, kept->heir) : NULL;
		const struct workload *peer = kept->peer ? slots_heir(slots, kept->peer) : NULL;

		kept->shown = NULL;
		if (!workload)
			continue;
		struct request_sample *sample = &shown[snapshot->n_requests++];
		sample_describe(kept, workload, peer, &snapshot->arena, sample);
		sample->route = request_route_name(routes, &snapshot->arena,
						   request_key(kept->sample.key).route);
		kept->shown = sample;
		has[workload->index] = true;
	}
	samples->has = has;
	snapshot->requests = shown;
}

static int compare_values(const void *a, const void *b)
{
	double x = ((const struct exemplar *)a)->value, y = ((const struct exemplar *)b)->value;

	return x < y ? -1 : x > y;
}

static bool is_of(const struct kept_sample *kept, const struct workload *workload, uint32_t key)
{
	return kept->shown && kept->shown->workload == workload && kept->sample.key == key &&
	       kept->sample.why != WIRE_SAMPLE_UNANSWERED;
}

const struct exemplar *samples_exemplars(const struct request_samples *samples,
					 const struct workload *workload, uint32_t key,
					 struct snapshot *snapshot, unsigned *ret_n)
{
	struct exemplar *exemplars;
	unsigned n = 0;

	*ret_n = 0;
	if (!samples->has[workload->index]) /* as most: it is asked for each histogram */
		return NULL;
	for (size_t i = 0; i < samples->kept.n; i++)
		n += is_of(&samples->kept.samples[i], workload, key);
	if (!n)
		return NULL;
	exemplars = arena_alloc(&snapshot->arena, n * sizeof(*exemplars));
	for (size_t i = 0; i < samples->kept.n; i++) {
		const struct request_sample *shown = samples->kept.samples[i].shown;

		if (is_of(&samples->kept.samples[i], workload, key))
			exemplars[(*ret_n)++] = (struct exemplar){
				.value = shown->seconds,
				.timestamp_ms = shown->time_ms,
				.labels = sample_labels(shown, snapshot),
			};
	}
	qsort(exemplars, n, sizeof(*exemplars), compare_values);
	return exemplars;
}

uint64_t samples_dropped(const struct request_samples *samples, unsigned reason)
{
	switch (reason) {
	case SAMPLE_DROP_REPLACED:
		return samples->kept.replaced;
	case SAMPLE_DROP_GONE:
		return samples->gone;
	default:
		return 0;
	}
}
