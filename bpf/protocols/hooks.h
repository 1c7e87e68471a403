/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is kept of a connection, and what exchange.h wants done: it is compiled for the kernel and for tests,
 * each of which says how bytes are read and what becomes of what was found.
 */
#pragma once

#include "bpf/protocols/protocol.h"
#include "bpf/wire_requests.h"

struct stream {
	__u64 skip;	/* bytes to pass over before the parser goes on */
	__u64 began_ns; /* the message that is under way; 0: none is */
	__u64 last_ns;	/* when bytes came last */
	__u32 id;
	__u16 status;
	__u16 operation; /* as the answer calls it; 0: as it was asked for */
	__u16 events;	 /* with the last of the `skip` bytes */
	__u32 n_carried;
	unsigned char carried[PROTOCOL_CARRY]; /* what the parser could not begin with yet */
};

struct exchange {
	struct wire_exchange known;
	struct stream streams[2]; /* [0] what the client says, [1] the server */
	struct protocol_state state;
};

/* Bytes of one call that lie together. */
struct piece {
	__u64 at;   /* their address; 0: they cannot be looked at */
	__u64 left; /* of them */
	__u64 now_ns;
	__u64 from_server; /* 0 or 1; no padding, which older verifiers hold against us */
};

/* For one step: too large for a stack. */
struct workspace {
	struct protocol_window window;
	unsigned char behind[PROTOCOL_CARRY]; /* of what is copied from the window's end */
	struct protocol_step step;
};

/* Copies bytes of the program that called; at most PROTOCOL_WINDOW of them. 0 or below. */
PROTOCOL_INLINE long exchange_read(void *to, __u32 n, __u64 at);
PROTOCOL_INLINE void exchange_copy(void *to, const void *from); /* PROTOCOL_CARRY bytes */
/* A request has been answered. */
PROTOCOL_INLINE void exchange_answered(struct exchange *x, __u32 operation, __u32 status,
				       __u64 began_ns, __u64 ended_ns);
/* A request begins while nothing else is under way. */
PROTOCOL_INLINE void exchange_begun(struct exchange *x, __u64 began_ns);
/* The connection is closed before the oldest request was answered. */
PROTOCOL_INLINE void exchange_unanswered(struct exchange *x, __u32 operation, __u64 began_ns);
PROTOCOL_INLINE void exchange_fault(const struct exchange *x, __u32 fault, __u64 n);
PROTOCOL_INLINE void exchange_bytes(const struct exchange *x, __u32 from_server, __u64 n);
PROTOCOL_INLINE void exchange_unparsed(const struct exchange *x, __u32 reason, __u64 n);
