/* SPDX-License-Identifier: Apache-2.0 */
/* How the collection itself went: tallyman_*. Runs after the sources that it tells of. */
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/collect.h"
#include "collector/fast_path.h"
#include "collector/source.h"
#include "collector/version.h"

enum {
	SOURCE_UP,
	SOURCE_DURATION,
	SOURCE_ERRORS,
	SERIES,
	SCRAPE_COMPLETE,
	WORKLOADS,
	GROUPS,
	WORKLOADS_DROPPED,
	GROUPS_DROPPED,
	LABELS_SHORTENED,
	METADATA_ERRORS,
	METADATA_PUT_OFF,
	CONTAINER_LABELS_DROPPED,
	WALK_ERRORS,
	OPEN_FDS,
	FD_MEMORY,
	FDS_EXHAUSTED,
	READER,
	RECORDS_COMPARED,
	RECORDS_WRONG,
	RECORD_BYTES,
	SNAPSHOT_BYTES,
	RELOAD_OK,
	RELOAD_TIME,
	BUILD_INFO,
};

static const struct metric metrics[] = {
	[SOURCE_UP] = {
		.name = "tallyman_source_up",
		.help = "Whether a source that is switched on could be read; its reason is in the log "
			"and in /api/v1/sources.",
		.labels = { "source" },
		.scope = SCOPE_HOST,
	},
	[SOURCE_DURATION] = {
		.name = "tallyman_source_duration_seconds",
		.help = "Time that reading a source took in this scrape.",
		.unit = "seconds",
		.labels = { "source" },
		.scope = SCOPE_HOST,
		.scale = SCALE_NANOSECONDS,
	},
	[SOURCE_ERRORS] = {
		.name = "tallyman_source_errors_total",
		.help = "Scrapes in which a source failed or ran into the deadline.",
		.labels = { "source" },
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[SERIES] = {
		.name = "tallyman_series",
		.help = "Samples that a source gave in this scrape.",
		.labels = { "source" },
		.scope = SCOPE_HOST,
	},
	[SCRAPE_COMPLETE] = {
		.name = "tallyman_scrape_complete",
		.help = "0 when the deadline of the scrape left families out, else 1.",
		.scope = SCOPE_HOST,
	},
	[WORKLOADS] = {
		.name = "tallyman_workloads",
		.help = "Cgroups that are exported as workloads.",
		.labels = { "kind" },
		.scope = SCOPE_HOST,
	},
	[GROUPS] = {
		.name = "tallyman_cgroups",
		.help = "Cgroups that the last walk of the hierarchy found.",
		.scope = SCOPE_HOST,
	},
	[WORKLOADS_DROPPED] = {
		.name = "tallyman_workloads_dropped_total",
		.help = "Workloads that were left out of a scrape because of --cgroups.max.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[GROUPS_DROPPED] = {
		.name = "tallyman_cgroups_dropped",
		.help = "Cgroups that the last walk left out: too many, or their path too long.",
		.scope = SCOPE_HOST,
	},
	[LABELS_SHORTENED] = {
		.name = "tallyman_labels_shortened_total",
		.help = "Label values that were cut at --labels.max-length and end in a hash.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[METADATA_ERRORS] = {
		.name = "tallyman_metadata_errors_total",
		.help = "Files of container runtimes that could not be read or understood; the "
			"workload is then called by its path alone.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[METADATA_PUT_OFF] = {
		.name = "tallyman_metadata_lookups_put_off_total",
		.help = "Look-ups of containers' names and images for which a pass had no time left (100 "
			"ms, 500 of them in any case): made in the next one, soon after.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[CONTAINER_LABELS_DROPPED] = {
		.name = "tallyman_container_labels_dropped_total",
		.help = "Labels of containers that --containers.labels admits, or may admit, and that "
			"were too many.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[WALK_ERRORS] = {
		.name = "tallyman_walk_errors_total",
		.help = "Cgroup directories that could not be opened or listed.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[OPEN_FDS] = {
		.name = "tallyman_cgroup_open_fds",
		.help = "Descriptors that are kept open on the cgroup hierarchy.",
		.labels = { "type" },
		.scope = SCOPE_HOST,
	},
	[FD_MEMORY] = {
		.name = "tallyman_cgroup_fd_kernel_memory_bytes",
		.help = "Estimate of the kernel memory behind the kept descriptors.",
		.unit = "bytes",
		.scope = SCOPE_HOST,
	},
	[FDS_EXHAUSTED] = {
		.name = "tallyman_fds_exhausted_total",
		.help = "Times that RLIMIT_NOFILE was reached and kept descriptors were given back.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[READER] = {
		.name = "tallyman_cgroup_reader",
		.help = "1 for how the numbers of cgroups are read: records, in one pass of a program "
			"in the kernel, or files; why is in the log. What no record has is read from "
			"files in any case.",
		.labels = { "reader" },
		.scope = SCOPE_HOST,
	},
	[RECORDS_COMPARED] = {
		.name = "tallyman_cgroup_records_compared_total",
		.help = "Numbers of records that were compared with those of the files, every minute.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[RECORDS_WRONG] = {
		.name = "tallyman_cgroup_records_wrong_total",
		.help = "Numbers of records that were not those of the files. High values: 1 and more "
			"is a fault; files are read from then on.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[RECORD_BYTES] = {
		.name = "tallyman_cgroup_records_kernel_memory_bytes",
		.help = "Kernel memory of the records.",
		.unit = "bytes",
		.scope = SCOPE_HOST,
	},
	[SNAPSHOT_BYTES] = {
		.name = "tallyman_snapshot_bytes",
		.help = "Memory of the reading that this scrape is made of.",
		.unit = "bytes",
		.scope = SCOPE_HOST,
	},
	[BUILD_INFO] = {
		.name = "tallyman_build_info",
		.help = "Version, revision and compiler of this build.",
		.labels = { "version", "revision", "compiler", "platform" },
		.type = METRIC_INFO,
		.scope = SCOPE_HOST,
	},
	[RELOAD_OK] = {
		.name = "tallyman_config_last_reload_successful",
		.help = "Whether the last reading of the configuration succeeded.",
		.scope = SCOPE_HOST,
	},
	[RELOAD_TIME] = {
		.name = "tallyman_config_last_reload_success_timestamp_seconds",
		.help = "Unix time of the last successful reading of the configuration.",
		.unit = "seconds",
		.scope = SCOPE_HOST,
		.value = VALUE_REAL,
	},
};

static void add(struct snapshot *snapshot, struct family *family, const char *label, uint64_t value)
{
	family_add_integer(snapshot, family, NULL,
			   label ? snapshot_labels(snapshot, 1, &label) : NULL, value);
}

static void add_statuses(struct snapshot *snapshot, struct family families[])
{
	for (size_t i = 0; i < snapshot->n_sources; i++) {
		const struct source_status *status = &snapshot->sources[i];

		if (!status->enabled)
			continue;
		bool asked = snapshot->sources_read >> i & 1;
		if (asked) /* this source has not been timed yet, and is up if it gets here */
			add(snapshot, &families[SOURCE_UP], status->name, status->up);
		add(snapshot, &families[SOURCE_ERRORS], status->name, status->errors);
		if (!status->collected)
			continue;
		add(snapshot, &families[SOURCE_DURATION], status->name, status->duration_ns);
		add(snapshot, &families[SERIES], status->name, status->series);
	}
}

static void add_workloads(struct snapshot *snapshot, struct family families[])
{
	uint64_t by_kind[N_WORKLOAD_KINDS] = { 0 };

	for (uint32_t i = 0; i < snapshot->n_workloads; i++)
		if (!snapshot->workloads[i].inside)
			by_kind[snapshot->workloads[i].kind]++;
	for (int kind = 0; kind < N_WORKLOAD_KINDS; kind++)
		add(snapshot, &families[WORKLOADS], workload_kind_name(kind), by_kind[kind]);
}

static void add_build_info(struct snapshot *snapshot, struct family *family)
{
	const char *const labels[] = { tallyman_version.version, tallyman_version.revision,
				       tallyman_version.compiler, tallyman_version.platform };

	family_add_integer(snapshot, family, NULL,
			   snapshot_labels(snapshot, ARRAY_SIZE(labels), labels), 1);
}

static void add_reader(const struct fast_path *fast_path, struct snapshot *snapshot,
		       struct family families[])
{
	bool files = fast_path_reason(fast_path) != NULL;

	add(snapshot, &families[READER], "files", files);
	add(snapshot, &families[READER], "records", !files);
	add(snapshot, &families[RECORDS_COMPARED], NULL, fast_path_compared(fast_path));
	add(snapshot, &families[RECORDS_WRONG], NULL, fast_path_mismatches(fast_path));
	add(snapshot, &families[RECORD_BYTES], NULL, fast_path_memory(fast_path));
}

static int self_open(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)options;
	(void)ret_state;
	(void)ret_reason;
	return 0;
}

static int self_collect(void *state, struct collection *collection, struct family families[])
{
	const struct self_counters *counters = collection->counters;
	const struct hierarchy *h = collection->hierarchy;
	struct snapshot *s = collection->snapshot;

	(void)state;
	add_build_info(s, &families[BUILD_INFO]);
	add_statuses(s, families);
	add_workloads(s, families);
	add(s, &families[SCRAPE_COMPLETE], NULL, s->complete);
	add(s, &families[GROUPS], NULL, h->n_groups);
	add(s, &families[WORKLOADS_DROPPED], NULL, counters->workloads_dropped);
	add(s, &families[GROUPS_DROPPED], NULL, h->groups_dropped);
	add(s, &families[LABELS_SHORTENED], NULL, counters->labels_shortened);
	add(s, &families[METADATA_ERRORS], NULL, counters->metadata_errors);
	add(s, &families[METADATA_PUT_OFF], NULL, counters->metadata_put_off);
	add(s, &families[CONTAINER_LABELS_DROPPED], NULL, counters->container_labels_dropped);
	add(s, &families[WALK_ERRORS], NULL, h->walk_errors);
	add(s, &families[OPEN_FDS], "directory", h->open_dirs);
	add(s, &families[OPEN_FDS], "file", h->open_fds);
	add(s, &families[FD_MEMORY], NULL, hierarchy_fd_memory(h));
	add(s, &families[FDS_EXHAUSTED], NULL, h->fd_exhausted);
	add_reader(collection->fast_path, s, families);
	add(s, &families[SNAPSHOT_BYTES], NULL, s->arena.bytes);
	add(s, &families[RELOAD_OK], NULL, counters->config_last_reload_ok);
	if (counters->config_last_success_time_s > 0)
		family_add_real(s, &families[RELOAD_TIME], NULL, NULL,
				counters->config_last_success_time_s);
	return 0;
}

static void self_close(void *state)
{
	(void)state;
}

const struct source source_self = {
	.name = "self",
	.help = "how the collection itself went",
	.always = true,
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = self_open,
	.collect = self_collect,
	.close = self_close,
};
