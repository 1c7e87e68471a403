/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is kept of connections: where it lies, who may be at it, and for how long. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/epochs.h"
#include "bpf/kernel.h"
#include "bpf/outcomes.h"
#include "bpf/protocols/exchange.h"
#include "bpf/slots.h"
#include "bpf/sockets.h"

enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK,
	PROTOCOL_TCP = 6,
	SOCK_STREAM = 1,
	PATIENCE = 512, /* looks at a lock */
};

/* Connections that found no place. */
volatile __u64 exchanges_full;

/* By the socket's address: no walked pointer to a socket may have a storage. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct exchange);
} exchanges SEC(".maps");

/*
 * Several CPUs may be at a socket. Who finds one that is to be closed locked leaves that to its owner,
 * which may be what it interrupted.
 */
static __always_inline bool try_lock(struct exchange *x)
{
	return __sync_val_compare_and_swap(&x->known.lock, 0, 1) == 0;
}

static __always_inline bool lock(struct exchange *x)
{
	for (int i = 0; i < PATIENCE; i++)
		if (try_lock(x))
			return true;
	return false;
}

/* What went on meanwhile is not known: an answer that was under way has no end. */
static __always_inline void settle(struct exchange *x)
{
	if (epoch_holds(x->known.epoch))
		return;
	x->streams[1].skip = 0;
	exchange_give_up(x, WIRE_UNPARSED_BUDGET);
}

static __always_inline void close_locked(struct exchange *x, __u64 key)
{
	settle(x);
	exchange_close(x);
	bpf_map_delete_elem(&exchanges, &key);
}

static __always_inline void unlock(struct exchange *x, __u64 key)
{
	__sync_val_compare_and_swap(&x->known.lock, 1, 0);
	if (x->known.closed && try_lock(x))
		close_locked(x, key);
}

static __always_inline struct exchange *make_exchange(__u64 key, __u64 cgroup, __u32 slot,
						      __u32 side)
{
	static const struct exchange nothing;
	struct exchange *x;

	if (bpf_map_update_elem(&exchanges, &key, &nothing, BPF_ANY) < 0)
		return 0;
	x = bpf_map_lookup_elem(&exchanges, &key);
	if (!x)
		return 0;
	x->known.cgroup = cgroup;
	x->known.socket = key;
	x->known.slot = slot;
	x->known.epoch = epoch;
	x->known.side = side;
	x->known.older = side == WIRE_SIDE_UNKNOWN;
	return x;
}

/*
 * Other families have protocols of the number 6, too, and raw sockets any: nobody says when these are closed.
 */
static __always_inline bool is_stream(struct sock *sock)
{
	__u16 family = BPF_CORE_READ(sock, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) &&
	       BPF_CORE_READ(sock, sk_type) == SOCK_STREAM;
}

/* Of a connection that was there before us, or that found no place. */
static __noinline struct exchange *make_older(struct sock *sock)
{
	struct cgroup *group;
	__u64 cgroup;
	__u8 state;

	if (!is_stream(sock))
		return 0;
	state = BPF_CORE_READ(sock, __sk_common.skc_state);
	if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT)
		return 0;
	group = BPF_CORE_READ(sock, sk_cgrp_data.cgroup);
	cgroup = BPF_CORE_READ(group, kn, id);
	return make_exchange((__u64)sock, cgroup, group ? slot_of_id(group, cgroup) : 0,
			     WIRE_SIDE_UNKNOWN);
}
