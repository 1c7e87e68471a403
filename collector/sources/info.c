/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of each workload beside numbers, from its path and from its runtime's files. What
 * changes while a workload lives (state, restarts, health) is no label here: it would end the series.
 */
#include <errno.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/workloads/identity.h"
#include "collector/source.h"

enum { INFO, IMAGE_INFO, LABEL_INFO, ENVIRONMENT_INFO, CREATION_TIME, HEALTH };

static const struct metric metrics[] = {
	[INFO] = {
		.name = "container_info",
		.help = "What kind of workload a cgroup is, from its path; its runtime, the runtime's "
			"id for it, its image's id and its pod's uid, where its runtime left them on "
			"disk.",
		.labels = { "kind", "runtime", "container_id", "image_id", "pod_uid" },
		.type = METRIC_INFO,
	},
	[IMAGE_INFO] = {
		.name = "container_image_info",
		.help = "The digest by which a registry has a container's image, whatever its tag says by "
			"now. Absent where the runtime does not keep it on disk (containerd), and for "
			"images that no registry has.",
		.labels = { "digest" },
		.type = METRIC_INFO,
	},
	[LABEL_INFO] = {
		.name = "container_label_info",
		.help = "A label (Docker) or annotation (OCI) of a container: its name in `label`, as "
			"it is, its value in `value`. Only those that --containers.labels admits. To "
			"have `value` beside another metric: "
			"METRIC * on (id) group_left (value) container_label_info{label=NAME}.",
		.labels = { "label", "value" },
		.type = METRIC_INFO,
	},
	[ENVIRONMENT_INFO] = {
		.name = "container_environment_info",
		.help = "An environment variable that a container is started with: its name in "
			"`variable`, its value in `value`. Only those that --containers.environment "
			"admits.",
		.labels = { "variable", "value" },
		.type = METRIC_INFO,
	},
	[CREATION_TIME] = {
		.name = "container_creation_time_seconds",
		.help = "Unix time at which the runtime made the container, from its files: a restart "
			"does not change it. Absent where the runtime does not tell.",
		.unit = "seconds",
		.scale = SCALE_MILLISECONDS,
	},
	[HEALTH] = {
		.name = "container_health_state",
		.help = "Docker's health check, from State.Health of the container's config.v2.json: "
			"1 healthy, 0 starting or unhealthy. Absent without a health check.",
	},
};

static int info_open(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)options;
	(void)ret_state;
	(void)ret_reason;
	return 0;
}

static const char *label_of(struct snapshot *snapshot, const char *text)
{
	return text ? arena_strdup(&snapshot->arena, text) : "";
}

static void add_pairs(struct snapshot *snapshot, struct family *family, const struct workload *w,
		      const struct fact_label *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *const labels[] = { label_of(snapshot, pairs[i].name),
					       label_of(snapshot, pairs[i].value) };

		family_add_integer(snapshot, family, w,
				   snapshot_labels(snapshot, ARRAY_SIZE(labels), labels), 1);
	}
}

static void add_workload(struct snapshot *snapshot, struct family families[],
			 const struct group *group)
{
	const struct identity *identity = group->identity;
	const struct facts *facts = &identity->facts;
	const struct workload *w = group->workload;
	const char *const info[] = { workload_kind_name(w->kind), w->runtime, w->container_id,
				     label_of(snapshot, identity->image_id),
				     label_of(snapshot, identity->pod_uid) };

	family_add_integer(snapshot, &families[INFO], w,
			   snapshot_labels(snapshot, ARRAY_SIZE(info), info), 1);
	if (*identity->image_digest) {
		const char *const digest[] = { label_of(snapshot, identity->image_digest) };

		family_add_integer(snapshot, &families[IMAGE_INFO], w,
				   snapshot_labels(snapshot, ARRAY_SIZE(digest), digest), 1);
	}
	add_pairs(snapshot, &families[LABEL_INFO], w, identity->labels, identity->n_labels);
	add_pairs(snapshot, &families[ENVIRONMENT_INFO], w, identity->environment,
		  identity->n_environment);
	if (facts->created_ms > 0)
		family_add_integer(snapshot, &families[CREATION_TIME], w, NULL,
				   (uint64_t)facts->created_ms);
	if (facts->health)
		family_add_integer(snapshot, &families[HEALTH], w, NULL,
				   streq(facts->health, "healthy"));
}

static int info_collect(void *state, struct collection *collection, struct family families[])
{
	size_t n = 0;

	(void)state;
	for_each_group(group, collection->hierarchy) {
		if (!group->workload)
			continue;
		if (n++ % COLLECTION_STRIDE == 0 && collection_expired(collection))
			return -ETIME;
		add_workload(collection->snapshot, families, group);
	}
	return 0;
}

static void info_close(void *state)
{
	(void)state;
}

const struct source source_info = {
	.name = "info",
	.help = "what is known of each workload: kind, runtime, image, chosen labels, health",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = info_open,
	.collect = info_collect,
	.close = info_close,
};
