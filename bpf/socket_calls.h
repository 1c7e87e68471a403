/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The system call that moves a socket's bytes, for programs that run within it (sock_send_length and
 * sock_recv_length, since 6.3): no other call on the host runs them.
 */
#pragma once

#include "bpf/looks.h"

/*
 * Whether a call is on this very socket: the kernel may move its bytes by itself, for a file system or for
 * io_uring, while the call that is under way is about something else. `x` may be NULL; it keeps which descriptor was
 * the socket's, because looking costs as much as looking up `x`.
 */
static __always_inline bool is_call_on(struct task_struct *task, __u32 fd, const struct sock *sock,
				       struct exchange *x)
{
	const __u64 files = (__u64)task->files;
	struct file *file;

	if (x && x->known.files == files && x->known.fd == fd)
		return true;
	file = file_of(task, fd);
	if (!file || file != sock->sk_socket->file)
		return false;
	if (x) {
		x->known.files = files;
		x->known.fd = fd;
	}
	return true;
}

/* The registers of the call on this socket, and its number; NULL: there is none. */
static __always_inline struct pt_regs *call_on(const struct sock *sock, struct exchange *x,
					       __u32 *ret_number)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	const __u32 number = call_number(regs);

	*ret_number = number;
	if (!call_transfers(number) || call_is_compat(task) ||
	    !is_call_on(task, call_argument(regs, number == NR_SPLICE ? 2 : 0), sock, x))
		return 0;
	return regs;
}

enum { RCV_SHUTDOWN = 1 };

/* Of a call that receives: with others its bytes are where they always are. */
enum { FLAGS_READ = MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_ERRQUEUE };

/* Where the bytes lie that a call on this socket has just moved. */
static __always_inline void call_transfer(struct pt_regs *regs, __u32 number, __u64 n,
					  struct scratch *scratch)
{
	const bool among = number == NR_SENDMMSG || number == NR_RECVMMSG;

	/* From a pipe it is as from a file. With several messages flags stand where these have theirs. */
	if (number == NR_SPLICE)
		number = NR_SENDFILE;
	if (among)
		number = number == NR_SENDMMSG ? NR_SENDTO : NR_RECVFROM;
	read_transfer(regs, number, n, scratch);
	if (!among)
		return;
	scratch->transfer.at = 0;
	scratch->transfer.among = 1;
}

/* The same for a connection, quickly where there is one buffer. */
static __always_inline void stream_transfer(struct pt_regs *regs, __u32 number, __u32 flags,
					    bool sent, __u64 n, struct scratch *scratch)
{
	struct transfer *transfer = &scratch->transfer;

	if (number == NR_SENDTO)
		flags = call_argument(regs, 3) & MSG_OOB;
	if (flags & FLAGS_READ || (number != NR_READ && number != NR_WRITE &&
				   number != NR_RECVFROM && number != NR_SENDTO)) {
		call_transfer(regs, number, n, scratch);
		return;
	}
	transfer->at = call_argument(regs, 1);
	transfer->pieces = transfer->n_pieces = 0;
	transfer->n = n;
	transfer->sent = sent;
	transfer->counted = transfer->among = transfer->unseen = 0;
}

/* Whether somebody read, since the last call that was looked at, what no program here has seen. */
static __always_inline bool were_unseen(struct exchange *x, struct sock *sock, __u32 n)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sock);
	const __u32 copied = tcp ? tcp->copied_seq : 0, before = x->known.copied_seq;

	x->known.copied_seq = copied;
	/* The end of a connection has a number, too, and so has what is out of band. */
	return before && copied && (__s32)(copied - before - n) > 1;
}

/* How much it is, for who holds the socket's lock. */
static __always_inline __u32 read_since(struct exchange *x, struct sock *sock)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sock);
	const __u32 before = x->known.copied_seq;
	__u32 copied = tcp ? tcp->copied_seq : 0;

	if (tcp && sock->sk_shutdown & RCV_SHUTDOWN && copied == tcp->rcv_nxt)
		copied--; /* the end has a number, too */
	if (!copied || (before && (__s32)(copied - before) <= 0))
		return 0;
	x->known.copied_seq = copied;
	return before ? copied - before : 0;
}
