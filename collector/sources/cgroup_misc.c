/* SPDX-License-Identifier: Apache-2.0 */
/* Counted resources of the machine, such as encryption keys of virtual machines: misc.*. */
#include "collector/cleanup.h"
#include "collector/sources/cgroup.h"

static const struct metric metrics[] = {
	{
		.name = "container_misc_usage",
		.help = "Use of a counted resource. From misc.current.",
		.labels = { "resource" },
		.type = METRIC_GAUGE,
		.from = { .file = "misc.current", .key = "*" },
	},
	{
		.name = "container_misc_limit",
		.help = "Limit on a counted resource. Absent when unlimited. From misc.max.",
		.labels = { "resource" },
		.type = METRIC_GAUGE,
		.from = { .file = "misc.max", .key = "*" },
	},
	{
		.name = "container_misc_peak",
		.help = "Highest use of a counted resource so far. From misc.peak, Linux 6.12 "
			"and later.",
		.labels = { "resource" },
		.type = METRIC_GAUGE,
		.from = { .file = "misc.peak", .key = "*" },
	},
	{
		.name = "container_misc_events_max_total",
		.help = "Times use of a counted resource was about to go over its limit. From "
			"misc.events.",
		.labels = { "resource" },
		.type = METRIC_COUNTER,
		.from = { .file = "misc.events", .key = "*.max" },
	},
	{
		.name = "container_misc_capacity",
		.help = "How much of a counted resource the machine has; root only. From "
			"misc.capacity.",
		.labels = { "resource" },
		.type = METRIC_GAUGE,
		.from = { .file = "misc.capacity", .key = "*" },
	},
};

static const struct rows_table table = {
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
};

static int open_misc(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)ret_reason;
	return rows_open(&table, options, ret_state);
}

const struct source source_misc = {
	.name = "misc",
	.help = "counted resources such as SEV keys, from misc.*",
	.optional = true,
	.controller = "misc",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = open_misc,
	.collect = rows_collect,
	.close = rows_close,
};
