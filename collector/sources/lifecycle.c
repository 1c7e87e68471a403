/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters that outlive the cgroups they count: these have no `id`, so a restarted container continues
 * its series, and increase() over an OOM kill and a restart is exactly 1.
 */
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/workloads/lifecycle.h"
#include "collector/source.h"

enum { OOM_KILLS, RESTARTS, EXIT_CODE, UNATTRIBUTED, FORGOTTEN };

#define KEY_LABELS                                                                                 \
	{                                                                                          \
		"kind", "name", "namespace", "pod", "container"                                    \
	}

static const struct metric metrics[] = {
	[OOM_KILLS] = {
		.name = "container_oom_kills_total",
		.help = "Processes killed by the OOM killer since the workload was first seen, over "
			"all its restarts: in the workload itself, so a sum over all counts none "
			"twice. From memory.events; kills in a cgroup that was gone before it was "
			"read come from its parent's, those that nobody can be told to stand on the "
			"parent's row.",
		.labels = KEY_LABELS,
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[RESTARTS] = {
		.name = "container_restarts_total",
		.help = "Times that a container, machine, VM or service was started anew under the "
			"same name since it was first seen: by a new cgroup, and by its runtime's "
			"count where there is one.",
		.labels = KEY_LABELS,
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[EXIT_CODE] = {
		.name = "container_last_exit_code",
		.help = "Exit code of the last run that has ended, from its runtime's files, else that "
			"of its first process as the kernel told it: 128 and the signal for a kill. "
			"Absent until a run has ended, and where neither tells.",
		.labels = KEY_LABELS,
		.scope = SCOPE_HOST,
	},
	[UNATTRIBUTED] = {
		.name = "tallyman_oom_kills_unattributed_total",
		.help = "OOM kills whose cgroup was gone before it could be told which one it was; "
			"they are on the row of the cgroup above.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[FORGOTTEN] = {
		.name = "tallyman_remembered_dropped_total",
		.help = "Workloads that were gone and were forgotten before --containers.remember "
			"had passed, because there were too many.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
};

struct output {
	struct snapshot *snapshot;
	struct family *families;
};

static int lifecycle_open(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)options;
	(void)ret_state;
	(void)ret_reason;
	return 0;
}

static void show(void *context, const struct survivor *survivor)
{
	struct output *output = context;
	struct snapshot *snapshot = output->snapshot;
	struct arena *arena = &snapshot->arena;
	const struct survivor_key *key = &survivor->key;
	const char *const values[] = {
		workload_kind_name(key->kind),	     arena_strdup(arena, key->name),
		arena_strdup(arena, key->namespace), arena_strdup(arena, key->pod),
		arena_strdup(arena, key->container),
	};
	const char *const *labels = snapshot_labels(snapshot, ARRAY_SIZE(values), values);

	if (survivor->counts_kills)
		family_add_integer(snapshot, &output->families[OOM_KILLS], NULL, labels,
				   survivor->oom_kills);
	if (survivor->counts_restarts)
		family_add_integer(snapshot, &output->families[RESTARTS], NULL, labels,
				   survivor->restarts);
	if (survivor->has_exit_code && survivor->exit_code >= 0)
		family_add_integer(snapshot, &output->families[EXIT_CODE], NULL, labels,
				   (uint64_t)survivor->exit_code);
}

static int lifecycle_collect(void *state, struct collection *collection, struct family families[])
{
	struct survivors *survivors = lifecycle_survivors(collection->lifecycle);
	struct output output = { collection->snapshot, families };

	(void)state;
	lifecycle_pass(collection->lifecycle, collection->options, collection->context,
		       collection->hierarchy, collection->snapshot);
	survivors_show(survivors, show, &output);
	family_add_integer(collection->snapshot, &families[UNATTRIBUTED], NULL, NULL,
			   survivors_unattributed(survivors));
	family_add_integer(collection->snapshot, &families[FORGOTTEN], NULL, NULL,
			   survivors_forgotten(survivors));
	return 0;
}

static void lifecycle_close(void *state)
{
	(void)state;
}

const struct source source_lifecycle = {
	.name = "lifecycle",
	.help = "OOM kills, restarts and exit codes, over all restarts of a workload",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = lifecycle_open,
	.collect = lifecycle_collect,
	.close = lifecycle_close,
};
