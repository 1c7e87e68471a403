/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time, bandwidth and weight: cpu.*. */
#include "collector/cleanup.h"
#include "collector/sources/cgroup.h"

enum { RULE_SHARES = ROWS_DERIVED, RULE_WITH_QUOTA, RULE_CORES };

static const struct metric metrics[] = {
	{
		.name = "container_cpu_usage_seconds_total",
		.help = "CPU time used. From cpu.stat, key usage_usec.",
		.unit = "seconds",
		.labels = { "cpu" },
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "cpu.stat", .key = "usage_usec", .rule = ROWS_TOTAL },
	},
	{
		.name = "container_cpu_user_seconds_total",
		.help = "CPU time used in user mode. From cpu.stat, key user_usec.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "cpu.stat", .key = "user_usec" },
	},
	{
		.name = "container_cpu_system_seconds_total",
		.help = "CPU time used in the kernel. From cpu.stat, key system_usec.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "cpu.stat", .key = "system_usec" },
	},
	{
		.name = "container_cpu_nice_seconds_total",
		.help = "CPU time used by tasks with a nice value above 0. From cpu.stat, key "
			"nice_usec, Linux 6.11 and later.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "cpu.stat", .key = "nice_usec" },
	},
	{
		.name = "container_cpu_force_idle_seconds_total",
		.help = "CPU time for which core scheduling forced a sibling thread to idle. "
			"From cpu.stat, key core_sched.force_idle_usec.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "cpu.stat", .key = "core_sched.force_idle_usec" },
	},
	{
		.name = "container_cpu_cfs_periods_total",
		.help = "Enforcement periods that have passed. Absent without a quota. From "
			"cpu.stat, key nr_periods.",
		.type = METRIC_COUNTER,
		.from = { .file = "cpu.stat", .key = "nr_periods", .rule = RULE_WITH_QUOTA },
	},
	{
		.name = "container_cpu_cfs_throttled_periods_total",
		.help = "Enforcement periods in which the cgroup was throttled. Absent without "
			"a quota. From cpu.stat, key nr_throttled.",
		.type = METRIC_COUNTER,
		.from = { .file = "cpu.stat", .key = "nr_throttled", .rule = RULE_WITH_QUOTA },
	},
	{
		.name = "container_cpu_cfs_throttled_seconds_total",
		.help = "Time for which tasks were throttled. Absent without a quota. From "
			"cpu.stat, key throttled_usec.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "cpu.stat", .key = "throttled_usec", .rule = RULE_WITH_QUOTA },
	},
	{
		.name = "container_cpu_cfs_burst_periods_total",
		.help = "Enforcement periods in which a burst went over the quota. Absent "
			"without a quota. From cpu.stat, key nr_bursts.",
		.type = METRIC_COUNTER,
		.from = { .file = "cpu.stat", .key = "nr_bursts", .rule = RULE_WITH_QUOTA },
	},
	{
		.name = "container_cpu_cfs_burst_seconds_total",
		.help = "CPU time used over the quota in bursts. Absent without a quota. From "
			"cpu.stat, key burst_usec.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "cpu.stat", .key = "burst_usec", .rule = RULE_WITH_QUOTA },
	},
	{
		.name = "container_cpu_local_throttled_seconds_total",
		.help = "Time for which the cgroup was throttled by its own quota or an "
			"ancestor's. From cpu.stat.local, key throttled_usec; older "
			"kernels have none.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
		.optional = true,
		.from = { .file = "cpu.stat.local", .key = "throttled_usec" },
	},
	{
		.name = "container_spec_cpu_period",
		.help = "Length of the enforcement period in microseconds. From cpu.max, second "
			"value.",
		.type = METRIC_GAUGE,
		.from = { .file = "cpu.max", .key = "#2" },
	},
	{
		.name = "container_spec_cpu_quota",
		.help = "CPU time allowed in each period, in microseconds. Absent when "
			"unlimited. From cpu.max, first value.",
		.type = METRIC_GAUGE,
		.from = { .file = "cpu.max", .key = "#1" },
	},
	{
		.name = "container_spec_cpu_shares",
		.help = "Weight as CPU shares of cgroup v1, 2 + (weight - 1) * 262142 / 9999. "
			"Absent for SCHED_IDLE cgroups. From cpu.weight; prefer "
			"container_cpu_weight.",
		.type = METRIC_GAUGE,
		.from = { .file = "cpu.weight", .rule = RULE_SHARES },
	},
	{
		.name = "container_cpu_weight",
		.help = "Share of CPU time among siblings, 1 to 10000; 0 for SCHED_IDLE "
			"cgroups. From cpu.weight.",
		.type = METRIC_GAUGE,
		.from = { .file = "cpu.weight" },
	},
	{
		.name = "container_cpu_sched_idle",
		.help = "1 if the cgroup is scheduled as SCHED_IDLE, else 0. From cpu.idle.",
		.type = METRIC_GAUGE,
		.from = { .file = "cpu.idle" },
	},
	{
		.name = "container_cpu_max_burst_seconds",
		.help = "CPU time that may be saved up for bursts over the quota. From "
			"cpu.max.burst.",
		.unit = "seconds",
		.type = METRIC_GAUGE,
		.scale = SCALE_MICROSECONDS,
		.from = { .file = "cpu.max.burst" },
	},
	{
		.name = "container_cpu_effective_limit_cores",
		.help = "Tightest CPU quota of the cgroup and its ancestors, in cores. Absent "
			"when unlimited; cpusets are not in it. From cpu.max.",
		.unit = "cores",
		.type = METRIC_GAUGE,
		.scale = SCALE_NANOSECONDS,
		.from = { .file = "cpu.max", .key = "#1", .rule = RULE_CORES },
	},
	{
		.name = "container_cpu_uclamp_min_ratio",
		.help = "Least utilisation that the scheduler assumes. From cpu.uclamp.min.",
		.unit = "ratio",
		.type = METRIC_GAUGE,
		.scale = ROWS_SCALE_PERCENT,
		.optional = true,
		.from = { .file = "cpu.uclamp.min", .rule = ROWS_PERCENT },
	},
	{
		.name = "container_cpu_uclamp_max_ratio",
		.help = "Highest utilisation that the scheduler assumes. Absent when unlimited. "
			"From cpu.uclamp.max.",
		.unit = "ratio",
		.type = METRIC_GAUGE,
		.scale = ROWS_SCALE_PERCENT,
		.optional = true,
		.from = { .file = "cpu.uclamp.max", .rule = ROWS_PERCENT },
	},
};

/* What cAdvisor prints, whose linear map is not the one that new runtimes use. */
static bool shares(const struct rows_input *input, uint64_t *ret_value)
{
	const struct rows_number *weight = &input->numbers[0];
	bool usable = weight->state == NUMBER_VALUE && weight->value >= 1 && weight->value <= 10000;

	if (!usable && !(input->sentinels && weight->state == NUMBER_VALUE))
		return false;
	*ret_value = usable ? 2 + (weight->value - 1) * 262142 / 9999 : 0;
	return true;
}

/* The kernel counts periods only while there is a quota; elsewhere the zeros say nothing. */
static bool with_quota(const struct rows_input *input, uint64_t *ret_value)
{
	if (input->numbers[0].state != NUMBER_VALUE || input->numbers[1].state != NUMBER_VALUE)
		return false;
	*ret_value = input->numbers[0].value;
	return true;
}

/* Billionths of a core. */
static bool cores(const struct rows_input *input, uint64_t *ret_value)
{
	const struct rows_number *quota = &input->numbers[0], *period = &input->numbers[1];
	unsigned __int128 value;

	if (quota->state != NUMBER_VALUE || period->state != NUMBER_VALUE || !period->value)
		return false;
	value = (unsigned __int128)quota->value * SCALE_NANOSECONDS / period->value;
	if (value >= UINT64_MAX)
		return false;
	*ret_value = (uint64_t)value;
	return true;
}

static const struct rows_derived derived[] = {
	{ .rule = RULE_SHARES, .value = shares },
	{
		.rule = RULE_WITH_QUOTA,
		.needs = { { .file = "cpu.max", .key = "#1" } },
		.value = with_quota,
	},
	{
		.rule = RULE_CORES,
		.tightest = true,
		.needs = { { .file = "cpu.max", .key = "#2" } },
		.value = cores,
	},
};

static const struct rows_table table = {
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.derived = derived,
	.n_derived = ARRAY_SIZE(derived),
};

static int open_cpu(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)ret_reason;
	return rows_open(&table, options, ret_state);
}

const struct source source_cpu = {
	.name = "cpu",
	.help = "CPU time, throttling, weight and quota, from cpu.*",
	.controller = "cpu",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = open_cpu,
	.collect = rows_collect,
	.close = rows_close,
};
