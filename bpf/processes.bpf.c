/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All processes in one pass: in which cgroup2 group each is, and in which network namespace. Runs only
 * when the collector reads the iterator; nothing is attached to an event.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"
#include "bpf/wire.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { PF_EXITING = 0x00000004 };

/* As cgroup.procs has it: one that ends is left out with the last of its threads. */
static __always_inline bool is_process(const struct task_struct *task)
{
	if (task->pid != task->tgid)
		return false;
	return !(task->flags & PF_EXITING) || task->signal->live.counter > 0;
}

SEC("iter/task")
int list_processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	const struct css_set *set = task->cgroups;
	const struct nsproxy *namespaces = task->nsproxy;
	__u64 own = set->dfl_cgrp->kn->id;
	/* The processes of threaded groups are listed with the domain that those are a part of. */
	__u64 domain = set->dom_cset->dfl_cgrp->kn->id;
	bool process = is_process(task);

	if (own != domain) {
		struct wire_process threaded = { .cgroup = own };

		bpf_seq_write(ctx->meta->seq, &threaded, sizeof(threaded));
	}
	if (process) {
		struct wire_process record = {
			.cgroup = domain,
			.pid = (__u32)task->tgid,
			.netns = namespaces ? namespaces->net_ns->ns.inum : 0,
		};

		bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	}
	return 0;
}
