/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What requests.bpf.c and the collector agree on. */
#pragma once

#include <linux/types.h>
#include <stdbool.h>

#include "bpf/wire_connections.h"
#include "bpf/wire_dns.h"
#include "bpf/wire_samples.h"

/* Protocols that are understood, by the names of their parsers; below 8. */
/* clang-format off */
#define WIRE_PROTOCOLS(X) X(http1) X(redis) X(postgresql) X(mysql) X(memcached) X(dns)
/* clang-format on */

enum {
	WIRE_PROTOCOL_NONE,
#define WIRE_ROW(name) WIRE_PROTOCOL_##name,
	WIRE_PROTOCOLS(WIRE_ROW)
#undef WIRE_ROW
		WIRE_PROTOCOLS_END,
	WIRE_PROTOCOLS_MAX = 8,
};

/* Which end the workload's socket is of. */
enum { WIRE_SIDE_UNKNOWN, WIRE_SIDE_CLIENT, WIRE_SIDE_SERVER, WIRE_SIDES };

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

/* Keys of histograms: side, protocol, operation, status. */
enum {
	WIRE_REQUEST_STATUS_BITS = 16,
	WIRE_REQUEST_OPERATION_BITS = 8,
	WIRE_REQUEST_PROTOCOL_BITS = 3,
	/* Of one cgroup and protocol; others are the protocol's other operation, with this in the status. */
	WIRE_REQUEST_PAIRS = 32,
	WIRE_STATUS_CLASS = 1 << 15, /* the status is a class: in HTTP its first digit */
};

/* A status as it stands in a key: what has no name of its own is one, lest series be there twice. */
static inline __u32 wire_request_status(__u32 protocol, __u32 status)
{
	/* An error of MySQL is any number that a program wants it to be. */
	if ((protocol == WIRE_PROTOCOL_mysql && status & WIRE_STATUS_CLASS) ||
	    (protocol == WIRE_PROTOCOL_dns && status > DNS_ERROR_NOTZONE))
		return WIRE_STATUS_CLASS | 1;
	return status;
}

/* As the conventions have it: what a client did wrong is no failure of the server. */
static inline bool wire_request_failed(__u32 side, __u32 protocol, __u32 status)
{
	if (protocol == WIRE_PROTOCOL_http1)
		return status >= (side == WIRE_SIDE_CLIENT ? 400 : 500);
	return status != 0;
}

/* The status for the rest, whose operation is the protocol's other one. */
static inline __u32 wire_request_class(__u32 protocol, __u32 status)
{
	if (protocol == WIRE_PROTOCOL_http1)
		return WIRE_STATUS_CLASS | status / 100;
	if (!status)
		return 0;
	/* These call it REDIS_ERROR_OTHER and POSTGRESQL_ERROR_OTHER. */
	if (protocol == WIRE_PROTOCOL_redis || protocol == WIRE_PROTOCOL_postgresql)
		return 1;
	return WIRE_STATUS_CLASS | 1;
}

static inline __u32 wire_request_key(__u32 side, __u32 protocol, __u32 operation, __u32 status)
{
	return ((side << WIRE_REQUEST_PROTOCOL_BITS | protocol) << WIRE_REQUEST_OPERATION_BITS |
		(operation &
		 0xff)) << WIRE_REQUEST_STATUS_BITS |
	       (status & 0xffff);
}

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
