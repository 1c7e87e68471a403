/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What requests.bpf.c and the collector agree on. */
#pragma once

#include <linux/types.h>

#include "bpf/wire_connections.h"
#include "bpf/wire_request_keys.h"
#include "bpf/wire_samples.h"

/* Why bytes are not understood. */
enum {
	WIRE_UNPARSED_UNKNOWN, /* a protocol that no parser knows */
	WIRE_UNPARSED_TLS,     /* encrypted from the beginning */
	WIRE_UNPARSED_HTTP2,   /* known, and not understood yet */
	WIRE_UNPARSED_UPGRADE, /* became another protocol */
	WIRE_UNPARSED_BROKEN,  /* began well, and then was not what the parser expects */
	WIRE_UNPARSED_TRUNCATED, /* could not be looked at: too many pieces, sendfile(), memory gone */
	WIRE_UNPARSED_OLDER,	 /* of connections that were there before us */
	WIRE_UNPARSED_CONTENDED, /* several tasks were at one socket at once, too long */
	WIRE_UNPARSED_UNSEEN,	 /* went by the system calls that are looked at: io_uring, splice */
	WIRE_UNPARSED_BUDGET,	 /* while nothing was looked at, and behind that */
	WIRE_UNPARSED,
};

/* What went wrong with single requests. */
enum {
	WIRE_FAULT_UNANSWERED, /* the connection was closed before the answer */
	WIRE_FAULT_UNMATCHED,  /* an answer without a request */
	WIRE_FAULT_OVERFLOW,   /* answered, but too many were under way to time it */
	WIRE_FAULTS,
};

/* Keys of the tallies. */
enum {
	/* Bytes, by protocol, side - 1 and who says them: 0 the client, 1 the server. */
	WIRE_REQUEST_BYTES = 0,
	WIRE_REQUEST_UNPARSED = WIRE_REQUEST_BYTES + WIRE_PROTOCOLS_MAX * 2 * 2,
	WIRE_REQUEST_FAULT = WIRE_REQUEST_UNPARSED + WIRE_UNPARSED, /* by protocol, then fault */
	WIRE_REQUEST_TALLIES = WIRE_REQUEST_FAULT + WIRE_PROTOCOLS_MAX * WIRE_FAULTS,
};

/* Requests that are under way, in the order of their beginnings: as many of the same kind as began together. */
enum { WIRE_ASKED = 16 };

struct wire_asked {
	__u64 began_ns; /* CLOCK_MONOTONIC */
	__u32 id;
	__u16 n;
	__u16 operation;
};

/* What is known of a connection; what the parsers keep is behind it. */
struct wire_exchange {
	__u64 cgroup; /* whose it is */
	__u64 socket; /* address of the kernel's structure */
	__u64 files;  /* address of a table of descriptors, where `fd` was the socket's */
	__u32 slot;
	__u32 lock;
	__u8 side;
	__u8 protocol;
	__u8 unparsed; /* why it is not looked at any more, plus 1 */
	__u8 older;    /* it was there before us */
	__u8 tries;    /* to tell the protocol */
	__u8 head;     /* of `asked` */
	__u8 n_asked;
	__u8 closed;	 /* while it was locked */
	__u8 n_early;	 /* answers that were seen before their requests */
	__u32 epoch;	 /* in which it was made */
	__u32 histogram; /* number of that which counted its last answer */
	__u32 fd;
	__u32 copied_seq;   /* sequence number behind what was read; 0: not known */
	__u32 overflowed;   /* requests that found no place, behind those in `asked` */
	__u32 undecided[2]; /* bytes that came before the protocol was known; [1] the server's */
	__u64 seen[2];	    /* bytes: [0] received, [1] sent */
	__u32 peer,
		peer_tag; /* slot of the other end, 0: not known; and of its group (bpf/slots.h) */
	struct wire_answers answers;
	struct wire_begun begun;
	struct wire_asked asked[WIRE_ASKED];
};
