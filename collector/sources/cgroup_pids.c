/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: pids.*. The controller counts threads, not processes (cgroup-v2.rst, "PID"). */
#include "collector/cleanup.h"
#include "collector/sources/cgroup.h"

enum { RULE_LIMIT = ROWS_DERIVED, RULE_TIGHTEST };

static const struct metric metrics[] = {
	{
		.name = "container_threads",
		.help = "Number of threads, of all processes and descendants. From pids.current.",
		.type = METRIC_GAUGE,
		.from = { .file = "pids.current" },
	},
	{
		.name = "container_threads_max",
		.help = "Limit on the number of threads. Absent when unlimited. From pids.max.",
		.type = METRIC_GAUGE,
		.from = { .file = "pids.max", .rule = RULE_LIMIT },
	},
	{
		.name = "container_threads_peak",
		.help = "Highest number of threads so far. From pids.peak, Linux 6.1 and later.",
		.type = METRIC_GAUGE,
		.from = { .file = "pids.peak" },
	},
	{
		.name = "container_pids_effective_limit",
		.help = "Tightest limit on threads of the cgroup and its ancestors. Absent when "
			"unlimited. From pids.max.",
		.type = METRIC_GAUGE,
		.from = { .file = "pids.max", .rule = RULE_TIGHTEST },
	},
	{
		.name = "container_pids_events_max_total",
		.help = "Forks that failed at the limit. From pids.events, key max.",
		.type = METRIC_COUNTER,
		.from = { .file = "pids.events", .key = "max" },
	},
	{
		.name = "container_pids_events_local_max_total",
		.help = "Forks that failed at this very cgroup's limit. From pids.events.local, "
			"key "
			"max, Linux 6.12 and later.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "pids.events.local", .key = "max" },
	},
};

static bool limit(const struct rows_input *input, uint64_t *ret_value)
{
	if (input->numbers[0].state == NUMBER_MAX && input->sentinels) {
		*ret_value = 0;
		return true;
	}
	*ret_value = input->numbers[0].value;
	return input->numbers[0].state == NUMBER_VALUE;
}

static bool own_limit(const struct rows_input *input, uint64_t *ret_value)
{
	*ret_value = input->numbers[0].value;
	return input->numbers[0].state == NUMBER_VALUE;
}

static const struct rows_derived derived[] = {
	{ .rule = RULE_LIMIT, .value = limit },
	{ .rule = RULE_TIGHTEST, .tightest = true, .value = own_limit },
};

static const struct rows_table table = {
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.derived = derived,
	.n_derived = ARRAY_SIZE(derived),
};

static int open_pids(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)ret_reason;
	return rows_open(&table, options, ret_state);
}

const struct source source_pids = {
	.name = "pids",
	.help = "threads and their limits, from pids.*",
	.controller = "pids",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = open_pids,
	.collect = rows_collect,
	.close = rows_close,
};
