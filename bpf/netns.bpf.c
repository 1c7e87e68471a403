/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The network namespace of every process, for when the links <procfs>/PID/ns/net may not be read.
 * Runs only when the collector reads the iterator; nothing is attached to an event.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"
#include "bpf/wire.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task")
int list_netns(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task || task->pid != task->tgid || !task->nsproxy)
		return 0;
	struct wire_netns record = {
		.pid = (__u32)task->tgid,
		.inode = task->nsproxy->net_ns->ns.inum,
	};
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}
