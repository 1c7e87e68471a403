/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup itself: cgroup.stat, cgroup.events. */
#include "collector/cleanup.h"
#include "collector/sources/cgroup.h"

static const struct metric metrics[] = {
	{
		.name = "container_cgroup_populated",
		.help = "1 if there are processes in the cgroup or below, else 0. From "
			"cgroup.events, key populated.",
		.type = METRIC_GAUGE,
		.from = { .file = "cgroup.events", .key = "populated" },
	},
	{
		.name = "container_cgroup_frozen",
		.help = "1 if the cgroup is frozen (paused), else 0. From cgroup.events, key "
			"frozen.",
		.type = METRIC_GAUGE,
		.from = { .file = "cgroup.events", .key = "frozen" },
	},
	{
		.name = "container_cgroup_descendants",
		.help = "Number of cgroups below. From cgroup.stat, key nr_descendants.",
		.type = METRIC_GAUGE,
		.from = { .file = "cgroup.stat", .key = "nr_descendants" },
	},
	{
		.name = "container_cgroup_dying_descendants",
		.help = "Number of removed cgroups below that still hold resources. From "
			"cgroup.stat, key nr_dying_descendants.",
		.type = METRIC_GAUGE,
		.from = { .file = "cgroup.stat", .key = "nr_dying_descendants" },
	},
	{
		.name = "container_cgroup_subsystems",
		.help = "Number of cgroups at or below that a controller manages. From "
			"cgroup.stat, keys nr_subsys_*, Linux 6.12 and later.",
		.labels = { "controller" },
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "cgroup.stat", .key = "nr_subsys_*" },
	},
	{
		.name = "container_cgroup_dying_subsystems",
		.help = "Number of removed cgroups that a controller still manages. From "
			"cgroup.stat, keys nr_dying_subsys_*, Linux 6.12 and later.",
		.labels = { "controller" },
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "cgroup.stat", .key = "nr_dying_subsys_*" },
	},
	{
		.name = "container_cgroup_frozen_seconds_total",
		.help = "Time for which the cgroup was frozen. From cgroup.stat.local, key "
			"frozen_usec, Linux 6.18 and later.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.optional = true,
		.from = { .file = "cgroup.stat.local", .key = "frozen_usec" },
	},
	{
		.name = "container_cgroup_max_descendants",
		.help = "Limit on the number of cgroups below. Absent when unlimited. From "
			"cgroup.max.descendants.",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "cgroup.max.descendants" },
	},
	{
		.name = "container_cgroup_max_depth",
		.help = "Limit on the depth of cgroups below. Absent when unlimited. From "
			"cgroup.max.depth.",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "cgroup.max.depth" },
	},
};

static const struct rows_table table = {
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
};

static int open_cgroup(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)ret_reason;
	return rows_open(&table, options, ret_state);
}

const struct source source_cgroup = {
	.name = "cgroup",
	.help = "the cgroup itself: populated, frozen, descendants, from cgroup.*",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = open_cgroup,
	.collect = rows_collect,
	.close = rows_close,
};
