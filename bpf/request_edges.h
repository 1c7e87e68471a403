/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is at the other end of a connection with requests, and what its edge gets of them. connections.bpf.c
 * finds that out: its maps are shared with this object where it is loaded. For requests.bpf.c alone.
 *
 * A request adds to its connection alone. The edge has it when the connection is closed, or when the
 * collector asks.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "bpf/answers.h"
#include "bpf/connection.h"
#include "bpf/handshake_key.h"
#include "bpf/pairs.h"
#include "bpf/protocols/hooks.h"
#include "bpf/slots.h"
#include "bpf/wire_connections.h"

const volatile bool edges_wanted; /* there are such maps */

/* Figures that found no pair of slots. */
volatile __u64 edges_lost;

static __always_inline struct connection *connection_known(const struct sock *sock)
{
	return edges_wanted ? bpf_sk_storage_get(&connections, (void *)sock, 0, 0) : 0;
}

static __always_inline void edge_learn(struct exchange *x, const struct connection *connection)
{
	__u32 peer = connection->peer;

	if (!peer || peer & WIRE_OUTSIDE)
		return;
	x->known.peer_tag = connection->peer_tag;
	x->known.peer = peer;
}

/* For who cannot wait until the connection is settled: until then the handshake tells of both ends. */
PROTOCOL_FUNCTION int edge_ask(struct exchange *x)
{
	bool client = x && x->known.side == WIRE_SIDE_CLIENT;
	struct wire_handshake *found;
	__u32 peer;
	__u64 key;

	if (!x || x->known.peer || x->known.older)
		return 0;
	key = handshake_key((const void *)x->known.socket, client);
	found = bpf_map_lookup_elem(&handshakes, &key);
	if (!found)
		return 0;
	x->known.peer_tag = client ? found->server_tag : found->client_tag;
	peer = client ? found->server : found->client;
	/* The element may be another's by now. */
	x->known.peer = found->key == key ? peer : 0;
	return 0;
}

static __always_inline void edge_count(struct exchange *x, bool failed, __u64 ns)
{
	if (!edges_wanted)
		return;
	x->known.answers.n++;
	x->known.answers.failed += failed;
	x->known.answers.ns += ns;
}

static __always_inline void edge_give(__u64 pair, __u64 *number, __u32 key, __u64 value)
{
	if (value && !pair_add(bpf_get_smp_processor_id(), pair, number, key, value))
		__sync_fetch_and_add(&edges_lost, 1);
}

/*
 * What was answered since it was asked last. Where both ends are here the client's end tells. The place of
 * an exchange may be another connection's as soon as its own one is closed: hence the two looks at the socket.
 */
PROTOCOL_FUNCTION int edge_flush(struct exchange *x, struct connection *connection)
{
	struct wire_answers answers;
	__u32 slot, other;
	__u64 pair, socket;

	if (!x || !connection || !connection->peer)
		return 0;
	socket = *(volatile __u64 *)&x->known.socket;
	answers = x->known.answers;
	if (*(volatile __u64 *)&x->known.socket != socket)
		return 0;
	edge_learn(x, connection);
	slot = slot_again(x->known.cgroup, x->known.slot);
	other = connection->peer;
	if (!slot || (connection->role == ROLE_SERVER && !(other & WIRE_OUTSIDE)))
		return 0;
	if (!(other & WIRE_OUTSIDE) && !slot_is(other, connection->peer_tag))
		other = WIRE_OUTSIDE;
	pair = (__u64)slot << 32 | other;
	edge_give(pair, &connection->pair, WIRE_EDGE_REQUESTS,
		  pair_grown(&connection->requests, answers.n));
	edge_give(pair, &connection->pair, WIRE_EDGE_REQUESTS_FAILED,
		  pair_grown(&connection->requests_failed, answers.failed));
	edge_give(pair, &connection->pair, WIRE_EDGE_REQUESTS_NS,
		  pair_grown(&connection->requests_ns, answers.ns));
	return 0;
}

/* Of one of the sockets that are known. */
static __always_inline int edge_look(struct bpf_iter__bpf_sk_storage_map *ctx, void *exchanges)
{
	struct sock *sock = ctx->sk;
	__u64 key = (__u64)sock;
	struct connection *connection;
	struct exchange *x;

	if (!sock || !ctx->value)
		return 0;
	connection = bpf_sk_storage_get(&connections, sock, 0, 0);
	x = bpf_map_lookup_elem(exchanges, &key);
	if (connection && x && x->known.socket == key)
		edge_flush(x, connection);
	return 0;
}
