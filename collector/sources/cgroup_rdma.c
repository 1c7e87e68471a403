/* SPDX-License-Identifier: Apache-2.0 */
/* RDMA devices: rdma.*. */
#include "collector/cleanup.h"
#include "collector/sources/cgroup.h"

static const struct metric metrics[] = {
	{
		.name = "container_rdma_usage",
		.help = "Handles and objects in use on an RDMA device. From rdma.current.",
		.labels = { "device", "resource" },
		.type = METRIC_GAUGE,
		.from = { .file = "rdma.current", .line = "*", .key = "hca_handle hca_object" },
	},
	{
		.name = "container_rdma_limit",
		.help = "Limit on handles and objects of an RDMA device. Absent when unlimited. "
			"From rdma.max.",
		.labels = { "device", "resource" },
		.type = METRIC_GAUGE,
		.from = { .file = "rdma.max", .line = "*", .key = "hca_handle hca_object" },
	},
};

static const struct rows_table table = {
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
};

static int open_rdma(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)ret_reason;
	return rows_open(&table, options, ret_state);
}

const struct source source_rdma = {
	.name = "rdma",
	.help = "RDMA handles and objects, from rdma.*",
	.optional = true,
	.controller = "rdma",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = open_rdma,
	.collect = rows_collect,
	.close = rows_close,
};
