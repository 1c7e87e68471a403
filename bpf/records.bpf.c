/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The numbers of every cgroup, in one pass, as records in an array that the collector has mapped. Runs only
 * when the collector reads the iterator; nothing is attached to an event.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/devices.h"
#include "bpf/kernel.h"
#include "bpf/stalls.h"
#include "bpf/wire_records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before it is loaded, from the kernel's type information. */
const volatile __u32 visible_flag = 8; /* CSS_VISIBLE: its files are there */
const volatile __u32 frozen_bit = 3;   /* CGRP_FROZEN */
const volatile bool events_known;      /* memcg_memory_event is numbered as record_event */
const volatile __u32 n_states;	       /* of memory.stat; 0: not known */
const volatile __u32 n_counts;
const volatile bool pids_events_known;	/* pidcg_event is numbered as it was at first */
const volatile __u32 local_events_flag; /* CGRP_ROOT_PIDS_LOCAL_EVENTS; 0: this kernel has none */

/* Of the pass at hand: set before it. */
__u64 updates_max; /* pages of memory counted and not added up, more than which memory.stat would add up */
__u32 n_records;
__u32 n_lost; /* found no room */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set before it is loaded */
	__type(key, __u32);
	__type(value, struct wire_record);
} records SEC(".maps");

static __always_inline bool has_processes(struct cgroup *cgroup)
{
	if (bpf_core_field_exists(cgroup->nr_populated_csets))
		return cgroup->nr_populated_csets;
	return bpf_core_field_exists(cgroup->self.nr_populated_csets) &&
	       cgroup->self.nr_populated_csets;
}

static __always_inline void fill_group(struct wire_record *record, struct cgroup *cgroup)
{
	record->populated = has_processes(cgroup) || cgroup->nr_populated_domain_children ||
			    cgroup->nr_populated_threaded_children;
	record->frozen = cgroup->flags >> frozen_bit & 1;
	record->descendants = cgroup->nr_descendants;
	record->dying_descendants = cgroup->nr_dying_descendants;
	record->threaded = cgroup->dom_cgrp != cgroup;
	record->filled |= RECORD_GROUP;
}

static __always_inline void fill_time(struct wire_record *record, struct cgroup *cgroup)
{
	record->told_user_ns = cgroup->prev_cputime.utime;
	record->told_system_ns = cgroup->prev_cputime.stime;
	record->runtime_ns = cgroup->bstat.cputime.sum_exec_runtime;
	record->user_ns = cgroup->bstat.cputime.utime;
	record->system_ns = cgroup->bstat.cputime.stime;
	record->filled |= RECORD_TIME;
	if (bpf_core_field_exists(cgroup->bstat.ntime)) {
		record->nice_ns = cgroup->bstat.ntime;
		record->filled |= RECORD_NICE;
	}
	if (bpf_core_field_exists(cgroup->bstat.forceidle_sum)) {
		record->force_idle_ns = cgroup->bstat.forceidle_sum;
		record->filled |= RECORD_FORCE_IDLE;
	}
}

/* A controller's state, when its files are in the cgroup. */
static __always_inline void *visible(struct cgroup *cgroup, __u64 number)
{
	struct cgroup_subsys_state *state =
		*(struct cgroup_subsys_state **)((void *)cgroup->subsys + number * sizeof(state));

	return state && state->flags & visible_flag ? state : 0;
}

#define state_of(cgroup, controller)                                                               \
	(bpf_core_enum_value_exists(enum cgroup_subsys_id, controller)                             \
		 ? visible(cgroup, bpf_core_enum_value(enum cgroup_subsys_id, controller))         \
		 : 0)

static __always_inline void fill_cpu(struct wire_record *record, struct task_group *group)
{
	if (!group || !bpf_core_field_exists(group->cfs_bandwidth.nr_throttled))
		return;
	record->periods = BPF_CORE_READ(group, cfs_bandwidth.nr_periods);
	record->throttled_periods = BPF_CORE_READ(group, cfs_bandwidth.nr_throttled);
	record->throttled_ns = BPF_CORE_READ(group, cfs_bandwidth.throttled_time);
	record->quota_ns = BPF_CORE_READ(group, cfs_bandwidth.quota);
	record->period_ns = BPF_CORE_READ(group, cfs_bandwidth.period);
	record->filled |= RECORD_CPU;
	if (bpf_core_field_exists(group->cfs_bandwidth.nr_burst)) {
		record->burst_periods = BPF_CORE_READ(group, cfs_bandwidth.nr_burst);
		record->burst_ns = BPF_CORE_READ(group, cfs_bandwidth.burst_time);
		record->max_burst_ns = BPF_CORE_READ(group, cfs_bandwidth.burst);
		record->filled |= RECORD_BURST;
	}
	if (bpf_core_field_exists(group->idle)) {
		record->idle = (__u32)BPF_CORE_READ(group, idle);
		record->filled |= RECORD_IDLE;
	}
	if (bpf_core_field_exists(group->shares) && bpf_core_field_exists(group->idle) &&
	    !record->idle) {
		record->shares = BPF_CORE_READ(group, shares);
		record->filled |= RECORD_SHARES;
	}
}

static __always_inline void fill_pages(struct wire_pages *pages, struct page_counter *counter)
{
	pages->usage = BPF_CORE_READ(counter, usage.counter);
	pages->watermark = BPF_CORE_READ(counter, watermark);
	pages->high = BPF_CORE_READ(counter, high);
	pages->max = BPF_CORE_READ(counter, max);
}

/*
 * Whether memory.stat would first add up what the CPUs have counted, and so have other numbers than the record
 * now. An ancestor whose file was read just before did that for this group, but for what came since, and unless
 * its own count was below: each has its own batches on each CPU. memcg_rstat_updated(), mm/memcontrol.c.
 */
static __always_inline bool would_add_up(struct memcg_vmstats *stats)
{
	if (updates_max == ~0ULL)
		return false;
	return !bpf_core_field_exists(stats->stats_updates) ||
	       BPF_CORE_READ_BITFIELD_PROBED(stats, stats_updates.counter) > updates_max;
}

static __always_inline void fill_memory_stat(struct wire_record *record, struct mem_cgroup *memory)
{
	struct memcg_vmstats *stats;
	__u32 states = n_states, counts = n_counts;

	if (!states || states > RECORD_STATES_MAX || counts > RECORD_COUNTS_MAX ||
	    !bpf_core_field_exists(memory->vmstats))
		return;
	stats = BPF_CORE_READ(memory, vmstats);
	if (would_add_up(stats))
		return;
	if (bpf_probe_read_kernel(record->memory_stat, states * sizeof(__u64), &stats->state) < 0 ||
	    bpf_probe_read_kernel(record->memory_stat + RECORD_STATES_MAX, counts * sizeof(__u64),
				  &stats->events) < 0)
		return;
	record->filled |= RECORD_MEMORY_STAT;
}

static __always_inline void fill_memory(struct wire_record *record, struct mem_cgroup *memory)
{
	if (!memory || !events_known)
		return;
	fill_pages(&record->memory, &memory->memory);
	record->memory_min = BPF_CORE_READ(memory, memory.min);
	record->memory_low = BPF_CORE_READ(memory, memory.low);
	record->oom_group = BPF_CORE_READ(memory, oom_group);
	bpf_probe_read_kernel(record->events, sizeof(record->events), &memory->memory_events);
	bpf_probe_read_kernel(record->local_events, sizeof(record->local_events),
			      &memory->memory_events_local);
	record->filled |= RECORD_MEMORY;
	fill_memory_stat(record, memory);
	if (bpf_core_field_exists(memory->swap)) {
		fill_pages(&record->swap, &memory->swap);
		record->filled |= RECORD_SWAP;
	}
	if (bpf_core_field_exists(memory->zswap_max)) {
		record->zswap_max = BPF_CORE_READ(memory, zswap_max);
		record->filled |= RECORD_ZSWAP;
	}
}

/* What was counted when forks failed. How cgroup2 was mounted says of which ones the files tell. */
static __always_inline void fill_pids_events(struct wire_record *record, struct pids_cgroup *pids,
					     struct cgroup_root *root)
{
	bool local = root->flags & local_events_flag;

	if (bpf_core_field_exists(pids->events_limit)) {
		record->pids_events = BPF_CORE_READ(pids, events_limit.counter);
		record->filled |= RECORD_PIDS_EVENTS;
	}
	if (!pids_events_known || !bpf_core_field_exists(pids->events_local))
		return;
	record->pids_events_local = local ? BPF_CORE_READ(pids, events_local[1].counter)
					  : BPF_CORE_READ(pids, events_local[0].counter);
	record->pids_events =
		local ? record->pids_events_local : BPF_CORE_READ(pids, events[0].counter);
	record->filled |= RECORD_PIDS_EVENTS | RECORD_PIDS_EVENTS_LOCAL;
}

static __always_inline void fill_pids(struct wire_record *record, struct pids_cgroup *pids,
				      struct cgroup_root *root)
{
	if (!pids)
		return;
	record->pids = BPF_CORE_READ(pids, counter.counter);
	record->pids_max = BPF_CORE_READ(pids, limit.counter);
	record->filled |= RECORD_PIDS;
	if (bpf_core_field_exists(pids->watermark)) {
		record->pids_peak = BPF_CORE_READ(pids, watermark);
		record->filled |= RECORD_PIDS_PEAK;
	}
	fill_pids_events(record, pids, root);
}

/* The root's files are put together otherwise. */
SEC("iter/cgroup")
int read_cgroups(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *cgroup = ctx->cgroup;
	struct wire_record *record;
	__u32 number = n_records;

	if (!cgroup)
		return 0;
	if (!cpus_found)
		find_cpus();
	stalls_known = n_cpus && are_stalls_known();
	if (cgroup->level == 0)
		return 0;
	record = bpf_map_lookup_elem(&records, &number);
	if (!record) {
		n_lost++;
		return 0;
	}
	n_records = number + 1;
	record->id = cgroup->kn->id;
	record->filled = 0;
	fill_group(record, cgroup);
	fill_time(record, cgroup);
	fill_cpu(record, state_of(cgroup, cpu_cgrp_id));
	fill_memory(record, state_of(cgroup, memory_cgrp_id));
	fill_io(record, state_of(cgroup, io_cgrp_id));
	fill_pids(record, state_of(cgroup, pids_cgrp_id), cgroup->root);
	fill_stalls(record, cgroup->psi);
	return 0;
}
