/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who may be at the other end of a connection: a group of addresses, or who answered there before. For
 * edges.h.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"
#include "bpf/slots.h"
#include "bpf/wire_connections.h"

enum { FAMILY_INET = 2, NETWORK_BITS = 128 };

/* Who answered there last: for connections that are not made. By addresses of the client's namespace. */
struct service {
	__u32 address[4];
	__u32 netns;
	__u32 port;
};

struct answerer {
	__u32 slot;
	__u32 tag;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct service);
	__type(value, struct answerer);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct wire_network);
	__type(value, __u32);
} groups SEC(".maps");

const volatile bool translations_wanted;

/* Services behind whose addresses somebody else answers, as far as the collector knows. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct wire_service);
	__type(value, struct wire_service);
} translations SEC(".maps");

static __always_inline void peer_address(const struct sock *sock, __u32 address[4])
{
	address[0] = address[1] = address[3] = 0;
	address[2] = bpf_htonl(0xffff);
	if (sock->__sk_common.skc_family == FAMILY_INET)
		address[3] = sock->__sk_common.skc_daddr;
	else if (bpf_core_field_exists(sock->__sk_common.skc_v6_daddr))
		bpf_core_read(address, 16, &sock->__sk_common.skc_v6_daddr);
}

/* Of whoever is behind the address, where it is translated on the way. */
static __always_inline void peer_behind(const struct sock *sock, __u32 address[4])
{
	struct wire_service key = {}, *found;

	peer_address(sock, key.address);
	key.port = sock->__sk_common.skc_dport;
	found = translations_wanted ? bpf_map_lookup_elem(&translations, &key) : 0;
	__builtin_memcpy(address, found ? found->address : key.address, sizeof(key.address));
}

static __always_inline __u32 peer_group(const struct sock *sock)
{
	struct wire_network network = { .bits = NETWORK_BITS };
	__u32 *group;

	peer_behind(sock, network.address);
	group = bpf_map_lookup_elem(&groups, &network);
	return WIRE_OUTSIDE | (group ? *group : 0);
}

static __always_inline void peer_service(const struct sock *sock, struct service *service)
{
	peer_address(sock, service->address);
	service->netns = sock->__sk_common.skc_net.net->ns.inum;
	service->port = sock->__sk_common.skc_dport;
}

static __always_inline __u32 group_tag(const struct sock *sock)
{
	const struct cgroup *group = sock->sk_cgrp_data.cgroup;

	return tag_of(group ? group->kn->id : 0);
}

/* LRU maps are dear to write: only when somebody else answers than before. */
static __always_inline void remember_service(const struct sock *sock, __u32 slot, __u32 tag)
{
	struct answerer now = { .slot = slot, .tag = tag }, *before;
	struct service service;

	peer_service(sock, &service);
	before = bpf_map_lookup_elem(&services, &service);
	if (!before || before->tag != now.tag || before->slot != now.slot)
		bpf_map_update_elem(&services, &service, &now, BPF_ANY);
}

/* As in a pair: the slot of who answered there last, else the group of the address. */
static __always_inline __u32 likely_peer(const struct sock *sock)
{
	struct answerer *answerer;
	struct service service;

	peer_service(sock, &service);
	answerer = bpf_map_lookup_elem(&services, &service);
	if (answerer && slot_is(answerer->slot, answerer->tag))
		return answerer->slot;
	return peer_group(sock);
}
