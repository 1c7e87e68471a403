/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds the two ends of a connection on this host. Both know the two sequence numbers that it began with,
 * which no translation of addresses on the way changes: by those the accepting end finds the connecting
 * one. An end that nobody here finds is outside, and named by its address. For edges.h.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/connection.h"
#include "bpf/handshake_key.h"
#include "bpf/kernel.h"
#include "bpf/pairs.h"
#include "bpf/peers.h"
#include "bpf/tallies.h"
#include "bpf/wire_connections.h"

static __always_inline void edge_add(__u32 slot, __u32 other, __u64 *number, __u32 key, __u64 value)
{
	if (slot && value &&
	    !pair_add(bpf_get_smp_processor_id(), (__u64)slot << 32 | other, number, key, value))
		tally_add(0, WIRE_TCP_PAIRS_LOST, 1);
}

/* A client's connection stands. Who is at its other end is known a moment later. */
static __always_inline void edge_connect(const struct sock *sock, struct connection *connection,
					 __u32 slot)
{
	struct wire_handshake handshake = {
		.key = handshake_key(sock, true),
		.made_ns = connection->made_ns,
		.client_tag = group_tag(sock),
		.client = slot,
	};

	connection->role = ROLE_CLIENT;
	connection->handshake = handshake.key;
	if (bpf_map_update_elem(&handshakes, &handshake.key, &handshake, BPF_NOEXIST) == 0)
		return;
	tally_add(0, WIRE_TCP_HANDSHAKES_LOST, 1);
	connection->peer = WIRE_OUTSIDE;
	edge_add(slot, connection->peer, &connection->pair, WIRE_EDGE_CONNECTED, 1);
}

/* The close of a connection was not told: nobody will ask who was at its other end. */
static __always_inline void edge_forget(struct connection *connection)
{
	if (connection->role == ROLE_CLIENT && !connection->peer)
		bpf_map_delete_elem(&handshakes, &connection->handshake);
}

/* A listener has a connection more. The update fails when its client has given up meanwhile. */
static __always_inline void edge_accept(const struct sock *sock, struct connection *connection,
					__u32 slot)
{
	struct wire_handshake *found, handshake = { .key = handshake_key(sock, false) };
	__u64 key = handshake.key;

	connection->role = ROLE_SERVER;
	found = bpf_map_lookup_elem(&handshakes, &key);
	if (found)
		handshake = *found;
	handshake.server = slot;
	handshake.server_tag = group_tag(sock);
	if (!found || handshake.key != key ||
	    bpf_map_update_elem(&handshakes, &key, &handshake, BPF_EXIST) < 0) {
		connection->peer = peer_group(sock) | WIRE_INBOUND;
		edge_add(slot, connection->peer, &connection->pair, WIRE_EDGE_CONNECTED, 1);
		return;
	}
	connection->peer = handshake.client ? handshake.client : WIRE_OUTSIDE | WIRE_INBOUND;
	connection->peer_tag = handshake.client_tag;
	if (handshake.client)
		edge_add(handshake.client, slot ? slot : WIRE_OUTSIDE, &connection->pair,
			 WIRE_EDGE_CONNECTED, 1);
	else
		edge_add(slot, connection->peer, &connection->pair, WIRE_EDGE_CONNECTED, 1);
}

/* Finds out who a client's peer is. False: that is not certain yet. */
static __noinline bool edge_settle(const struct sock *sock, struct connection *connection,
				   __u32 slot, bool closes)
{
	struct wire_handshake *found, handshake;

	if (!sock || !connection || connection->peer)
		return connection && connection->peer;
	found = bpf_map_lookup_elem(&handshakes, &connection->handshake);
	if (!found)
		return connection->peer;
	handshake = *found;
	if (handshake.key != connection->handshake)
		return connection->peer;
	if (!handshake.server_tag && !closes &&
	    bpf_ktime_get_ns() - connection->made_ns < WIRE_SETTLED_NS)
		return false;
	connection->peer_tag = handshake.server_tag;
	if (handshake.server)
		connection->peer = handshake.server;
	else
		connection->peer = handshake.server_tag ? WIRE_OUTSIDE : peer_group(sock);
	if (bpf_map_delete_elem(&handshakes, &handshake.key) < 0)
		return true;
	if (handshake.server)
		remember_service(sock, handshake.server, handshake.server_tag);
	else if (!handshake.server_tag)
		edge_add(slot, connection->peer, &connection->pair, WIRE_EDGE_CONNECTED, 1);
	return true;
}
