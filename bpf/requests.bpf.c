/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Requests over TCP, and of DNS over UDP, counted where sockets have moved bytes, or where system calls end: by
 * then a program's buffer has what it read, and still has what it wrote. What belongs together is found by
 * the socket, so it does not matter who uses it. Its cgroup is that of who made it, for an accepted one
 * that of its listener.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Before http1.h, which reads them in any case otherwise. */
const volatile bool traces_wanted;
#define HTTP1_TRACES traces_wanted
#define HTTP1_ROUTES routes_wanted
#include "bpf/routes.h"

#include "bpf/cpus.h"
#include "bpf/current.h"
#include "bpf/datagrams.h"
#include "bpf/exchanges.h"
#include "bpf/looks.h"
#include "bpf/request_edges.h"
#include "bpf/socket_calls.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Somebody read what no program here saw: the collector attaches on_spliced. */
volatile bool reads_unseen;

/* NULL: it is no connection, or there is no place for it. *ret_protocol is that of a socket without one. */
static __noinline struct exchange *find_exchange(__u32 fd, __u64 *ret_key, __u32 *ret_protocol)
{
	struct file *file = file_of(current_task(), fd);
	struct sock *sock = file ? sock_of(file) : 0;
	__u64 key = (__u64)sock;
	struct exchange *x;

	if (!sock)
		return 0;
	*ret_key = key;
	x = bpf_map_lookup_elem(&exchanges, &key);
	if (x || !is_socket(file))
		return x;
	*ret_protocol = BPF_CORE_READ(sock, sk_protocol);
	return *ret_protocol == PROTOCOL_TCP ? make_older(sock) : 0;
}

/* A call on a socket for datagrams, most of which are of no interest. */
static __noinline int on_datagrams(struct pt_regs *regs, long result)
{
	struct file *file = file_of(current_task(), call_argument(regs, 0));
	struct sock *sock = file ? sock_of(file) : 0;
	struct resolver *resolver = sock ? resolver_of(file, sock) : 0;
	__u32 zero = 0;
	struct scratch *scratch = resolver ? bpf_map_lookup_elem(&scratches, &zero) : 0;

	if (!resolver || !scratch)
		return 0;
	read_transfer(regs, call_number(regs), result, scratch);
	if (scratch->transfer.n)
		look_at_datagrams(resolver, scratch);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long result)
{
	struct wire_cpu *cpu = this_cpu();
	__u32 number = call_number(regs), zero = 0, protocol = 0;
	struct scratch *scratch;
	struct exchange *x;
	__u64 key = 0;

	if (cpu)
		cpu->runs[0]++;
	if (result <= 0 || epoch & 1 || !call_transfers(number) || call_is_compat(current_task()))
		return 0;
	x = find_exchange(call_argument(regs, 0), &key, &protocol);
	if (protocol == PROTOCOL_UDP)
		return on_datagrams(regs, result);
	if (!x && number == NR_SPLICE) { /* from a pipe */
		x = find_exchange(call_argument(regs, 2), &key, &protocol);
		number = NR_SENDFILE;
	}
	scratch = x ? bpf_map_lookup_elem(&scratches, &zero) : 0;
	if (!x || !scratch)
		return 0;
	read_transfer(regs, number, result, scratch);
	if (scratch->transfer.n)
		transferred(x, key, scratch);
	return 0;
}

/* A call has moved a datagram of a socket. */
static __noinline int moved_datagram(struct sock *sock, __u32 n)
{
	__u32 number = 0, zero = 0;
	struct pt_regs *regs = call_on(sock, 0, &number);
	struct resolver *resolver = regs ? resolver_of(sock->sk_socket->file, sock) : 0;
	struct scratch *scratch = resolver ? bpf_map_lookup_elem(&scratches, &zero) : 0;

	if (!regs || !scratch)
		return 0;
	call_transfer(regs, number, n, scratch);
	if (scratch->transfer.n)
		look_at_datagrams(resolver, scratch);
	return 0;
}

/* A call has moved `n` bytes of a socket. */
static __always_inline int moved(struct sock *sock, long n, __u32 flags, bool sent)
{
	__u64 key = (__u64)sock;
	__u32 zero = 0, number = 0;
	struct scratch *scratch;
	struct pt_regs *regs;
	struct exchange *x;

	if (n <= 0 || epoch & 1)
		return 0;
	if (sock->sk_protocol == PROTOCOL_UDP)
		return moved_datagram(sock, n);
	if (sock->sk_protocol != PROTOCOL_TCP)
		return 0;
	x = bpf_map_lookup_elem(&exchanges, &key);
	regs = call_on(sock, x, &number);
	if (!regs)
		return 0;
	if (!x)
		x = make_older(sock);
	scratch = x ? bpf_map_lookup_elem(&scratches, &zero) : 0;
	if (!x || !scratch)
		return 0;
	stream_transfer(regs, number, flags, sent, n, scratch);
	if (!scratch->transfer.n)
		return 0;
	if (!sent && were_unseen(x, sock, n) && epoch_holds(x->known.epoch))
		scratch->transfer.unseen = reads_unseen = true;
	transferred(x, key, scratch);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_sent, struct sock *sock, int n, int flags)
{
	struct wire_cpu *cpu = this_cpu();

	if (cpu)
		cpu->runs[1]++;
	return moved(sock, n, 0, true);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_received, struct sock *sock, int n, int flags)
{
	struct wire_cpu *cpu = this_cpu();

	if (cpu)
		cpu->runs[2]++;
	return moved(sock, n, flags, false);
}

/*
 * From a socket to a pipe without sock_recv_length: tcp_splice_read() says so here, and so does every other read.
 * It is attached when there is reason to.
 */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_spliced, struct sock *sock)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	__u64 key = (__u64)sock;
	__u32 zero = 0, n;
	struct scratch *scratch;
	struct exchange *x;

	count_run(3);
	if (call_number(regs) != NR_SPLICE || epoch & 1 || call_is_compat(task))
		return 0;
	x = bpf_map_lookup_elem(&exchanges, &key);
	scratch = x ? bpf_map_lookup_elem(&scratches, &zero) : 0;
	if (!x || !scratch || !is_call_on(task, call_argument(regs, 0), sock, x))
		return 0;
	n = read_since(x, sock);
	if (!n)
		return 0;
	scratch->transfer = (struct transfer){ .n = n };
	transferred(x, key, scratch);
	return 0;
}

enum { CONTROL_BYTES = 2 }; /* the kernel counts the beginning and the end of a connection */

static __always_inline void finish(const struct sock *sock, struct exchange *x)
{
	const struct tcp_sock *tcp = (const void *)sock;
	__u64 key = (__u64)sock, received = BPF_CORE_READ(tcp, bytes_received);
	__u64 sent = BPF_CORE_READ(tcp, bytes_acked);
	struct connection *connection = connection_known(sock);
	__u32 unseen = epoch_holds(x->known.epoch) ? WIRE_UNPARSED_UNSEEN : WIRE_UNPARSED_BUDGET;
	__u32 unread = BPF_CORE_READ(tcp, rcv_nxt) - BPF_CORE_READ(tcp, copied_seq);

	received -= unread < received ? unread : received;
	if (!x->known.older && received > x->known.seen[0] + CONTROL_BYTES) {
		reads_unseen |= unseen == WIRE_UNPARSED_UNSEEN;
		exchange_unparsed(x, unseen, received - x->known.seen[0]);
	}
	if (!x->known.older && sent > x->known.seen[1] + CONTROL_BYTES)
		exchange_unparsed(x, unseen, sent - x->known.seen[1]);
	x->known.closed = true;
	if (connection) /* for what is told of requests that have no answer */
		edge_learn(x, connection);
	if (!try_lock(x)) {
		edge_flush(x, connection);
		return;
	}
	settle(x);
	exchange_close(x);
	edge_flush(x, connection);
	bpf_map_delete_elem(&exchanges, &key);
}

static __always_inline void make(const struct sock *sock, __u32 side)
{
	struct cgroup *group = sock->sk_cgrp_data.cgroup;
	__u64 key = (__u64)sock;
	struct exchange *before = bpf_map_lookup_elem(&exchanges, &key), *x;
	struct connection *connection;

	if (before && try_lock(before)) /* a socket may be connected again */
		close_locked(before, key);
	x = make_exchange((__u64)sock, group ? group->kn->id : 0, group ? slot_of(group) : 0, side);
	/* Each call that finds it has no place tries again, and is not counted again. */
	if (!x)
		__sync_fetch_and_add(&exchanges_full, 1);
	/* The client may have left before its request is answered. */
	connection = x && side == WIRE_SIDE_SERVER ? connection_known(sock) : 0;
	if (connection)
		edge_learn(x, connection);
}

/* Its first byte is known now. */
static __always_inline void established(const struct sock *sock)
{
	const struct tcp_sock *tcp = (const void *)sock;
	__u64 key = (__u64)sock;
	struct exchange *x = bpf_map_lookup_elem(&exchanges, &key);

	if (x)
		x->known.copied_seq = BPF_CORE_READ(tcp, copied_seq);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, const struct sock *sock, const int before, const int state)
{
	__u64 key = (__u64)sock;
	struct exchange *x;

	count_run(4);
	if (sock->sk_protocol != PROTOCOL_TCP)
		return 0;
	if (state == TCP_SYN_SENT) {
		make(sock, WIRE_SIDE_CLIENT);
		return 0;
	}
	if (before == TCP_SYN_RECV && state == TCP_ESTABLISHED)
		make(sock, WIRE_SIDE_SERVER);
	if (state == TCP_ESTABLISHED)
		established(sock);
	if (state != TCP_LAST_ACK && state != TCP_FIN_WAIT1)
		return 0;
	x = bpf_map_lookup_elem(&exchanges, &key);
	if (x && (state == TCP_LAST_ACK || x->known.side == WIRE_SIDE_SERVER) && try_lock(x)) {
		settle(x);
		exchange_end_open(x, &x->streams[1]);
		unlock(x, key);
	}
	return 0;
}

/* A connection that is closed may still have something to read; of a socket that is gone nobody reads. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, const struct sock *sock)
{
	__u64 key = (__u64)sock;
	struct exchange *x = bpf_map_lookup_elem(&exchanges, &key);

	count_run(5);
	if (x)
		finish(sock, x);
	return 0;
}

/* Connections whose other ends are known, each time the collector asks. */
SEC("iter/bpf_sk_storage_map")
int look_at_edge(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	return edge_look(ctx, &exchanges);
}
