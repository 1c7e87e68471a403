/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What both ends of a connection have alike, and the connections whose ends are looked for by it. The map
 * is that of connections.bpf.c.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"
#include "bpf/wire_connections.h"

/* The collector takes those away whose close was missed: no program interrupts itself. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct wire_handshake);
} handshakes SEC(".maps");

/*
 * The beginning of the other end's numbers, that of ours: what has come and what was acknowledged since
 * is taken off. A client's own first one counts as acknowledged, too.
 */
static __always_inline __u64 handshake_key(const struct sock *sock, bool client)
{
	const struct tcp_sock *tcp = (const void *)sock;
	__u32 sent = BPF_CORE_READ(tcp, snd_una) - (__u32)BPF_CORE_READ(tcp, bytes_acked);
	__u32 received = BPF_CORE_READ(tcp, rcv_nxt) - (__u32)BPF_CORE_READ(tcp, bytes_received);

	return client ? (__u64)(sent + 1) << 32 | received : (__u64)received << 32 | sent;
}
