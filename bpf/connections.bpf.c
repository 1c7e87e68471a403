/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections: made, refused, accepted, reset and closed, by the cgroup of who made the socket, for
 * an accepted one that of its listener. Packets come in whatever task is interrupted, so the current one
 * tells nothing. What listeners have waiting, and what open connections have carried, is looked at when
 * the collector asks.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/connection.h"
#include "bpf/cpus.h"
#include "bpf/edges.h"
#include "bpf/histograms.h"
#include "bpf/kernel.h"
#include "bpf/slots.h"
#include "bpf/tallies.h"
#include "bpf/wire_connections.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE,
	TCP_LISTEN = 10,
	TCP_NEW_SYN_RECV = 12,
	PROTOCOL_TCP = 6,
	ENETUNREACH = 101,
	ETIMEDOUT = 110,
	ECONNREFUSED,
	EHOSTUNREACH = 113,
	NS_PER_US = 1000,
};

static __always_inline __u32 slot_of_socket(const struct sock *sock)
{
	struct cgroup *group = sock->sk_cgrp_data.cgroup;

	return group ? slot_of(group) : 0;
}

/* A socket in TIME_WAIT, or one that is still a request, is a smaller structure. */
static __always_inline bool is_whole(const struct sock *sock)
{
	unsigned char state = sock->__sk_common.skc_state;

	return state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV;
}

static __always_inline struct connection *connection_of(const struct sock *sock, bool make)
{
	struct connection *connection = bpf_sk_storage_get(&connections, (void *)sock, 0,
							   make ? BPF_SK_STORAGE_GET_F_CREATE : 0);

	if (make && !connection)
		tally_add(0, WIRE_TCP_UNKEPT, 1);
	return connection;
}

static __always_inline __u32 failure_of(const struct sock *sock)
{
	switch (sock->sk_err) {
	case 0:
		return WIRE_FAILED_ABORTED;
	case ECONNREFUSED:
		return WIRE_FAILED_REFUSED;
	case ETIMEDOUT:
		return WIRE_FAILED_TIMEOUT;
	case EHOSTUNREACH:
	case ENETUNREACH:
		return WIRE_FAILED_UNREACHABLE;
	default:
		return WIRE_FAILED_OTHER;
	}
}

/* A socket may have had a connection before, which is nothing to this one. */
static __always_inline void begin(const struct sock *sock)
{
	struct connection *connection = connection_of(sock, true);

	if (!connection)
		return;
	edge_forget(connection);
	*connection = (struct connection){ .began_ns = bpf_ktime_get_ns() };
}

/* Only what was counted as made is counted as closed. */
static __always_inline void establish(const struct sock *sock, __u32 tally)
{
	struct connection *connection = connection_of(sock, true);
	__u32 slot = slot_of_socket(sock);

	if (!connection)
		return;
	connection->open = true;
	tally_add(slot, tally, 1);
	if (tally == WIRE_TCP_ACCEPTED) {
		edge_accept(sock, connection, slot);
		return;
	}
	connection->made_ns = bpf_ktime_get_ns();
	edge_connect(sock, connection, slot);
	if (connection->began_ns)
		histogram_add(slot, WIRE_TCP_CONNECTING,
			      connection->made_ns - connection->began_ns);
}

static __always_inline void finish(const struct sock *sock)
{
	struct connection *connection = connection_of(sock, false);
	const struct tcp_sock *tcp = (const void *)sock;
	__u64 rtt_us;
	__u32 slot;

	if (!connection || !connection->open)
		return;
	connection->open = false;
	rtt_us = BPF_CORE_READ(tcp, srtt_us) >> 3;
	slot = slot_of_socket(sock);
	tally_add(slot, WIRE_TCP_CLOSED, 1);
	tally_add(slot, WIRE_TCP_SENT, BPF_CORE_READ(tcp, bytes_acked));
	tally_add(slot, WIRE_TCP_RECEIVED, BPF_CORE_READ(tcp, bytes_received));
	if (rtt_us)
		histogram_add(slot, WIRE_TCP_ROUND_TRIP, rtt_us * NS_PER_US);
	edge_update(sock, connection, slot, true);
}

static __always_inline void fail(const struct sock *sock)
{
	__u32 slot = slot_of_socket(sock);

	tally_add(slot, WIRE_TCP_FAILED + failure_of(sock), 1);
	edge_fail(sock, slot);
}

/* What a listener has dropped before it is seen first is not counted. */
static __always_inline void begin_listening(const struct sock *sock)
{
	struct connection *connection = connection_of(sock, true);

	if (!connection || connection->role == ROLE_LISTENER)
		return;
	connection->role = ROLE_LISTENER;
	connection->drops = (__u32)sock->sk_drops.counter;
}

static __always_inline void count_drops(const struct sock *sock, struct connection *connection,
					__u32 slot)
{
	__u64 drops = connection->drops;
	__u32 more = (__u32)sock->sk_drops.counter - (__u32)drops;

	if ((__s32)more > 0 &&
	    __sync_val_compare_and_swap(&connection->drops, drops, drops + more) == drops)
		tally_add(slot, WIRE_TCP_LISTEN_DROPPED, more);
}

static __always_inline void end_listening(const struct sock *sock)
{
	struct connection *connection = connection_of(sock, false);

	if (!connection || connection->role != ROLE_LISTENER)
		return;
	count_drops(sock, connection, slot_of_socket(sock));
	connection->role = ROLE_NONE;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, const struct sock *sock, const int before, const int state)
{
	count_run(0);
	if (sock->sk_protocol != PROTOCOL_TCP)
		return 0;
	if (state == TCP_SYN_SENT)
		begin(sock);
	else if (before == TCP_SYN_SENT && state == TCP_ESTABLISHED)
		establish(sock, WIRE_TCP_CONNECTED);
	else if (before == TCP_SYN_RECV && state == TCP_ESTABLISHED)
		establish(sock, WIRE_TCP_ACCEPTED);
	else if (before == TCP_SYN_SENT && state == TCP_CLOSE)
		fail(sock);
	else if (state == TCP_LISTEN)
		begin_listening(sock);
	else if (before == TCP_LISTEN)
		end_listening(sock);
	else if (state == TCP_CLOSE)
		finish(sock);
	return 0;
}

/*
 * What a socket has sent again since it was looked at last. A smaller number than before is that of a
 * socket that has begun anew; of a connection that was there before us, those of before do not count.
 */
static __always_inline __u32 retransmitted_since(const struct connection *connection, __u32 total)
{
	if (!connection->began_ns && !connection->open && !connection->retransmitted)
		return 1;
	return total < connection->retransmitted ? total : total - connection->retransmitted;
}

/* Once for a buffer of several segments; the socket knows how many there were. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, const struct sock *sock)
{
	const struct tcp_sock *tcp = (const void *)sock;
	struct connection *connection;
	__u32 total, n = 1;

	count_run(1);
	if (!sock || !is_whole(sock))
		return 0;
	total = BPF_CORE_READ(tcp, total_retrans);
	connection = connection_of(sock, true);
	if (connection) {
		n = retransmitted_since(connection, total);
		connection->retransmitted = total;
	}
	tally_add(slot_of_socket(sock), WIRE_TCP_RETRANSMITTED, n);
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_send_reset, const struct sock *sock)
{
	count_run(2);
	/* Without a socket it answers what nobody listens for. */
	if (sock && is_whole(sock))
		tally_add(slot_of_socket(sock), WIRE_TCP_RESET_SENT, 1);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_receive_reset, struct sock *sock)
{
	count_run(3);
	if (sock && is_whole(sock))
		tally_add(slot_of_socket(sock), WIRE_TCP_RESET_RECEIVED, 1);
	return 0;
}

/* Sockets that are known, each time the collector asks. */
SEC("iter/bpf_sk_storage_map")
int look_at_socket(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sock = ctx->sk;
	struct connection *connection;
	__u32 slot;

	if (!sock || !ctx->value || !is_whole(sock))
		return 0;
	connection = connection_of(sock, false);
	if (!connection)
		return 0;
	slot = slot_of_socket(sock);
	if (connection->role == ROLE_LISTENER) {
		struct wire_listener listener = {
			.slot = slot,
			.waiting = sock->sk_ack_backlog,
			.limit = sock->sk_max_ack_backlog,
		};

		count_drops(sock, connection, slot);
		bpf_seq_write(ctx->meta->seq, &listener, sizeof(listener));
	} else if (connection->open) {
		edge_update(sock, connection, slot, false);
	}
	return 0;
}

/* Listeners that were there before us: once. */
SEC("iter/task_file")
int adopt_listener(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct socket *socket = file ? bpf_sock_from_file(file) : NULL;
	struct sock *sock = socket ? socket->sk : NULL;

	if (sock && sock->sk_protocol == PROTOCOL_TCP && sock->__sk_common.skc_state == TCP_LISTEN)
		begin_listening(sock);
	return 0;
}
