/* SPDX-License-Identifier: Apache-2.0 */
/* Block I/O: io.stat, io.max, io.weight, io.latency. */
#include "collector/cleanup.h"
#include "collector/sources/cgroup.h"

static const struct metric metrics[] = {
	{
		.name = "container_fs_reads_bytes_total",
		.help = "Bytes read from the device. From io.stat, key rbytes.",
		.unit = "bytes",
		.labels = { "device" },
		.type = METRIC_COUNTER,
		.from = { .file = "io.stat", .line = "*", .key = "rbytes" },
	},
	{
		.name = "container_fs_writes_bytes_total",
		.help = "Bytes written to the device. From io.stat, key wbytes.",
		.unit = "bytes",
		.labels = { "device" },
		.type = METRIC_COUNTER,
		.from = { .file = "io.stat", .line = "*", .key = "wbytes" },
	},
	{
		.name = "container_fs_reads_total",
		.help = "Reads from the device. From io.stat, key rios.",
		.labels = { "device" },
		.type = METRIC_COUNTER,
		.from = { .file = "io.stat", .line = "*", .key = "rios" },
	},
	{
		.name = "container_fs_writes_total",
		.help = "Writes to the device. From io.stat, key wios.",
		.labels = { "device" },
		.type = METRIC_COUNTER,
		.from = { .file = "io.stat", .line = "*", .key = "wios" },
	},
	{
		.name = "container_blkio_device_usage_total",
		.help = "Bytes by device and operation: Read or Write. From io.stat, keys "
			"rbytes and wbytes.",
		.labels = { "device", "major", "minor", "operation" },
		.type = METRIC_COUNTER,
		.from = { .file = "io.stat",
			  .line = "*",
			  .key = "rbytes wbytes",
			  .rule = ROWS_OPERATION },
	},
	{
		.name = "container_fs_discards_bytes_total",
		.help = "Bytes discarded (trimmed) on the device. From io.stat, key dbytes.",
		.unit = "bytes",
		.labels = { "device" },
		.type = METRIC_COUNTER,
		.from = { .file = "io.stat", .line = "*", .key = "dbytes" },
	},
	{
		.name = "container_fs_discards_total",
		.help = "Discards on the device. From io.stat, key dios.",
		.labels = { "device" },
		.type = METRIC_COUNTER,
		.from = { .file = "io.stat", .line = "*", .key = "dios" },
	},
	{
		.name = "container_fs_io_cost_usage_seconds_total",
		.help = "Time of the device that the cgroup's I/O took by the cost model. "
			"Absent without iocost. From io.stat, key cost.usage.",
		.unit = "seconds",
		.labels = { "device" },
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "io.stat", .line = "*", .key = "cost.usage" },
	},
	{
		.name = "container_fs_io_cost_wait_seconds_total",
		.help = "Time for which the cgroup's I/O waited for its budget. Absent without "
			"iocost. From io.stat, key cost.wait.",
		.unit = "seconds",
		.labels = { "device" },
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "io.stat", .line = "*", .key = "cost.wait" },
	},
	{
		.name = "container_fs_io_cost_indebt_seconds_total",
		.help = "Time for which the cgroup was in debt to the cost model. Absent "
			"without iocost. From io.stat, key cost.indebt.",
		.unit = "seconds",
		.labels = { "device" },
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "io.stat", .line = "*", .key = "cost.indebt" },
	},
	{
		.name = "container_fs_io_cost_indelay_seconds_total",
		.help = "Time for which the cgroup's tasks were delayed to pay a debt. Absent "
			"without iocost. From io.stat, key cost.indelay.",
		.unit = "seconds",
		.labels = { "device" },
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "io.stat", .line = "*", .key = "cost.indelay" },
	},
	{
		.name = "container_fs_io_cost_vrate_ratio",
		.help = "Speed of the device as the cost model sees it, against its nominal "
			"speed; root only. Absent without iocost. From io.stat, key cost.vrate.",
		.unit = "ratio",
		.labels = { "device" },
		.type = METRIC_GAUGE,
		.scale = ROWS_SCALE_PERCENT,
		.from = { .file = "io.stat",
			  .line = "*",
			  .key = "cost.vrate",
			  .rule = ROWS_PERCENT },
	},
	{
		.name = "container_io_limit_bytes_per_second",
		.help = "Limit on throughput by device and operation. Absent when unlimited. "
			"From io.max, keys rbps and wbps.",
		.unit = "bytes_per_second",
		.labels = { "device", "operation" },
		.type = METRIC_GAUGE,
		.from = { .file = "io.max",
			  .line = "*",
			  .key = "rbps wbps",
			  .rule = ROWS_OPERATION },
	},
	{
		.name = "container_io_limit_operations_per_second",
		.help = "Limit on operations by device and operation. Absent when unlimited. "
			"From io.max, keys riops and wiops.",
		.unit = "operations_per_second",
		.labels = { "device", "operation" },
		.type = METRIC_GAUGE,
		.from = { .file = "io.max",
			  .line = "*",
			  .key = "riops wiops",
			  .rule = ROWS_OPERATION },
	},
	{
		.name = "container_io_weight",
		.help = "Share of a device's time among siblings, 1 to 10000. From io.weight, "
			"key default.",
		.type = METRIC_GAUGE,
		.from = { .file = "io.weight", .key = "default" },
	},
	{
		.name = "container_io_device_weight",
		.help = "Weight for a device, where it is not the default. From io.weight.",
		.labels = { "device" },
		.type = METRIC_GAUGE,
		.from = { .file = "io.weight", .key = "*" },
	},
	{
		.name = "container_io_latency_target_seconds",
		.help = "Latency that is protected for a device. Absent when none is set. From "
			"io.latency, key target.",
		.unit = "seconds",
		.labels = { "device" },
		.type = METRIC_GAUGE,
		.scale = SCALE_MICROSECONDS,
		.optional = true,
		.from = { .file = "io.latency", .line = "*", .key = "target" },
	},
};

static const struct rows_table table = {
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.block_devices = true,
};

static int open_io(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)ret_reason;
	return rows_open(&table, options, ret_state);
}

const struct source source_io = {
	.name = "io",
	.help = "block I/O by device and its limits, from io.*",
	.controller = "blkio",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = open_io,
	.collect = rows_collect,
	.close = rows_close,
};
