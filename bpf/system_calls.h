/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* System calls that move bytes: their numbers, and their arguments in the registers when they end. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "bpf/current.h"
#include "bpf/kernel.h"

#ifdef __TARGET_ARCH_arm64
enum {
	NR_READ = 63,
	NR_WRITE,
	NR_READV,
	NR_WRITEV,
	NR_SENDFILE = 71,
	NR_SPLICE = 76,
	NR_SENDTO = 206,
	NR_RECVFROM,
	NR_SENDMSG = 211,
	NR_RECVMSG,
	NR_RECVMMSG = 243,
	NR_SENDMMSG = 269,
	CALL_IS_COMPAT = 1 << 22,
};
#else
enum {
	NR_READ = 0,
	NR_WRITE,
	NR_READV = 19,
	NR_WRITEV,
	NR_SENDFILE = 40,
	NR_SENDTO = 44,
	NR_RECVFROM,
	NR_SENDMSG,
	NR_RECVMSG,
	NR_SPLICE = 275,
	NR_RECVMMSG = 299,
	NR_SENDMMSG = 307,
	CALL_IS_COMPAT = 2,
};
#endif

enum { CALL_ARGUMENTS = 4 };

struct call {
	__u64 arguments[CALL_ARGUMENTS];
	__u64 result;
	__u64 number; /* no padding, which older verifiers hold against us */
};

static __always_inline __u32 call_number(struct pt_regs *regs)
{
#ifdef __TARGET_ARCH_arm64
	return regs->syscallno;
#else
	return regs->orig_ax;
#endif
}

static __always_inline bool call_is_compat(struct task_struct *task)
{
#ifdef __TARGET_ARCH_arm64
	return CURRENT_READ(task, thread_info.flags, thread_info.flags) & CALL_IS_COMPAT;
#else
	return CURRENT_READ(task, thread_info.status, thread_info.status) & CALL_IS_COMPAT;
#endif
}

static __always_inline __u64 call_argument(struct pt_regs *regs, __u32 i)
{
#ifdef __TARGET_ARCH_arm64
	return i == 0 ? regs->orig_x0 : regs->regs[i];
#else
	switch (i) {
	case 0:
		return regs->di;
	case 1:
		return regs->si;
	case 2:
		return regs->dx;
	default:
		return regs->r10;
	}
#endif
}

static __always_inline bool call_transfers(__u32 number)
{
	switch (number) {
	case NR_READ:
	case NR_WRITE:
	case NR_READV:
	case NR_WRITEV:
	case NR_SENDFILE:
	case NR_SENDTO:
	case NR_RECVFROM:
	case NR_SENDMSG:
	case NR_RECVMSG:
	case NR_SPLICE:
	case NR_RECVMMSG:
	case NR_SENDMMSG:
		return true;
	default:
		return false;
	}
}
