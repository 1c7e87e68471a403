/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What CPUs count is kept apart until somebody wants it: this adds up all of it of a cgroup and all below, before
 * records.bpf.c looks. Up to Linux 6.15; flush_states.bpf.c is for later ones, and for CPU times. An object of its own: libbpf looks for a function that is not there
 * among those of modules, which not everybody may list.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

extern void cgroup_rstat_flush(struct cgroup *cgroup) __ksym;

SEC("iter.s/cgroup")
int flush(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *cgroup = ctx->cgroup;

	/* libbpf compares types: without a look into it, this one would be of a name alone. */
	if (cgroup && cgroup->level >= 0)
		cgroup_rstat_flush(cgroup);
	return 0;
}
