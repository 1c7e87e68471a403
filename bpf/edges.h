/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Edges: what goes over the connections of who with whom. For connections.bpf.c alone. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/handshakes.h"
#include "bpf/kernel.h"
#include "bpf/peers.h"
#include "bpf/wire_connections.h"

/* What the connection has carried since it was looked at last; and that it is closed. */
static __always_inline void edge_update(const struct sock *sock, struct connection *connection,
					__u32 slot, bool closes)
{
	const struct tcp_sock *tcp = (const void *)sock;
	__u32 other;
	bool here, server = connection->role == ROLE_SERVER;
	__u64 *number = &connection->pair;

	if (!server && !edge_settle(sock, connection, slot, closes))
		return;
	other = connection->peer;
	here = !(other & WIRE_OUTSIDE);
	if (here && !slot_is(other, connection->peer_tag)) {
		if (server)
			return;
		other = WIRE_OUTSIDE;
	}
	if (here && server) { /* the client's end tells the rest */
		edge_add(other, slot ? slot : WIRE_OUTSIDE, number, WIRE_EDGE_RETRANSMITTED,
			 pair_grown(&connection->retransmits, BPF_CORE_READ(tcp, total_retrans)));
		return;
	}
	edge_add(slot, other, number, WIRE_EDGE_RETRANSMITTED,
		 pair_grown(&connection->retransmits, BPF_CORE_READ(tcp, total_retrans)));
	edge_add(slot, other, number, WIRE_EDGE_SENT,
		 pair_grown(&connection->sent, BPF_CORE_READ(tcp, bytes_acked)));
	edge_add(slot, other, number, WIRE_EDGE_RECEIVED,
		 pair_grown(&connection->received, BPF_CORE_READ(tcp, bytes_received)));
	if (!closes)
		return;
	edge_add(slot, other, number, WIRE_EDGE_CLOSED, 1);
	edge_add(slot, other, number, WIRE_EDGE_ROUND_TRIP_US, BPF_CORE_READ(tcp, srtt_us) >> 3);
}

/* A connection was not made. */
static __always_inline void edge_fail(const struct sock *sock, __u32 slot)
{
	const struct tcp_sock *tcp = (const void *)sock;
	__u32 other = likely_peer(sock);
	__u64 number = 0;

	edge_add(slot, other, &number, WIRE_EDGE_FAILED, 1);
	edge_add(slot, other, &number, WIRE_EDGE_RETRANSMITTED, BPF_CORE_READ(tcp, total_retrans));
}
