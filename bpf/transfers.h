/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a system call has moved, and where the bytes lie. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/system_calls.h"

/* include/linux/socket.h: nothing is taken from the stream, or it is another one. */
enum { MSG_OOB = 1, MSG_PEEK = 2, MSG_TRUNC = 0x20, MSG_ERRQUEUE = 0x2000 };

enum { MESSAGES_MAX = 8, MESSAGE_SIZE = 64, MESSAGE_LENGTH = 56 }; /* struct mmsghdr */

struct transfer {
	__u64 at;     /* of the bytes; 0: they cannot be looked at */
	__u64 pieces; /* or of an array of struct iovec */
	__u64 n_pieces;
	__u64 left; /* bytes of the pieces that are next */
	__u64 n;    /* bytes; 0: nothing was moved */
	__u32 sent;
	__u16 counted; /* they are in several messages: counted, and no more */
	__u8 among;    /* they are one of several messages, and nothing says which */
	__u8 unseen;   /* some that came before them were not seen */
};

static __always_inline void transfer_message(struct transfer *transfer, __u64 message)
{
	__u64 vector[2] = {};

	/* struct msghdr: msg_iov and msg_iovlen. */
	bpf_probe_read_user(vector, sizeof(vector), (void *)(message + 16));
	transfer->pieces = vector[0];
	transfer->n_pieces = vector[1];
}

/* The lengths stand in the messages. */
static __always_inline void transfer_messages(struct transfer *transfer, __u64 messages, __u64 n)
{
	transfer->counted = true;
	transfer->n = 0;
	for (__u32 i = 0; i < MESSAGES_MAX && i < n; i++) {
		__u32 length = 0;

		bpf_probe_read_user(&length, sizeof(length),
				    (void *)(messages + i * MESSAGE_SIZE + MESSAGE_LENGTH));
		transfer->n += length;
	}
}

/* What a call that ended with a result above 0 has moved. */
__attribute__((noinline)) int transfer_of(const struct call *call, struct transfer *transfer)
{
	__u64 flags = 0;

	if (!call || !transfer)
		return 0;
	*transfer = (struct transfer){ .n = call->result };
	switch (call->number) {
	case NR_SENDTO:
		flags = call->arguments[3] & MSG_OOB;
		transfer->sent = 1;
		transfer->at = call->arguments[1];
		break;
	case NR_RECVFROM:
		flags = call->arguments[3];
		transfer->at = call->arguments[1];
		break;
	case NR_WRITE:
	case NR_READ:
		transfer->sent = call->number == NR_WRITE;
		transfer->at = call->arguments[1];
		break;
	case NR_WRITEV:
	case NR_READV:
		transfer->sent = call->number == NR_WRITEV;
		transfer->pieces = call->arguments[1];
		transfer->n_pieces = call->arguments[2];
		break;
	case NR_SENDMSG:
		flags = call->arguments[2] & MSG_OOB;
		transfer->sent = 1;
		transfer_message(transfer, call->arguments[1]);
		break;
	case NR_RECVMSG:
		flags = call->arguments[2];
		transfer_message(transfer, call->arguments[1]);
		break;
	case NR_SENDMMSG:
		transfer->sent = 1;
		transfer_messages(transfer, call->arguments[1], call->result);
		break;
	case NR_RECVMMSG:
		flags = call->arguments[3];
		transfer_messages(transfer, call->arguments[1], call->result);
		break;
	default: /* sendfile() into its first; splice() from its first */
		transfer->sent = call->number == NR_SENDFILE;
		break;
	}
	if (flags & (MSG_OOB | MSG_PEEK | MSG_ERRQUEUE))
		transfer->n = 0;
	if (flags & MSG_TRUNC) {
		transfer->at = 0;
		transfer->n_pieces = 0;
	}
	return 0;
}
