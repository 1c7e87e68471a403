/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and swap: use, limits and events. */
#include "collector/cleanup.h"
#include "collector/sources/cgroup.h"

enum {
	RULE_USAGE = ROWS_DERIVED,
	RULE_WORKING_SET,
	RULE_LIMIT,
	RULE_SWAP_LIMIT,
	RULE_RESERVATION,
	RULE_TIGHTEST,
};

/* Where the rules that look at use find anon, file and inactive_file. */
enum { OWN, ANON, FILE_CACHE, INACTIVE_FILE };

static const uint64_t cadvisor_unlimited = UINT64_C(1) << 62;

static const struct metric metrics[] = {
	{
		.name = "container_memory_usage_bytes",
		.help = "Memory in use, page cache and kernel memory included. From "
			"memory.current; of the root, which has none, anon and file of "
			"memory.stat.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.current", .rule = RULE_USAGE },
	},
	{
		.name = "container_memory_working_set_bytes",
		.help = "Memory in use that the kernel cannot easily drop. From memory.current "
			"less inactive_file of memory.stat, not below 0.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.current",
			  .also = "memory.stat",
			  .rule = RULE_WORKING_SET },
	},
	{
		.name = "container_memory_rss",
		.help = "Anonymous memory. Shared pages and page cache are not in it. From "
			"memory.stat, key anon.",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.stat", .key = "anon" },
	},
	{
		.name = "container_memory_cache",
		.help = "Page cache, tmpfs and shared memory included. From memory.stat, key "
			"file.",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.stat", .key = "file" },
	},
	{
		.name = "container_memory_swap",
		.help = "Swap in use. From memory.swap.current.",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.swap.current" },
	},
	{
		.name = "container_memory_max_usage_bytes",
		.help = "Highest memory use so far. From memory.peak, Linux 5.19 and later.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.peak" },
	},
	{
		.name = "container_memory_kernel_usage",
		.help = "Memory used by the kernel for the cgroup. From memory.stat, key "
			"kernel, Linux 5.18 and later.",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.stat", .key = "kernel" },
	},
	{
		.name = "container_memory_mapped_file",
		.help = "Page cache that is mapped into processes. From memory.stat, key "
			"file_mapped.",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.stat", .key = "file_mapped" },
	},
	{
		.name = "container_memory_total_active_file_bytes",
		.help = "Page cache that was used of late. From memory.stat, key active_file.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.stat", .key = "active_file" },
	},
	{
		.name = "container_memory_total_inactive_file_bytes",
		.help = "Page cache that is reclaimed first. From memory.stat, key "
			"inactive_file.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.stat", .key = "inactive_file" },
	},
	{
		.name = "container_memory_failures_total",
		.help = "Page faults. Both scopes are the cgroup with its descendants. From "
			"memory.stat, keys pgfault and pgmajfault.",
		.labels = { "failure_type", "scope" },
		.type = METRIC_COUNTER,
		.from = { .file = "memory.stat", .key = "pgfault pgmajfault", .rule = ROWS_SCOPES },
	},
	{
		.name = "container_memory_file_dirty_bytes",
		.help = "Page cache that was changed and is not yet written. From memory.stat, "
			"key file_dirty.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.stat", .key = "file_dirty" },
	},
	{
		.name = "container_memory_file_writeback_bytes",
		.help = "Page cache that is being written. From memory.stat, key "
			"file_writeback.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.stat", .key = "file_writeback" },
	},
	{
		.name = "container_memory_pgscan_total",
		.help = "Pages that reclaim looked at. From memory.stat, key pgscan.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.stat", .key = "pgscan" },
	},
	{
		.name = "container_memory_pgsteal_total",
		.help = "Pages that reclaim took. From memory.stat, key pgsteal.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.stat", .key = "pgsteal" },
	},
	{
		.name = "container_memory_workingset_refault_file_total",
		.help = "Page cache pages read again soon after they were reclaimed. From "
			"memory.stat, key workingset_refault_file.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.stat", .key = "workingset_refault_file" },
	},
	{
		.name = "container_memory_workingset_refault_anon_total",
		.help = "Anonymous pages read again soon after they were swapped out. From "
			"memory.stat, key workingset_refault_anon.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.stat", .key = "workingset_refault_anon" },
	},
	{
		.name = "container_memory_shmem_bytes",
		.help = "Shared memory and tmpfs; it is swapped, never dropped. From "
			"memory.stat, key shmem.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.stat", .key = "shmem" },
	},
	{
		.name = "container_memory_slab_bytes",
		.help = "Kernel objects, reclaimable or not. From memory.stat, key slab.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.stat", .key = "slab" },
	},
	{
		.name = "container_memory_sock_bytes",
		.help = "Buffers of network sockets. From memory.stat, key sock.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.stat", .key = "sock" },
	},
	{
		.name = "container_memory_events_low_total",
		.help = "Times memory was reclaimed although use was below memory.low. From "
			"memory.events, key low.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.events", .key = "low" },
	},
	{
		.name = "container_memory_events_high_total",
		.help = "Times processes were throttled for going over memory.high. From "
			"memory.events, key high.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.events", .key = "high" },
	},
	{
		.name = "container_memory_events_max_total",
		.help = "Times use was about to go over memory.max. From memory.events, key "
			"max.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.events", .key = "max" },
	},
	{
		.name = "container_memory_events_oom_total",
		.help = "Times an allocation was about to fail at memory.max. From "
			"memory.events, key oom.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.events", .key = "oom" },
	},
	{
		.name = "container_oom_events_total",
		.help = "Processes killed by the OOM killer, here and below. From "
			"memory.events, key oom_kill.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.events", .key = "oom_kill" },
	},
	{
		.name = "container_memory_events_oom_group_kill_total",
		.help = "Times the OOM killer killed a whole cgroup at once. From "
			"memory.events, key oom_group_kill.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.events", .key = "oom_group_kill" },
	},
	{
		.name = "container_memory_failcnt",
		.help = "Times this very cgroup reached memory.max; descendants' own limits do "
			"not count. From memory.events.local, key max.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.events.local", .key = "max" },
	},
	{
		.name = "container_memory_events_local_low_total",
		.help = "Times memory of this very cgroup was reclaimed although use was below "
			"memory.low. From memory.events.local, key low.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.events.local", .key = "low" },
	},
	{
		.name = "container_memory_events_local_high_total",
		.help = "Times processes were throttled for going over memory.high of this very "
			"cgroup. From memory.events.local, key high.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.events.local", .key = "high" },
	},
	{
		.name = "container_memory_events_local_oom_total",
		.help = "Times an allocation was about to fail at memory.max of this very "
			"cgroup. From memory.events.local, key oom.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.events.local", .key = "oom" },
	},
	{
		.name = "container_memory_events_local_oom_kill_total",
		.help = "Processes killed by the OOM killer in this very cgroup. From "
			"memory.events.local, key oom_kill.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.events.local", .key = "oom_kill" },
	},
	{
		.name = "container_memory_events_local_oom_group_kill_total",
		.help = "Times the OOM killer killed this very cgroup at once. From "
			"memory.events.local, key oom_group_kill.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.events.local", .key = "oom_group_kill" },
	},
	{
		.name = "container_spec_memory_limit_bytes",
		.help = "Limit on memory; of the root, the memory of the machine. Absent when "
			"unlimited. From memory.max.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.max", .rule = RULE_LIMIT },
	},
	{
		.name = "container_spec_memory_swap_limit_bytes",
		.help = "Limit on swap alone; of the root, the swap of the machine. Absent when "
			"unlimited. From memory.swap.max.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.swap.max", .rule = RULE_SWAP_LIMIT },
	},
	{
		.name = "container_spec_memory_reservation_limit_bytes",
		.help = "Memory that is reclaimed only when nothing else is left. Absent when "
			"all is. From memory.low, where runtimes write reservations.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.low", .rule = RULE_RESERVATION },
	},
	{
		.name = "container_memory_min_bytes",
		.help = "Memory that is never reclaimed. Absent when all is. From memory.min.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.min" },
	},
	{
		.name = "container_memory_high_bytes",
		.help = "Memory use at which processes are throttled. Absent when unlimited. "
			"From memory.high.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.high" },
	},
	{
		.name = "container_memory_effective_limit_bytes",
		.help = "Tightest limit on memory of the cgroup and its ancestors. Absent when "
			"unlimited. From memory.max.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.max", .rule = RULE_TIGHTEST },
	},
	{
		.name = "container_memory_oom_group",
		.help = "1 if the OOM killer kills the cgroup as a whole, else 0. From "
			"memory.oom.group.",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.oom.group" },
	},
	{
		.name = "container_memory_swap_high_bytes",
		.help = "Swap use at which processes are throttled. Absent when unlimited. From "
			"memory.swap.high.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.swap.high" },
	},
	{
		.name = "container_memory_swap_peak_bytes",
		.help = "Highest swap use so far. From memory.swap.peak, Linux 6.5 and later.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.swap.peak" },
	},
	{
		.name = "container_memory_swap_events_high_total",
		.help = "Times processes were throttled for going over memory.swap.high. From "
			"memory.swap.events, key high.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.swap.events", .key = "high" },
	},
	{
		.name = "container_memory_swap_events_max_total",
		.help = "Times use of swap was about to go over memory.swap.max. From "
			"memory.swap.events, key max.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.swap.events", .key = "max" },
	},
	{
		.name = "container_memory_swap_events_fail_total",
		.help = "Times swap could not be had, for the limit or for want of it. From "
			"memory.swap.events, key fail.",
		.type = METRIC_COUNTER,
		.from = { .file = "memory.swap.events", .key = "fail" },
	},
	{
		.name = "container_memory_zswap_bytes",
		.help = "Memory that the compressed swap cache takes. From "
			"memory.zswap.current.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.zswap.current" },
	},
	{
		.name = "container_memory_zswap_max_bytes",
		.help = "Limit on the compressed swap cache. Absent when unlimited. From "
			"memory.zswap.max.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.from = { .file = "memory.zswap.max" },
	},
	{
		.name = "container_memory_zswap_writeback",
		.help = "1 if the compressed swap cache may write to swap, else 0. From "
			"memory.zswap.writeback, Linux 6.8 and later.",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.zswap.writeback" },
	},
};

/* The root has no memory.current; what cAdvisor takes for it counts user memory only. */
static bool usage(const struct rows_input *input, uint64_t *ret_value)
{
	const struct rows_number *n = input->numbers;

	if (n[OWN].state == NUMBER_VALUE) {
		*ret_value = n[OWN].value;
		return true;
	}
	if (!input->is_root || n[ANON].state != NUMBER_VALUE || n[FILE_CACHE].state != NUMBER_VALUE)
		return false;
	return !__builtin_add_overflow(n[ANON].value, n[FILE_CACHE].value, ret_value);
}

static bool working_set(const struct rows_input *input, uint64_t *ret_value)
{
	const struct rows_number *inactive = &input->numbers[INACTIVE_FILE];
	uint64_t used;

	if (inactive->state != NUMBER_VALUE || !usage(input, &used))
		return false;
	*ret_value = used > inactive->value ? used - inactive->value : 0;
	return true;
}

/*
 * A limit of cAdvisor's spec, whose 0 stands for "unlimited"; absent here unless asked for. The root's
 * is the machine's, where the controller is on v2 (the root has memory.stat).
 */
static bool spec_limit(const struct rows_input *input, uint64_t machine, uint64_t *ret_value)
{
	const struct rows_number *limit = &input->numbers[OWN];

	if (input->is_root) {
		*ret_value = machine;
		return machine > 0 && input->numbers[ANON].state == NUMBER_VALUE;
	}
	if (limit->state == NUMBER_ABSENT)
		return false;
	if (limit->state == NUMBER_MAX || limit->value > cadvisor_unlimited) {
		*ret_value = 0;
		return input->sentinels;
	}
	*ret_value = limit->value;
	return true;
}

static bool memory_limit(const struct rows_input *input, uint64_t *ret_value)
{
	return spec_limit(input, input->machine_memory_bytes, ret_value);
}

static bool swap_limit(const struct rows_input *input, uint64_t *ret_value)
{
	return spec_limit(input, input->machine_swap_bytes, ret_value);
}

static bool reservation(const struct rows_input *input, uint64_t *ret_value)
{
	return spec_limit(input, 0, ret_value);
}

static bool own_limit(const struct rows_input *input, uint64_t *ret_value)
{
	*ret_value = input->numbers[OWN].value;
	return input->numbers[OWN].state == NUMBER_VALUE;
}

static const struct rows_derived derived[] = {
	{
		.rule = RULE_USAGE,
		.needs = { { "memory.stat", NULL, "anon" }, { "memory.stat", NULL, "file" } },
		.value = usage,
	},
	{
		.rule = RULE_WORKING_SET,
		.needs = { { "memory.stat", NULL, "anon" },
			   { "memory.stat", NULL, "file" },
			   { "memory.stat", NULL, "inactive_file" } },
		.value = working_set,
	},
	{
		.rule = RULE_LIMIT,
		.needs = { { "memory.stat", NULL, "anon" } },
		.value = memory_limit,
	},
	{
		.rule = RULE_SWAP_LIMIT,
		.needs = { { "memory.stat", NULL, "anon" } },
		.value = swap_limit,
	},
	{ .rule = RULE_RESERVATION, .value = reservation },
	{ .rule = RULE_TIGHTEST, .tightest = true, .value = own_limit },
};

static const struct rows_table table = {
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.derived = derived,
	.n_derived = ARRAY_SIZE(derived),
	.needs_machine = true,
};

static int open_memory(const struct options *options, void **ret_state, const char **ret_reason)
{
	(void)ret_reason;
	return rows_open(&table, options, ret_state);
}

const struct source source_memory = {
	.name = "memory",
	.help = "memory and swap: use, limits, events and reclaim, from memory.*",
	.controller = "memory",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = open_memory,
	.collect = rows_collect,
	.close = rows_close,
};
