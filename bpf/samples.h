/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which requests are told of one by one: a few that failed, and a few that were slow for their cgroup and
 * protocol. What was slow raises the mark for the next ones, and each window that passes halves it: so
 * there are few, whatever is usual there, and the slowest are among them.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/answers.h"
#include "bpf/kernel.h"
#include "bpf/slots.h"
#include "bpf/sockets.h"
#include "bpf/threads.h"
#include "bpf/watches.h"
#include "bpf/wire_requests.h"
#include "bpf/wire_samples.h"

enum { SAMPLES_BYTES = 128 * 1024 };

const volatile __u64 slow_ns = 1000 * 1000; /* what is quicker is never slow */

/* Never wakes anybody: the collector comes by. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SAMPLES_BYTES);
} samples SEC(".maps");

struct sampled {
	__u64 cgroup, socket;
	__u64 began_ns, ended_ns;
	__u32 slot, key;
	__u32 why;
	__u32 peer, peer_tag;		/* slot of the other end, where that is known */
	const struct wire_begun *begun; /* NULL: nothing is known of the thread */
};

/* Whether this one is to be told: `why` and `key` are then what they are to be. */
static __always_inline bool sample_wanted(__u32 side, __u32 protocol, __u32 operation, __u32 status,
					  struct sampled *sampled)
{
	__u32 at = ((sampled->slot * 2 + (side & 1)) * WIRE_PROTOCOLS_MAX + protocol) % WATCHES;
	struct watch *watch = bpf_map_lookup_elem(&watches, &at);
	__u64 ns = sampled->ended_ns - sampled->began_ns, mark;

	if (!watch || !sampled->slot)
		return false;
	watch_turn(watch, sampled->ended_ns);
	sampled->key = answer_key(side, protocol, operation, wire_request_status(protocol, status));
	if (sampled->why == WIRE_SAMPLE_UNANSWERED || wire_request_failed(side, protocol, status))
		return watch_take(&watch->n_failed);
	if (ns < slow_ns || ns >> WATCH_SHIFT <= watch->mark)
		return false;
	mark = (ns + ns / 4) >> WATCH_SHIFT;
	watch->mark = mark > ~0U ? ~0U : mark;
	sampled->why = WIRE_SAMPLE_SLOW;
	return watch_take(&watch->n_slow);
}

static __always_inline void sample_peer(struct wire_sample *sample, struct sock *sock)
{
	__u16 family = BPF_CORE_READ(sock, __sk_common.skc_family);

	sample->own_port = BPF_CORE_READ(sock, __sk_common.skc_num);
	sample->peer_port = bpf_ntohs(BPF_CORE_READ(sock, __sk_common.skc_dport));
	if (!sample->peer_port)
		return;
	if (family == AF_INET) {
		sample->peer[2] = bpf_htonl(0xffff);
		sample->peer[3] = BPF_CORE_READ(sock, __sk_common.skc_daddr);
	} else if (bpf_core_field_exists(sock->__sk_common.skc_v6_daddr)) {
		bpf_core_read(sample->peer, sizeof(sample->peer), &sock->__sk_common.skc_v6_daddr);
	}
}

/* Whoever has the slot now may be another. */
static __always_inline void sample_peer_group(struct wire_sample *sample,
					      const struct sampled *sampled)
{
	__u32 slot = sampled->peer;
	struct wire_slot *owner = slot ? bpf_map_lookup_elem(&slot_owners, &slot) : 0;

	if (!owner || tag_of(owner->id) != sampled->peer_tag)
		return;
	sample->peer_cgroup = owner->id;
	sample->peer_slot = slot;
}

/* NULL, and counted: there is no room. */
static __always_inline struct wire_sample *sample_begin(const struct sampled *sampled)
{
	struct wire_sample *sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);

	if (!sample) {
		sample_drop(WIRE_DROP_FULL);
		return 0;
	}
	__builtin_memset(sample, 0, sizeof(*sample));
	sample->ended_ns = sampled->ended_ns;
	sample->ns = sampled->ended_ns - sampled->began_ns;
	sample->cgroup = sampled->cgroup;
	sample->slot = sampled->slot;
	sample->key = sampled->key;
	sample->why = sampled->why;
	sample_peer(sample, (void *)sampled->socket);
	sample_peer_group(sample, sampled);
	if (sampled->begun)
		sample_parts(sample, sampled->begun);
	return sample;
}

static __always_inline void sample_end(struct wire_sample *sample)
{
	bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
}
