/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The least that a program on these hooks can cost: nothing but being called, and the clock. What the
 * probes cost is compared with these, in the same run.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__u64 sink; /* so that the clock is not optimised away */

SEC("tp_btf/sys_enter")
int empty_enter(void *ctx)
{
	return 0;
}

SEC("tp_btf/sys_enter")
int clock_enter(void *ctx)
{
	sink = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/sys_exit")
int clock_exit(void *ctx)
{
	sink = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/sched_switch")
int empty_switch(void *ctx)
{
	return 0;
}

SEC("tp_btf/sched_wakeup")
int empty_wakeup(void *ctx)
{
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int empty_wakeup_new(void *ctx)
{
	return 0;
}

SEC("tp_btf/block_rq_issue")
int clock_issue(void *ctx)
{
	sink = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/block_rq_complete")
int clock_complete(void *ctx)
{
	sink = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int empty_state(void *ctx)
{
	return 0;
}

SEC("tp_btf/signal_generate")
int empty_signal(void *ctx)
{
	return 0;
}
