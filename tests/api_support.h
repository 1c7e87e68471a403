/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host by hand, for the tests of the API: a root, a slice with limits, two containers in it and a
 * group inside one of them; and a service that hands it out.
 */
#pragma once

#include "tests/support.h"

#include <jansson.h>

#include "exporters/api/history.h"
#include "exporters/api/values.h"
#include "exporters/http.h"

enum { ROOT, SLICE, WEB, EVIL, INSIDE, N_WORKLOADS };
enum {
	CPU,
	MEMORY,
	MEMORY_LIMIT,
	MEMORY_EFFECTIVE,
	QUOTA,
	PERIOD,
	TASKS,
	READ,
	PRESSURE,
	LEFT_OUT,
	CORES,
	N_FAMILIES
};

#define EVIL_NAME "<script>\"'\\\n\xc3\xa4&amp;"
#define WEB_ID	  "5d1e9c0a7b42"
#define EVIL_ID	  "5d1effffffff"

static const struct metric api_metrics[N_FAMILIES] = {
	[CPU] = { .name = "container_cpu_usage_seconds_total",
		  .unit = "seconds",
		  .labels = { "cpu" },
		  .type = METRIC_COUNTER,
		  .scale = SCALE_MICROSECONDS },
	[MEMORY] = { .name = "container_memory_usage_bytes", .unit = "bytes" },
	[MEMORY_LIMIT] = { .name = "container_spec_memory_limit_bytes", .unit = "bytes" },
	[MEMORY_EFFECTIVE] = { .name = "container_memory_effective_limit_bytes", .unit = "bytes" },
	[QUOTA] = { .name = "container_spec_cpu_quota" },
	[PERIOD] = { .name = "container_spec_cpu_period" },
	[TASKS] = { .name = "container_threads" },
	[READ] = { .name = "container_fs_reads_bytes_total",
		   .labels = { "device" },
		   .type = METRIC_COUNTER },
	[PRESSURE] = { .name = "container_pressure_cpu_waiting_ratio",
		       .labels = { "window" },
		       .value = VALUE_REAL,
		       .only_in_api = true },
	[LEFT_OUT] = { .name = "container_memory_working_set_bytes" },
	[CORES] = { .name = "machine_cpu_cores", .scope = SCOPE_HOST },
};

static const struct workload api_workloads_made[N_WORKLOADS] = {
	[ROOT] = { .id = 1, .path = "/", .kind = KIND_HOST },
	[SLICE] = { .id = 20, .parent = ROOT, .path = "/a.slice", .kind = KIND_SLICE },
	[WEB] = { .id = 9,
		  .parent = SLICE,
		  .path = "/a.slice/docker-" WEB_ID ".scope",
		  .name = "web",
		  .image = "nginx",
		  .namespace = "shop",
		  .pod = "web-1",
		  .container = "web",
		  .runtime = "docker",
		  .container_id = WEB_ID,
		  .kind = KIND_CONTAINER },
	[EVIL] = { .id = UINT64_MAX,
		   .parent = SLICE,
		   .path = "/a.slice/" EVIL_NAME,
		   .name = EVIL_NAME,
		   .runtime = "docker",
		   .container_id = EVIL_ID,
		   .kind = KIND_CONTAINER },
	[INSIDE] = { .id = 30,
		     .parent = WEB,
		     .path = "/a.slice/docker-" WEB_ID ".scope/init",
		     .kind = KIND_OTHER,
		     .inside = true },
};

SUPPORT const char *const *api_label(struct snapshot *snapshot, const char *value)
{
	return snapshot_labels(snapshot, 1, &value);
}

SUPPORT void api_add(struct snapshot *snapshot, int family, int workload, uint64_t value)
{
	family_add_integer(snapshot, &snapshot->families[family], &snapshot->workloads[workload],
			   NULL, value);
}

SUPPORT void api_add_labelled(struct snapshot *snapshot, int family, int workload,
			      const char *label, uint64_t value)
{
	family_add_integer(snapshot, &snapshot->families[family], &snapshot->workloads[workload],
			   api_label(snapshot, label), value);
}

/* Workloads and empty families. */
SUPPORT struct snapshot *api_snapshot_empty(uint64_t second)
{
	struct snapshot *snapshot = snapshot_new();
	static const struct source_status sources[] = {
		{ .name = "cpu", .help = "CPU", .enabled = true, .up = true, .collected = true },
		{ .name = "io", .enabled = true, .reason = "no io.stat here" },
	};

	snapshot->generation = second;
	snapshot->time_ms = 1700000000000 + (int64_t)second * 1000;
	snapshot->monotonic_ns = second * UINT64_C(1000000000);
	snapshot->n_workloads = N_WORKLOADS;
	snapshot->workloads =
		arena_alloc(&snapshot->arena, N_WORKLOADS * sizeof(*snapshot->workloads));
	for (uint32_t i = 0; i < N_WORKLOADS; i++) {
		struct workload *workload = &snapshot->workloads[i];

		*workload = api_workloads_made[i];
		workload->index = i;
		const char **texts[] = { &workload->name,	 &workload->image,
					 &workload->namespace,	 &workload->pod,
					 &workload->container,	 &workload->runtime,
					 &workload->container_id };
		for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
			*texts[k] = *texts[k] ? *texts[k] : "";
	}
	snapshot->n_families = N_FAMILIES;
	snapshot->families =
		arena_alloc(&snapshot->arena, N_FAMILIES * sizeof(*snapshot->families));
	for (size_t i = 0; i < N_FAMILIES; i++)
		snapshot->families[i].metric = &api_metrics[i];
	snapshot->families[LEFT_OUT].left_out = true;
	snapshot->n_sources = ARRAY_SIZE(sources);
	snapshot->sources = (struct source_status *)sources;
	return snapshot;
}

/* With values: `second` is when it was read, and how much has been counted. */
SUPPORT struct snapshot *api_snapshot(uint64_t second)
{
	struct snapshot *snapshot = api_snapshot_empty(second);

	api_add_labelled(snapshot, CPU, WEB, "total", second * 250000);
	api_add_labelled(snapshot, CPU, EVIL, "total", 1000000 - second);
	api_add(snapshot, MEMORY, ROOT, 900);
	api_add(snapshot, MEMORY, SLICE, 700);
	api_add(snapshot, MEMORY, WEB, 300);
	api_add(snapshot, MEMORY, EVIL, UINT64_MAX);
	api_add(snapshot, MEMORY_LIMIT, ROOT, 1000);
	api_add(snapshot, MEMORY_LIMIT, SLICE, 800);
	api_add(snapshot, MEMORY_LIMIT, WEB, 500);
	api_add(snapshot, MEMORY_EFFECTIVE, SLICE, 800);
	api_add(snapshot, MEMORY_EFFECTIVE, WEB, 500);
	api_add(snapshot, MEMORY_EFFECTIVE, EVIL, 800);
	api_add(snapshot, QUOTA, WEB, 50000);
	api_add(snapshot, PERIOD, WEB, 100000);
	api_add(snapshot, TASKS, WEB, 3);
	api_add_labelled(snapshot, READ, WEB, "/dev/sda", second * 10);
	api_add_labelled(snapshot, READ, WEB, "/dev/sdb", 5);
	family_add_real(snapshot, &snapshot->families[PRESSURE], &snapshot->workloads[WEB],
			api_label(snapshot, "60s"), 0.75);
	family_add_real(snapshot, &snapshot->families[PRESSURE], &snapshot->workloads[WEB],
			api_label(snapshot, "10s"), 0.25);
	family_add_integer(snapshot, &snapshot->families[CORES], NULL, NULL, 4);
	return snapshot;
}
