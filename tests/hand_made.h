/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small snapshot with one of everything that a format can get wrong. Shared by the tests of the
 * formats; each builds its own and gives it back with snapshot_unref().
 */
#pragma once

#include <math.h>

#include "collector/cleanup.h"
#include "collector/snapshot.h"

#define HOSTILE "q\"b\\n\nt\te\x1b[31mu\xc3\xa4\xe2\x82\xac\r"

static const char *const hand_made_exemplar_low[] = { "trace_id", "0af7651916cd43dd", NULL };
static const char *const hand_made_exemplar_high[] = { "trace_id", HOSTILE, "span_id", "b7", NULL };
/* 130 characters: more than an exemplar may have. */
static const char *const hand_made_exemplar_long[] = {
	"trace_id",
	"0123456789012345678901234567890123456789012345678901234567890123456789"
	"0123456789012345678901234567890123456789012345678901",
	NULL
};

static const struct exemplar hand_made_exemplars[] = {
	{ 0.0009, 1700000000123, hand_made_exemplar_low },
	{ 0.3, 1700000000124, hand_made_exemplar_long },
	{ 99, 1700000001000, hand_made_exemplar_high },
};

/* Schema 0 in seconds: cells 2^-10..2^-9, ... with gaps of two and of three empty ones. */
static const uint64_t hand_made_counts[] = { 3, 0, 0, 5, 0, 0, 0, 7, 1 };
static const uint64_t hand_made_nothing[9];
static const int hand_made_bounds[] = { -10, -8, -6, -2, -1 };

static const struct histogram hand_made_full = {
	.zero_threshold = 0x1p-10,
	.zero_count = 4,
	.first = -9,
	.n = 9,
	.counts = hand_made_counts,
	.overflow = 2,
	.sum = 123.456789,
	.bounds = hand_made_bounds,
	.n_bounds = 5,
	.exemplars = hand_made_exemplars,
	.n_exemplars = 3,
};
static const struct histogram hand_made_empty = {
	.zero_threshold = 0x1p-10,
	.first = -9,
	.n = 9,
	.counts = hand_made_nothing,
	.bounds = hand_made_bounds,
	.n_bounds = 5,
};
/* No cells, no bounds: all there is lies above. */
static const struct histogram hand_made_bare = { .overflow = 1, .sum = 1e300 };

enum hand_made_family {
	HAND_CPU,
	HAND_MEMORY,
	HAND_FAILCNT,
	HAND_TCP,
	HAND_FULL,
	HAND_HUGE,
	HAND_INFO,
	HAND_BUILD_INFO,
	HAND_LATENCY,
	HAND_HOST_LATENCY,
	HAND_LOAD,
	HAND_CORES,
	HAND_LEFT_OUT,
	HAND_ONLY_API,
	HAND_NONE,
	N_HAND,
};

static const struct metric hand_made_metrics[N_HAND] = {
	[HAND_CPU] = { .name = "container_cpu_usage_seconds_total",
		       .help = "CPU time. From cpu.stat \"usage_usec\".",
		       .unit = "seconds",
		       .labels = { "cpu" },
		       .type = METRIC_COUNTER,
		       .scale = SCALE_MICROSECONDS },
	[HAND_MEMORY] = { .name = "container_memory_usage_bytes",
			  .help = "Memory in use.",
			  .unit = "bytes" },
	[HAND_FAILCNT] = { .name = "container_memory_failcnt",
			   .help = "Times the limit was hit.",
			   .type = METRIC_COUNTER },
	[HAND_TCP] = { .name = "container_network_tcp_usage_total",
		       .help = "TCP sockets by state.",
		       .labels = { "tcp_state" } },
	[HAND_FULL] = { .name = "container_pressure_cpu_waiting_seconds_total",
			.help = "Time stalled.",
			.unit = "seconds",
			.type = METRIC_COUNTER,
			.scale = SCALE_NANOSECONDS },
	[HAND_HUGE] = { .name = "container_spec_memory_limit_bytes",
			.help = "Largest there is.",
			.unit = "bytes" },
	[HAND_INFO] = { .name = "container_info",
			.help = "What the container is.",
			.labels = { "kind", "label" },
			.type = METRIC_INFO },
	[HAND_BUILD_INFO] = { .name = "tallyman_build_info",
			      .help = "A backslash \\, a \"quote\"\nand a line.",
			      .labels = { "revision", "version" },
			      .type = METRIC_INFO,
			      .scope = SCOPE_HOST },
	[HAND_LATENCY] = { .name = "container_cpu_runqueue_wait_seconds",
			   .help = "Time waited.",
			   .unit = "seconds",
			   .labels = { "class" },
			   .type = METRIC_HISTOGRAM,
			   .value = VALUE_HISTOGRAM },
	[HAND_HOST_LATENCY] = { .name = "tallyman_loop_duration_seconds",
				.help = "Time of a turn.",
				.unit = "seconds",
				.type = METRIC_HISTOGRAM,
				.scope = SCOPE_HOST,
				.value = VALUE_HISTOGRAM },
	[HAND_LOAD] = { .name = "tallyman_reals",
			.help = "Reals of all kinds.",
			.labels = { "kind" },
			.scope = SCOPE_HOST,
			.value = VALUE_REAL },
	[HAND_CORES] = { .name = "machine_cpu_cores",
			 .help = "Cores.",
			 .unit = "seconds", /* not in the name: must not be declared */
			 .scope = SCOPE_HOST },
	[HAND_LEFT_OUT] = { .name = "tallyman_left_out", .help = "Never.", .scope = SCOPE_HOST },
	[HAND_ONLY_API] = { .name = "tallyman_only_in_api",
			    .help = "Never.",
			    .scope = SCOPE_HOST,
			    .only_in_api = true },
	[HAND_NONE] = { .name = "tallyman_none", .help = "Never.", .scope = SCOPE_HOST },
};

static const struct workload hand_made_workloads[] = {
	{ .path = "/", .name = "", .image = "", .namespace = "", .pod = "", .container = "" },
	{ .index = 1,
	  .path = "/kubepods.slice/pod1/cri-1.scope",
	  .name = "k8s_app_web-0_shop_1_0",
	  .image = "registry/app@sha256:00",
	  .namespace = "shop",
	  .pod = "web-0",
	  .container = "app" },
	{ .index = 2,
	  .path = "/" HOSTILE,
	  .name = HOSTILE,
	  .image = "\\",
	  .namespace = "\"",
	  .pod = "\n",
	  .container = "" },
};

static inline const char *const *hand_made_label(struct snapshot *snapshot, const char *value)
{
	return snapshot_labels(snapshot, 1, &value);
}

static inline void hand_made_workload_samples(struct snapshot *snapshot, const struct workload *w)
{
	static const char *const info[] = { "pod", NULL };
	struct family *families = snapshot->families;

	family_add_integer(snapshot, &families[HAND_CPU], w, hand_made_label(snapshot, "total"),
			   7919);
	family_add_integer(snapshot, &families[HAND_MEMORY], w, NULL, 4096 * (w->index + 1));
	family_add_integer(snapshot, &families[HAND_FAILCNT], w, NULL, w->index);
	family_add_integer(snapshot, &families[HAND_TCP], w, hand_made_label(snapshot, HOSTILE), 3);
	family_add_integer(snapshot, &families[HAND_FULL], w, NULL, UINT64_MAX);
	family_add_integer(snapshot, &families[HAND_HUGE], w, NULL, UINT64_MAX);
	family_add_integer(snapshot, &families[HAND_INFO], w, snapshot_labels(snapshot, 2, info),
			   1);
	family_add_histogram(snapshot, &families[HAND_LATENCY], w,
			     hand_made_label(snapshot, "read"), &hand_made_full);
	family_add_histogram(snapshot, &families[HAND_LATENCY], w,
			     hand_made_label(snapshot, "write"), &hand_made_empty);
	family_add_histogram(snapshot, &families[HAND_LATENCY], w,
			     hand_made_label(snapshot, HOSTILE), &hand_made_bare);
}

static inline void hand_made_reals(struct snapshot *snapshot)
{
	static const struct {
		const char *kind;
		double value;
	} rows[] = {
		{ "zero", 0 },	      { "tenth", 0.1 },		  { "third", 1.0 / 3 },
		{ "negative", -2.5 }, { "time", 1700000000.123 }, { "large", 1e300 },
		{ "tiny", 5e-324 },   { "infinite", INFINITY },	  { "minus_infinite", -INFINITY },
		{ "none", NAN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		family_add_real(snapshot, &snapshot->families[HAND_LOAD], NULL,
				hand_made_label(snapshot, rows[i].kind), rows[i].value);
}

/* A snapshot with all families and workloads, and no samples. */
static inline struct snapshot *hand_made_frame(void)
{
	struct snapshot *snapshot = snapshot_new();

	snapshot->n_workloads = ARRAY_SIZE(hand_made_workloads);
	snapshot->workloads = arena_alloc(&snapshot->arena, sizeof(hand_made_workloads));
	memcpy(snapshot->workloads, hand_made_workloads, sizeof(hand_made_workloads));
	snapshot->n_families = N_HAND;
	snapshot->families = arena_alloc(&snapshot->arena, N_HAND * sizeof(*snapshot->families));
	for (size_t i = 0; i < N_HAND; i++)
		snapshot->families[i].metric = &hand_made_metrics[i];
	return snapshot;
}

static inline struct snapshot *hand_made_snapshot(void)
{
	static const char *const build[] = { HOSTILE, "1.0" };
	struct snapshot *snapshot = hand_made_frame();
	struct family *families = snapshot->families;

	for (uint32_t i = 0; i < snapshot->n_workloads; i++)
		hand_made_workload_samples(snapshot, &snapshot->workloads[i]);
	hand_made_reals(snapshot);
	family_add_integer(snapshot, &families[HAND_BUILD_INFO], NULL, build, 1);
	family_add_histogram(snapshot, &families[HAND_HOST_LATENCY], NULL, NULL, &hand_made_full);
	family_add_integer(snapshot, &families[HAND_CORES], NULL, NULL, 2);
	family_add_integer(snapshot, &families[HAND_LEFT_OUT], NULL, NULL, 1);
	family_add_integer(snapshot, &families[HAND_ONLY_API], NULL, NULL, 1);
	families[HAND_LEFT_OUT].left_out = true;
	return snapshot;
}
