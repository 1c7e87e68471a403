/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where what a call moved is laid out to be looked at. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/protocols/exchange.h"
#include "bpf/system_calls.h"
#include "bpf/transfers.h"

/* What would be too much for the stack, which eight functions share. */
struct scratch {
	struct workspace work;
	struct piece piece;
	struct call call;
	struct transfer transfer;
};

/* [CPU]: no program of this kind is interrupted by another one that needs it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

PROTOCOL_INLINE long exchange_read(void *to, __u32 n, __u64 at)
{
	asm volatile("" : "+r"(n));
	if (n > PROTOCOL_WINDOW - PROTOCOL_CARRY)
		return -1;
	return bpf_probe_read_user(to, n, (const void *)at);
}

PROTOCOL_INLINE void exchange_copy(void *to, const void *from)
{
	bpf_probe_read_kernel(to, PROTOCOL_CARRY, from);
}
