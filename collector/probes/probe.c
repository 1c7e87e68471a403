/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/probe.h"

#include <stdlib.h>

#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/probes/attachment.h"
#include "collector/probes/histograms.h"
#include "collector/probes/ring.h"
#include "collector/probes/slots.h"
#include "collector/probes/tallies.h"

static int start(const struct probe *probe, void *state, struct bpf_object *object)
{
	struct probe_parts *parts = state;
	int err = parts->histograms ? histograms_start(parts->histograms, object) : 0;

	if (parts->histograms && parts->attachment->cpus)
		histograms_tell_cpus(parts->histograms, parts->attachment->cpus,
				     parts->attachment->n_cpus);
	if (err == 0 && parts->tallies)
		err = tallies_start(parts->tallies, object);
	return err == 0 && probe->start ? probe->start(state) : err;
}

static int open_once(const struct probe *probe, const struct probe_setup *setup, void **ret_state,
		     const char **ret_reason, char **ret_failure)
{
	struct probe_parts *parts = xcalloc(1, probe->state_size);
	struct bpf_object *object = NULL;
	int err = probe->prepare(setup, parts, &object);

	if (err == 0)
		err = attachment_load(setup, object, &parts->attachment, ret_reason, ret_failure);
	if (err == 0)
		err = start(probe, parts, object);
	if (err == 0)
		err = attachment_attach(parts->attachment, ret_reason, ret_failure);
	if (err < 0) {
		probe_close(probe, parts);
		return err;
	}
	*ret_state = parts;
	return 0;
}

int probe_open(const struct probe *probe, const struct probe_setup *setup, void **ret_state,
	       const char **ret_reason, char **ret_failure)
{
	struct probe_setup trying = *setup;

	for (trying.attempt = 0;; trying.attempt++) {
		char *failure = NULL;

		*ret_reason = NULL;
		int err = open_once(probe, &trying, ret_state, ret_reason, &failure);
		if (err == 0 || trying.attempt + 1 >= probe->attempts) {
			*ret_failure = failure;
			return err;
		}
		free(failure);
	}
}

void probe_close(const struct probe *probe, void *state)
{
	struct probe_parts *parts = state;

	attachment_close(parts->attachment);
	histograms_free(parts->histograms);
	tallies_free(parts->tallies);
	probe->close(state);
	free(state);
}

void probe_retire(const struct probe *probe, void *state)
{
	struct probe_parts *parts = state;

	if (parts->histograms)
		histograms_retire(parts->histograms);
	if (parts->tallies)
		tallies_retire(parts->tallies);
	if (probe->retire)
		probe->retire(state);
}

uint64_t probe_memory(const struct probe_setup *setup)
{
	const uint64_t all = setup->options->probe_max_memory_mib * 1024 * 1024;
	const uint64_t shared = slots_memory(setup->slots) + ring_memory(setup->ring);

	return all > shared ? all - shared : 0;
}

const struct attachment *probe_attachment(const void *state)
{
	const struct probe_parts *parts = state;

	return parts->attachment;
}

unsigned probe_losses(const struct probe *probe, const void *state,
		      struct probe_loss losses[PROBE_LOSSES_MAX])
{
	const struct probe_parts *parts = state;
	unsigned n = probe->losses ? probe->losses(state, losses) : 0;

	if (parts->histograms)
		losses[n++] = (struct probe_loss){ .reason = "full",
						   .n = histograms_lost(parts->histograms) };
	losses[n++] = (struct probe_loss){ .reason = "missed",
					   .n = attachment_missed(parts->attachment) };
	return n;
}
