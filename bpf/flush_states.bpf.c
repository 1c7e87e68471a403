/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CPU times are kept per CPU until somebody wants them: this adds up those of a cgroup and all below, before
 * records.bpf.c looks. From Linux 6.16 on (a97915559f5c). An object of its own: libbpf looks for a function that is not there
 * among those of modules, which not everybody may list.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

extern void css_rstat_flush(struct cgroup_subsys_state *css) __ksym;

SEC("iter.s/cgroup")
int flush(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *cgroup = ctx->cgroup;

	if (cgroup)
		css_rstat_flush(&cgroup->self);
	return 0;
}
