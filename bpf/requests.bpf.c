/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Requests over TCP, and of DNS over UDP, counted where system calls end: by then a program's buffer has
 * what it read, and still has what it wrote. What belongs together is found by the socket, so it does not matter who uses
 * it. Its cgroup is that of who made it, for an accepted one that of its listener.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Before http1.h, which reads them in any case otherwise. */
const volatile bool traces_wanted;
#define HTTP1_TRACES traces_wanted

#include "bpf/answers.h"
#include "bpf/cpus.h"
#include "bpf/current.h"
#include "bpf/epochs.h"
#include "bpf/kernel.h"
#include "bpf/lookups.h"
#include "bpf/outcomes.h"
#include "bpf/protocols/exchange.h"
#include "bpf/resolvers.h"
#include "bpf/slots.h"
#include "bpf/sockets.h"
#include "bpf/system_calls.h"
#include "bpf/tallies.h"
#include "bpf/transfers.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK,
	PROTOCOL_TCP = 6,
	SOCK_STREAM = 1,
	STEPS_MAX = 4096,   /* in one call */
	PATIENCE = 512,	    /* looks at a lock */
	JOINING_TRIES = 64, /* calls in which a request may begin on a connection from before */
	CONTROL_BYTES = 2,  /* the kernel counts the beginning and the end of a connection */
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

/* What would be too much for the stack, which eight functions share. */
struct scratch {
	struct workspace work;
	struct piece piece;
	struct call call;
	struct transfer transfer;
};

/* [CPU]: no program of this kind is interrupted by another one that needs it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

PROTOCOL_INLINE long exchange_read(void *to, __u32 n, __u64 at)
{
	asm volatile("" : "+r"(n));
	if (n > PROTOCOL_WINDOW - PROTOCOL_CARRY)
		return -1;
	return bpf_probe_read_user(to, n, (const void *)at);
}

PROTOCOL_INLINE void exchange_copy(void *to, const void *from)
{
	bpf_probe_read_kernel(to, PROTOCOL_CARRY, from);
}

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

/* An index that the verifier takes for one. */
static __always_inline __u64 either(__u64 i)
{
	asm volatile("" : "+r"(i));
	return i & 1;
}

struct looking {
	struct exchange *x;
	struct stream *stream;
	struct scratch *scratch;
};

/* The next of the pieces, which are in an array of struct iovec. */
static __always_inline bool next_piece(struct exchange *x, struct scratch *scratch)
{
	struct transfer *transfer = &scratch->transfer;
	struct {
		__u64 at, size;
	} vector;

	if (!transfer->left)
		return false;
	if (!transfer->n_pieces ||
	    bpf_probe_read_user(&vector, sizeof(vector), (void *)transfer->pieces) < 0) {
		exchange_give_up(x, WIRE_UNPARSED_TRUNCATED);
		return false;
	}
	transfer->pieces += sizeof(vector);
	transfer->n_pieces--;
	scratch->piece.at = vector.at;
	scratch->piece.left = vector.size < transfer->left ? vector.size : transfer->left;
	transfer->left -= scratch->piece.left;
	return true;
}

static long look(__u32 i, struct looking *looking)
{
	struct scratch *scratch = looking->scratch;

	if (!scratch->piece.left)
		return !next_piece(looking->x, scratch);
	exchange_advance(looking->x, looking->stream, &scratch->piece, &scratch->work);
	return looking->x->known.unparsed != 0;
}

/* What a call brought of the exchange, which is locked. */
static __always_inline void look_through(struct exchange *x, struct scratch *scratch)
{
	struct transfer *transfer = &scratch->transfer;
	struct looking looking = { .x = x, .scratch = scratch };
	__u32 from_server = exchange_speaker(x, transfer->sent);

	scratch->piece.now_ns = bpf_ktime_get_ns();
	scratch->piece.from_server = 0;
	if (transfer->n_pieces) {
		transfer->left = transfer->n;
		next_piece(x, scratch);
	} else {
		transfer->left = 0;
		scratch->piece.at = transfer->at;
		scratch->piece.left = transfer->n;
	}
	if (!x->known.side) {
		if (!exchange_join(x, transfer->sent, &scratch->piece, &scratch->work)) {
			if (++x->known.tries >= JOINING_TRIES)
				exchange_give_up(x, WIRE_UNPARSED_OLDER);
			return;
		}
		from_server = 0;
	}
	scratch->piece.from_server = from_server;
	looking.stream = &x->streams[either(from_server)];
	/* Most often one step does; a loop costs more than that. */
	if (look(0, &looking) == 0 && (scratch->piece.left || transfer->left))
		bpf_loop(STEPS_MAX, look, &looking, 0);
	if (scratch->piece.left || transfer->left)
		exchange_give_up(x, WIRE_UNPARSED_TRUNCATED);
}

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

static __always_inline void transferred(struct exchange *x, __u64 key, struct scratch *scratch)
{
	const struct transfer *transfer = &scratch->transfer;

	__sync_fetch_and_add(&x->known.seen[either(transfer->sent)], transfer->n);
	if (x->known.unparsed) {
		exchange_unparsed(x, x->known.unparsed - 1, transfer->n);
		return;
	}
	if (!lock(x)) {
		exchange_unparsed(x, WIRE_UNPARSED_CONTENDED, transfer->n);
		x->known.unparsed = WIRE_UNPARSED_CONTENDED + 1;
		return;
	}
	settle(x);
	if (transfer->counted)
		exchange_give_up(x, WIRE_UNPARSED_TRUNCATED);
	else if (!x->known.unparsed)
		look_through(x, scratch);
	exchange_count(x, exchange_speaker(x, transfer->sent), transfer->n);
	unlock(x, key);
}

/* Only what is in the first piece of a message is looked at. */
static __always_inline void look_at_message(struct resolver *resolver, struct scratch *scratch,
					    __u64 pieces, __u64 n)
{
	struct {
		__u64 at, size;
	} vector;

	if (bpf_probe_read_user(&vector, sizeof(vector), (void *)pieces) < 0)
		return;
	scratch->piece.at = vector.at;
	scratch->piece.left = vector.size;
	resolver_look(resolver, &scratch->work, &scratch->piece, n);
}

/* Datagrams of one call; of sendmmsg() and recvmmsg() the transfer has nothing but their lengths. */
static __always_inline void look_at_datagrams(struct resolver *resolver, struct scratch *scratch)
{
	struct transfer *transfer = &scratch->transfer;

	scratch->piece.now_ns = bpf_ktime_get_ns();
	scratch->piece.from_server = !transfer->sent;
	if (transfer->at) {
		scratch->piece.at = transfer->at;
		scratch->piece.left = transfer->n;
		resolver_look(resolver, &scratch->work, &scratch->piece, transfer->n);
		return;
	}
	if (transfer->n_pieces) {
		look_at_message(resolver, scratch, transfer->pieces, transfer->n);
		return;
	}
	for (__u32 i = 0; transfer->counted && i < MESSAGES_MAX && i < scratch->call.result; i++) {
		__u64 message = scratch->call.arguments[1] + i * MESSAGE_SIZE;
		__u32 n = 0;

		bpf_probe_read_user(&n, sizeof(n), (void *)(message + MESSAGE_LENGTH));
		transfer_message(transfer, message);
		look_at_message(resolver, scratch, transfer->pieces, n);
	}
}

static __always_inline void read_transfer(struct pt_regs *regs, __u32 number, long result,
					  struct scratch *scratch)
{
	for (int i = 0; i < CALL_ARGUMENTS; i++)
		scratch->call.arguments[i] = call_argument(regs, i);
	scratch->call.number = number;
	scratch->call.result = result;
	transfer_of(&scratch->call, &scratch->transfer);
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

static __always_inline void finish(const struct sock *sock, struct exchange *x)
{
	const struct tcp_sock *tcp = (const void *)sock;
	__u64 key = (__u64)sock, received = BPF_CORE_READ(tcp, bytes_received);
	__u64 sent = BPF_CORE_READ(tcp, bytes_acked);
	__u32 unseen = epoch_holds(x->known.epoch) ? WIRE_UNPARSED_UNSEEN : WIRE_UNPARSED_BUDGET;
	__u32 unread = BPF_CORE_READ(tcp, rcv_nxt) - BPF_CORE_READ(tcp, copied_seq);

	received -= unread < received ? unread : received;
	if (!x->known.older && received > x->known.seen[0] + CONTROL_BYTES)
		exchange_unparsed(x, unseen, received - x->known.seen[0]);
	if (!x->known.older && sent > x->known.seen[1] + CONTROL_BYTES)
		exchange_unparsed(x, unseen, sent - x->known.seen[1]);
	x->known.closed = true;
	if (try_lock(x))
		close_locked(x, key);
}

static __always_inline void make(const struct sock *sock, __u32 side)
{
	struct cgroup *group = sock->sk_cgrp_data.cgroup;
	__u64 key = (__u64)sock;
	struct exchange *before = bpf_map_lookup_elem(&exchanges, &key);

	if (before && try_lock(before)) /* a socket may be connected again */
		close_locked(before, key);
	/* Each call that finds it has no place tries again, and is not counted again. */
	if (!make_exchange((__u64)sock, group ? group->kn->id : 0, group ? slot_of(group) : 0,
			   side))
		__sync_fetch_and_add(&exchanges_full, 1);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, const struct sock *sock, const int before, const int state)
{
	__u64 key = (__u64)sock;
	struct exchange *x;

	count_run(1);
	if (sock->sk_protocol != PROTOCOL_TCP)
		return 0;
	if (state == TCP_SYN_SENT) {
		make(sock, WIRE_SIDE_CLIENT);
		return 0;
	}
	if (before == TCP_SYN_RECV && state == TCP_ESTABLISHED) {
		make(sock, WIRE_SIDE_SERVER);
		return 0;
	}
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

	count_run(2);
	if (x)
		finish(sock, x);
	return 0;
}
