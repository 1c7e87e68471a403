/* SPDX-License-Identifier: Apache-2.0 */
/* Pressure stall information: cpu.pressure, memory.pressure, io.pressure, irq.pressure. */
#include "collector/cleanup.h"
#include "collector/sources/cgroup.h"

static const struct metric metrics[] = {
	{
		.name = "container_pressure_cpu_waiting_seconds_total",
		.help = "Time for which at least one task waited for the CPU. Absent with PSI "
			"off. From cpu.pressure, line some.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "cpu.pressure", .line = "some", .key = "total" },
	},
	{
		.name = "container_pressure_cpu_stalled_seconds_total",
		.help = "Time for which no task could run for want of the CPU. Absent with PSI "
			"off. From cpu.pressure, line full.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "cpu.pressure", .line = "full", .key = "total" },
	},
	{
		.name = "container_pressure_memory_waiting_seconds_total",
		.help = "Time for which at least one task waited for memory. Absent with PSI "
			"off. From memory.pressure, line some.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "memory.pressure", .line = "some", .key = "total" },
	},
	{
		.name = "container_pressure_memory_stalled_seconds_total",
		.help = "Time for which no task could run for want of memory. Absent with PSI "
			"off. From memory.pressure, line full.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "memory.pressure", .line = "full", .key = "total" },
	},
	{
		.name = "container_pressure_io_waiting_seconds_total",
		.help = "Time for which at least one task waited for I/O. Absent with PSI off. "
			"From io.pressure, line some.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "io.pressure", .line = "some", .key = "total" },
	},
	{
		.name = "container_pressure_io_stalled_seconds_total",
		.help = "Time for which no task could run for want of I/O. Absent with PSI off. "
			"From io.pressure, line full.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "io.pressure", .line = "full", .key = "total" },
	},
	{
		.name = "container_pressure_irq_stalled_seconds_total",
		.help = "Time for which no task could run because of interrupts. Absent with "
			"PSI off or without interrupt accounting. From irq.pressure, Linux 6.1 "
			"and later.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "irq.pressure", .line = "full", .key = "total" },
	},
	{
		.name = "container_pressure_cpu_waiting_ratio",
		.help = "Share of the last 10, 60 and 300 seconds in which at least one task "
			"waited for the CPU. From cpu.pressure, line some, keys avg10, avg60 "
			"and avg300.",
		.unit = "ratio",
		.labels = { "window" },
		.type = METRIC_GAUGE,
		.scale = ROWS_SCALE_PERCENT,
		.only_in_api = true,
		.from = { .file = "cpu.pressure",
			  .line = "some",
			  .key = "avg10 avg60 avg300",
			  .rule = ROWS_WINDOW },
	},
	{
		.name = "container_pressure_cpu_stalled_ratio",
		.help = "Share of the last 10, 60 and 300 seconds in which no task could run "
			"for want of the CPU. From cpu.pressure, line full, keys avg10, avg60 "
			"and avg300.",
		.unit = "ratio",
		.labels = { "window" },
		.type = METRIC_GAUGE,
		.scale = ROWS_SCALE_PERCENT,
		.only_in_api = true,
		.from = { .file = "cpu.pressure",
			  .line = "full",
			  .key = "avg10 avg60 avg300",
			  .rule = ROWS_WINDOW },
	},
	{
		.name = "container_pressure_memory_waiting_ratio",
		.help = "Share of the last 10, 60 and 300 seconds in which at least one task "
			"waited for memory. From memory.pressure, line some, keys avg10, avg60 "
			"and avg300.",
		.unit = "ratio",
		.labels = { "window" },
		.type = METRIC_GAUGE,
		.scale = ROWS_SCALE_PERCENT,
		.only_in_api = true,
		.from = { .file = "memory.pressure",
			  .line = "some",
			  .key = "avg10 avg60 avg300",
			  .rule = ROWS_WINDOW },
	},
	{
		.name = "container_pressure_memory_stalled_ratio",
		.help = "Share of the last 10, 60 and 300 seconds in which no task could run "
			"for want of memory. From memory.pressure, line full, keys avg10, avg60 "
			"and avg300.",
		.unit = "ratio",
		.labels = { "window" },
		.type = METRIC_GAUGE,
		.scale = ROWS_SCALE_PERCENT,
		.only_in_api = true,
		.from = { .file = "memory.pressure",
			  .line = "full",
			  .key = "avg10 avg60 avg300",
			  .rule = ROWS_WINDOW },
	},
	{
		.name = "container_pressure_io_waiting_ratio",
		.help = "Share of the last 10, 60 and 300 seconds in which at least one task "
			"waited for I/O. From io.pressure, line some, keys avg10, avg60 and "
			"avg300.",
		.unit = "ratio",
		.labels = { "window" },
		.type = METRIC_GAUGE,
		.scale = ROWS_SCALE_PERCENT,
		.only_in_api = true,
		.from = { .file = "io.pressure",
			  .line = "some",
			  .key = "avg10 avg60 avg300",
			  .rule = ROWS_WINDOW },
	},
	{
		.name = "container_pressure_io_stalled_ratio",
		.help = "Share of the last 10, 60 and 300 seconds in which no task could run "
			"for want of I/O. From io.pressure, line full, keys avg10, avg60 and "
			"avg300.",
		.unit = "ratio",
		.labels = { "window" },
		.type = METRIC_GAUGE,
		.scale = ROWS_SCALE_PERCENT,
		.only_in_api = true,
		.from = { .file = "io.pressure",
			  .line = "full",
			  .key = "avg10 avg60 avg300",
			  .rule = ROWS_WINDOW },
	},
	{
		.name = "container_pressure_irq_stalled_ratio",
		.help = "Share of the last 10, 60 and 300 seconds in which no task could run "
			"because of interrupts. From irq.pressure, line full, keys avg10, avg60 "
			"and avg300.",
		.unit = "ratio",
		.labels = { "window" },
		.type = METRIC_GAUGE,
		.scale = ROWS_SCALE_PERCENT,
		.only_in_api = true,
		.from = { .file = "irq.pressure",
			  .line = "full",
			  .key = "avg10 avg60 avg300",
			  .rule = ROWS_WINDOW },
	},
};

static const struct rows_table table = {
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
};

static int open_pressure(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)ret_reason;
	return rows_open(&table, options, ret_state);
}

const struct source source_pressure = {
	.name = "pressure",
	.help = "time lost waiting (PSI), from *.pressure",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = open_pressure,
	.collect = rows_collect,
	.close = rows_close,
};
