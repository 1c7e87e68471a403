/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of memory.stat and memory.numa_stat that few need: all off by default. */
#include "collector/cleanup.h"
#include "collector/sources/cgroup.h"

#define NUMA_BYTES                                                                                 \
	"anon file kernel_stack pagetables sec_pagetables shmem file_mapped file_dirty "           \
	"file_writeback swapcached anon_thp file_thp shmem_thp inactive_anon active_anon "         \
	"inactive_file active_file unevictable slab_reclaimable slab_unreclaimable "               \
	"hugetlb"
#define NUMA_EVENTS                                                                                \
	"workingset_refault_anon workingset_refault_file workingset_activate_anon "                \
	"workingset_activate_file workingset_restore_anon workingset_restore_file "                \
	"workingset_nodereclaim pgdemote_kswapd pgdemote_direct pgdemote_khugepaged "              \
	"pgdemote_proactive pgpromote_success"

static const struct metric metrics[] = {
	{
		.name = "container_memory_kernel_stack_bytes",
		.help = "Stacks of the kernel's side of tasks. From memory.stat, key "
			"kernel_stack.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "kernel_stack" },
	},
	{
		.name = "container_memory_pagetables_bytes",
		.help = "Page tables. From memory.stat, key pagetables.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pagetables" },
	},
	{
		.name = "container_memory_secondary_pagetables_bytes",
		.help = "Page tables of virtual machines and IOMMUs. From memory.stat, key "
			"sec_pagetables.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "sec_pagetables" },
	},
	{
		.name = "container_memory_percpu_bytes",
		.help = "Per-CPU kernel memory. From memory.stat, key percpu.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "percpu" },
	},
	{
		.name = "container_memory_vmalloc_bytes",
		.help = "Memory that the kernel maps contiguously. From memory.stat, key "
			"vmalloc.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "vmalloc" },
	},
	{
		.name = "container_memory_zswapped_bytes",
		.help = "Memory that was swapped into the compressed swap cache, before "
			"compression. From memory.stat, key zswapped.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "zswapped" },
	},
	{
		.name = "container_memory_swapcached_bytes",
		.help = "Swap that is in memory as well. From memory.stat, key swapcached.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "swapcached" },
	},
	{
		.name = "container_memory_anon_thp_bytes",
		.help = "Anonymous memory in huge pages. From memory.stat, key anon_thp.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "anon_thp" },
	},
	{
		.name = "container_memory_file_thp_bytes",
		.help = "Page cache in huge pages. From memory.stat, key file_thp.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "file_thp" },
	},
	{
		.name = "container_memory_shmem_thp_bytes",
		.help = "Shared memory in huge pages. From memory.stat, key shmem_thp.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "shmem_thp" },
	},
	{
		.name = "container_memory_inactive_anon_bytes",
		.help = "Anonymous memory that is reclaimed first. From memory.stat, key "
			"inactive_anon.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "inactive_anon" },
	},
	{
		.name = "container_memory_active_anon_bytes",
		.help = "Anonymous memory that was used of late. From memory.stat, key "
			"active_anon.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "active_anon" },
	},
	{
		.name = "container_memory_unevictable_bytes",
		.help = "Memory that cannot be reclaimed. From memory.stat, key unevictable.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "unevictable" },
	},
	{
		.name = "container_memory_slab_reclaimable_bytes",
		.help = "Kernel objects that may be reclaimed. From memory.stat, key "
			"slab_reclaimable.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "slab_reclaimable" },
	},
	{
		.name = "container_memory_slab_unreclaimable_bytes",
		.help = "Kernel objects that cannot be reclaimed. From memory.stat, key "
			"slab_unreclaimable.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "slab_unreclaimable" },
	},
	{
		.name = "container_memory_hugetlb_bytes",
		.help = "Memory in hugetlb pages. From memory.stat, key hugetlb.",
		.unit = "bytes",
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.stat", .key = "hugetlb" },
	},
	{
		.name = "container_memory_workingset_activate_anon_total",
		.help = "Refaulted anonymous pages that were active at once. From memory.stat, "
			"key workingset_activate_anon.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "workingset_activate_anon" },
	},
	{
		.name = "container_memory_workingset_activate_file_total",
		.help = "Refaulted page cache pages that were active at once. From memory.stat, "
			"key workingset_activate_file.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "workingset_activate_file" },
	},
	{
		.name = "container_memory_workingset_restore_anon_total",
		.help = "Refaulted anonymous pages that had been active before. From "
			"memory.stat, key workingset_restore_anon.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "workingset_restore_anon" },
	},
	{
		.name = "container_memory_workingset_restore_file_total",
		.help = "Refaulted page cache pages that had been active before. From "
			"memory.stat, key workingset_restore_file.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "workingset_restore_file" },
	},
	{
		.name = "container_memory_workingset_nodereclaim_total",
		.help = "Times shadow nodes were reclaimed. From memory.stat, key "
			"workingset_nodereclaim.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "workingset_nodereclaim" },
	},
	{
		.name = "container_memory_pgscan_kswapd_total",
		.help = "Pages that kswapd looked at. From memory.stat, key pgscan_kswapd.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgscan_kswapd" },
	},
	{
		.name = "container_memory_pgscan_direct_total",
		.help = "Pages that tasks looked at in direct reclaim. From memory.stat, key "
			"pgscan_direct.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgscan_direct" },
	},
	{
		.name = "container_memory_pgscan_khugepaged_total",
		.help = "Pages that khugepaged looked at. From memory.stat, key "
			"pgscan_khugepaged.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgscan_khugepaged" },
	},
	{
		.name = "container_memory_pgscan_proactive_total",
		.help = "Pages that proactive reclaim looked at. From memory.stat, key "
			"pgscan_proactive.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgscan_proactive" },
	},
	{
		.name = "container_memory_pgsteal_kswapd_total",
		.help = "Pages that kswapd took. From memory.stat, key pgsteal_kswapd.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgsteal_kswapd" },
	},
	{
		.name = "container_memory_pgsteal_direct_total",
		.help = "Pages that tasks took in direct reclaim. From memory.stat, key "
			"pgsteal_direct.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgsteal_direct" },
	},
	{
		.name = "container_memory_pgsteal_khugepaged_total",
		.help = "Pages that khugepaged took. From memory.stat, key pgsteal_khugepaged.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgsteal_khugepaged" },
	},
	{
		.name = "container_memory_pgsteal_proactive_total",
		.help = "Pages that proactive reclaim took. From memory.stat, key "
			"pgsteal_proactive.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgsteal_proactive" },
	},
	{
		.name = "container_memory_pgrefill_total",
		.help = "Active pages that were looked at for deactivation. From memory.stat, "
			"key pgrefill.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgrefill" },
	},
	{
		.name = "container_memory_pgactivate_total",
		.help = "Pages moved to the active list. From memory.stat, key pgactivate.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgactivate" },
	},
	{
		.name = "container_memory_pgdeactivate_total",
		.help = "Pages moved to the inactive list. From memory.stat, key pgdeactivate.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgdeactivate" },
	},
	{
		.name = "container_memory_pglazyfree_total",
		.help = "Pages marked as free to drop. From memory.stat, key pglazyfree.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pglazyfree" },
	},
	{
		.name = "container_memory_pglazyfreed_total",
		.help = "Marked pages that were dropped. From memory.stat, key pglazyfreed.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pglazyfreed" },
	},
	{
		.name = "container_memory_pgdemote_kswapd_total",
		.help = "Pages that kswapd moved to slower memory. From memory.stat, key "
			"pgdemote_kswapd.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgdemote_kswapd" },
	},
	{
		.name = "container_memory_pgdemote_direct_total",
		.help = "Pages that direct reclaim moved to slower memory. From memory.stat, "
			"key pgdemote_direct.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgdemote_direct" },
	},
	{
		.name = "container_memory_pgdemote_khugepaged_total",
		.help = "Pages that khugepaged moved to slower memory. From memory.stat, key "
			"pgdemote_khugepaged.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgdemote_khugepaged" },
	},
	{
		.name = "container_memory_pgdemote_proactive_total",
		.help = "Pages that proactive reclaim moved to slower memory. From memory.stat, "
			"key pgdemote_proactive.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgdemote_proactive" },
	},
	{
		.name = "container_memory_pgpromote_success_total",
		.help = "Pages moved to faster memory. From memory.stat, key pgpromote_success.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pgpromote_success" },
	},
	{
		.name = "container_memory_pswpin_total",
		.help = "Pages swapped in. From memory.stat, key pswpin.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pswpin" },
	},
	{
		.name = "container_memory_pswpout_total",
		.help = "Pages swapped out. From memory.stat, key pswpout.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "pswpout" },
	},
	{
		.name = "container_memory_swpin_zero_total",
		.help = "Pages of zeros swapped in without I/O. From memory.stat, key "
			"swpin_zero.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "swpin_zero" },
	},
	{
		.name = "container_memory_swpout_zero_total",
		.help = "Pages of zeros swapped out without I/O. From memory.stat, key "
			"swpout_zero.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "swpout_zero" },
	},
	{
		.name = "container_memory_zswpin_total",
		.help = "Pages read from the compressed swap cache. From memory.stat, key "
			"zswpin.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "zswpin" },
	},
	{
		.name = "container_memory_zswpout_total",
		.help = "Pages put into the compressed swap cache. From memory.stat, key "
			"zswpout.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "zswpout" },
	},
	{
		.name = "container_memory_zswpwb_total",
		.help = "Pages written from the compressed swap cache to swap. From "
			"memory.stat, key zswpwb.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "zswpwb" },
	},
	{
		.name = "container_memory_thp_fault_alloc_total",
		.help = "Huge pages allocated at a page fault. From memory.stat, key "
			"thp_fault_alloc.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "thp_fault_alloc" },
	},
	{
		.name = "container_memory_thp_collapse_alloc_total",
		.help = "Huge pages allocated to collapse small ones. From memory.stat, key "
			"thp_collapse_alloc.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "thp_collapse_alloc" },
	},
	{
		.name = "container_memory_thp_swpout_total",
		.help = "Huge pages swapped out whole. From memory.stat, key thp_swpout.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "thp_swpout" },
	},
	{
		.name = "container_memory_thp_swpout_fallback_total",
		.help = "Huge pages split to be swapped out. From memory.stat, key "
			"thp_swpout_fallback.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "thp_swpout_fallback" },
	},
	{
		.name = "container_memory_numa_pages_migrated_total",
		.help = "Pages moved by NUMA balancing. From memory.stat, key "
			"numa_pages_migrated.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "numa_pages_migrated" },
	},
	{
		.name = "container_memory_numa_pte_updates_total",
		.help = "Page table entries changed by NUMA balancing. From memory.stat, key "
			"numa_pte_updates.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "numa_pte_updates" },
	},
	{
		.name = "container_memory_numa_hint_faults_total",
		.help = "Faults taken by NUMA balancing. From memory.stat, key "
			"numa_hint_faults.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "numa_hint_faults" },
	},
	{
		.name = "container_memory_numa_task_migrated_total",
		.help = "Tasks moved by NUMA balancing. From memory.stat, key "
			"numa_task_migrated.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "numa_task_migrated" },
	},
	{
		.name = "container_memory_numa_task_swapped_total",
		.help = "Tasks swapped by NUMA balancing. From memory.stat, key "
			"numa_task_swapped.",
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.stat", .key = "numa_task_swapped" },
	},
	{
		.name = "container_memory_numa_bytes",
		.help = "Memory by kind and NUMA node. From memory.numa_stat.",
		.unit = "bytes",
		.labels = { "type", "node" },
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "memory.numa_stat", .line = NUMA_BYTES, .key = "N*" },
	},
	{
		.name = "container_memory_numa_events_total",
		.help = "Events of memory management by kind and NUMA node. From "
			"memory.numa_stat.",
		.labels = { "type", "node" },
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "memory.numa_stat", .line = NUMA_EVENTS, .key = "N*" },
	},
};

static const struct rows_table table = {
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
};

static int open_memory_stat(const struct options *options, void **ret_state,
			    const char **ret_reason)
{
	(void)ret_reason;
	return rows_open(&table, options, ret_state);
}

const struct source source_memory_stat = {
	.name = "memory_stat",
	.help = "the rest of memory.stat and memory.numa_stat, row by row on request",
	.controller = "memory",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = open_memory_stat,
	.collect = rows_collect,
	.close = rows_close,
};
