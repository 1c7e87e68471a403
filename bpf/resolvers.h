/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets that ask name servers over UDP. Nothing says when such a socket is closed: what is known of it
 * is forgotten when its place is wanted, and another socket at its address has another file.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/answers.h"
#include "bpf/epochs.h"
#include "bpf/kernel.h"
#include "bpf/sockets.h"
#include "bpf/tallies.h"
#include "bpf/wire_requests.h"

enum {
	PROTOCOL_UDP = 17,
	RESOLVER_MULTICAST = 5353, /* DNS with many who answer, and numbers that mean nothing */
	RESOLVER_ASKED = 16,	   /* questions that are under way */
};

enum { RESOLVER_UNKNOWN, RESOLVER_ASKS, RESOLVER_OTHER };

struct question {
	__u64 began_ns;
	__u32 id;
	__u32 operation; /* 0: none */
};

struct resolver {
	__u64 inode; /* of its file */
	__u64 cgroup;
	__u64 socket;
	__u32 slot;
	__u32 kind;
	__u32 tries;
	__u32 epoch; /* in which it was made: what went on between two is not known */
	__u32 spare;
	__u32 next; /* to be forgotten, when all places are taken */
	struct question asked[RESOLVER_ASKED];
};

/* By the socket's address. Who opens many of other kinds takes places, too: answers to what is gone are counted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct resolver);
} resolvers SEC(".maps");

static __always_inline void resolver_fault(const struct resolver *resolver, __u32 fault, __u64 n)
{
	tally_add(slot_again(resolver->cgroup, resolver->slot),
		  WIRE_REQUEST_FAULT + WIRE_PROTOCOL_dns * WIRE_FAULTS + fault, n);
}

/* Another socket has its address now. */
static __always_inline void resolver_forget(struct resolver *resolver)
{
	__u32 unanswered = 0;

	/* One for each that is not 0, without branches: verifiers would take all ways through them. */
	for (__u32 i = 0; i < RESOLVER_ASKED; i++)
		unanswered += (resolver->asked[i].operation + 0xffff) >> 16;
	if (unanswered)
		resolver_fault(resolver, WIRE_FAULT_UNANSWERED, unanswered);
}

static __noinline struct resolver *resolver_make(struct sock *sock, __u64 inode)
{
	static const struct resolver nothing;
	__u32 family = BPF_CORE_READ(sock, __sk_common.skc_family);
	struct cgroup *group = BPF_CORE_READ(sock, sk_cgrp_data.cgroup);
	__u64 key = (__u64)sock;
	struct resolver *resolver;

	if (bpf_map_update_elem(&resolvers, &key, &nothing, BPF_ANY) < 0)
		return 0;
	resolver = bpf_map_lookup_elem(&resolvers, &key);
	if (!resolver)
		return 0;
	resolver->inode = inode;
	resolver->epoch = epoch;
	resolver->socket = key;
	resolver->cgroup = BPF_CORE_READ(group, kn, id);
	resolver->slot = group ? slot_of_id(group, resolver->cgroup) : 0;
	if ((family != AF_INET && family != AF_INET6) ||
	    BPF_CORE_READ(sock, __sk_common.skc_num) == RESOLVER_MULTICAST)
		resolver->kind = RESOLVER_OTHER;
	return resolver;
}

/* Of a socket for datagrams; NULL if there is no reason to look at them. */
static __always_inline struct resolver *resolver_of(struct file *file, struct sock *sock)
{
	__u64 key = (__u64)sock, inode = BPF_CORE_READ(file, f_inode, i_ino);
	struct resolver *resolver = bpf_map_lookup_elem(&resolvers, &key);

	if (!resolver || resolver->inode != inode || resolver->epoch != epoch) {
		if (resolver && resolver->epoch == epoch)
			resolver_forget(resolver);
		resolver = resolver_make(sock, inode);
	}
	return resolver && resolver->kind != RESOLVER_OTHER ? resolver : 0;
}
