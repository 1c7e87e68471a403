/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What connections.bpf.c and the collector agree on. */
#pragma once

#include <linux/types.h>

/* Why a connection was not made: by the error that its socket was left with. */
enum {
	WIRE_FAILED_REFUSED,	 /* ECONNREFUSED */
	WIRE_FAILED_TIMEOUT,	 /* ETIMEDOUT */
	WIRE_FAILED_UNREACHABLE, /* EHOSTUNREACH, ENETUNREACH */
	WIRE_FAILED_ABORTED,	 /* none: its process gave up */
	WIRE_FAILED_OTHER,
	WIRE_FAILURES
};

/* Keys of the tallies. */
enum {
	WIRE_TCP_CONNECTED,
	WIRE_TCP_ACCEPTED,
	WIRE_TCP_CLOSED, /* of both */
	WIRE_TCP_SENT,	 /* bytes that were acknowledged */
	WIRE_TCP_RECEIVED,
	WIRE_TCP_RETRANSMITTED, /* segments */
	WIRE_TCP_RESET_SENT,
	WIRE_TCP_RESET_RECEIVED,
	WIRE_TCP_LISTEN_DROPPED, /* packets of connections that were to be */
	WIRE_TCP_FAILED,	 /* plus why */
	WIRE_TCP_UNKEPT = WIRE_TCP_FAILED + WIRE_FAILURES, /* the kernel had no memory for it */
	/* For slot 0 alone: what could not be told of edges. */
	WIRE_TCP_PAIRS_LOST,	  /* counts, for want of a pair */
	WIRE_TCP_HANDSHAKES_LOST, /* connections whose other end is not known */
	WIRE_TCP_TALLIES
};

/* Keys of the histograms. */
enum { WIRE_TCP_CONNECTING, WIRE_TCP_ROUND_TRIP, WIRE_TCP_HISTOGRAMS };

/*
 * An edge is a pair: the slot of who made the connections and that of who accepted them. When one of them
 * is not here, it is the slot of the other one, and WIRE_OUTSIDE with the number of a group of
 * addresses; with WIRE_INBOUND it was them who made the connections. Group 0 stands for all that is not
 * known.
 */
#define WIRE_OUTSIDE (1U << 31)
#define WIRE_INBOUND (1U << 30)
#define WIRE_GROUP   (WIRE_INBOUND - 1)

/* Sums of an edge; bytes as the workload of the slot sees them. */
enum {
	WIRE_EDGE_CONNECTED,
	WIRE_EDGE_FAILED,
	WIRE_EDGE_CLOSED,
	WIRE_EDGE_SENT,
	WIRE_EDGE_RECEIVED,
	WIRE_EDGE_RETRANSMITTED, /* of both ends, where both are here */
	WIRE_EDGE_ROUND_TRIP_US, /* of those that are closed */
	/* These are added by requests.bpf.c. */
	WIRE_EDGE_REQUESTS, /* that were answered */
	WIRE_EDGE_REQUESTS_FAILED,
	WIRE_EDGE_REQUESTS_NS,
	WIRE_EDGE_KEYS
};

/* Requests that were answered, as a connection counts them for its edge. */
struct wire_answers {
	__u64 n, failed;
	__u64 ns; /* all together */
};

/* Key of the longest-prefix map of the groups: IPv4 as ::ffff:a.b.c.d. */
struct wire_network {
	__u32 bits;
	__u32 address[4]; /* in network order */
};

/* An address with a port, both in network order, IPv4 as ::ffff:a.b.c.d: who is asked, and who answers. */
struct wire_service {
	__u32 address[4];
	__u32 port;
};

/* An accepting end on this host is found long before; one that waits for data may take longer. */
enum { WIRE_SETTLED_NS = 1000 * 1000 * 1000 };

/*
 * A connection that a client here has made, until it is known who is at the other end. Whoever takes it
 * from the map has it counted. An element may be another's as soon as it is taken: hence the key.
 */
struct wire_handshake {
	__u64 key; /* both sequence numbers */
	__u64 made_ns;
	__u32 client, server; /* slots */
	__u32 client_tag;     /* of their groups */
	__u32 server_tag;     /* 0: nobody here has accepted it yet */
};

/* A listening socket: what waits to be accepted, and how much may. */
struct wire_listener {
	__u32 slot;
	__u32 waiting;
	__u32 limit;
};
