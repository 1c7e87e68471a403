/* SPDX-License-Identifier: Apache-2.0 */
/* CPUs and memory nodes: cpuset.*.effective. */
#include "collector/cleanup.h"
#include "collector/sources/cgroup.h"

static const struct metric metrics[] = {
	{
		.name = "container_cpuset_effective_cpus",
		.help = "Number of CPUs that tasks may run on. From cpuset.cpus.effective.",
		.type = METRIC_GAUGE,
		.from = { .file = "cpuset.cpus.effective", .rule = ROWS_CPU_LIST },
	},
	{
		.name = "container_cpuset_effective_memory_nodes",
		.help = "Number of NUMA nodes that memory may come from. From "
			"cpuset.mems.effective.",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "cpuset.mems.effective", .rule = ROWS_CPU_LIST },
	},
};

static const struct rows_table table = {
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
};

static int open_cpuset(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)ret_reason;
	return rows_open(&table, options, ret_state);
}

const struct source source_cpuset = {
	.name = "cpuset",
	.help = "number of usable CPUs, from cpuset.*",
	.controller = "cpuset",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = open_cpuset,
	.collect = rows_collect,
	.close = rows_close,
};
