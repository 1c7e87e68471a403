/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads that have to wait for memory: that reclaim pages themselves, that are held back above
 * memory.high, that wait for a page of a file or of swap. All run as the thread that waits. The last two
 * have no tracepoints: they are there where the kernel lets programs be attached to functions.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/cpus.h"
#include "bpf/current.h"
#include "bpf/histograms.h"
#include "bpf/kernel.h"
#include "bpf/slots.h"
#include "bpf/stamps.h"
#include "bpf/wire_waits.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { VM_FAULT_MAJOR = 0x4 }; /* enum vm_fault_reason, include/linux/mm_types.h */

/* One thread may have several kinds of waits within each other. */
static __always_inline __u64 wait_of(__u32 kind)
{
	return (__u64)(kind + 1) << 32 | (__u32)bpf_get_current_pid_tgid();
}

static __always_inline void end(__u32 kind, bool counts)
{
	__u64 began_ns = stamp_take(wait_of(kind)), now;
	struct task_struct *task;

	if (!counts)
		return;
	/* It began before we were there, or another's beginning took the place. Most ends of HIGH have none. */
	if (!began_ns) {
		if (kind != WIRE_STALL_HIGH)
			count_run(WIRE_STALLS_UNTIMED);
		return;
	}
	now = bpf_ktime_get_ns();
	task = current_task();
	if (now >= began_ns)
		histogram_add(slot_of_id(current_group(task), current_group_id(task)), kind,
			      now - began_ns);
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int on_group_reclaim(void *ctx)
{
	count_run(0);
	stamp_set(wait_of(WIRE_STALL_RECLAIM_CGROUP));
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int on_group_reclaimed(void *ctx)
{
	count_run(1);
	end(WIRE_STALL_RECLAIM_CGROUP, true);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int on_host_reclaim(void *ctx)
{
	count_run(2);
	stamp_set(wait_of(WIRE_STALL_RECLAIM_HOST));
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int on_host_reclaimed(void *ctx)
{
	count_run(3);
	end(WIRE_STALL_RECLAIM_HOST, true);
	return 0;
}

/* The collector names the function, and leaves these out where they cannot be. */
SEC("fentry/mem_cgroup_handle_over_high")
int on_high(void *ctx)
{
	struct task_struct *task = current_task();

	count_run(4);
	/* Asked on each way back from the kernel that has something else to do, too. */
	if (CURRENT_READ(task, memcg_nr_pages_over_high, memcg_nr_pages_over_high))
		stamp_set(wait_of(WIRE_STALL_HIGH));
	return 0;
}

SEC("fexit/mem_cgroup_handle_over_high")
int on_high_left(void *ctx)
{
	count_run(5);
	end(WIRE_STALL_HIGH, true);
	return 0;
}

SEC("fentry/filemap_fault")
int on_file_fault(void *ctx)
{
	count_run(6);
	stamp_set(wait_of(WIRE_STALL_FAULT_FILE));
	return 0;
}

SEC("fexit/filemap_fault")
int BPF_PROG(on_file_fault_done, void *fault, __u32 result)
{
	count_run(7);
	end(WIRE_STALL_FAULT_FILE, result & VM_FAULT_MAJOR);
	return 0;
}

SEC("fentry/do_swap_page")
int on_swap_fault(void *ctx)
{
	count_run(8);
	stamp_set(wait_of(WIRE_STALL_FAULT_SWAP));
	return 0;
}

SEC("fexit/do_swap_page")
int BPF_PROG(on_swap_fault_done, void *fault, __u32 result)
{
	count_run(9);
	end(WIRE_STALL_FAULT_SWAP, result & VM_FAULT_MAJOR);
	return 0;
}
