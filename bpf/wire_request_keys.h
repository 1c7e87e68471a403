/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What requests are counted by. */
#pragma once

#include <linux/types.h>
#include <stdbool.h>

#include "bpf/wire_dns.h"
#include "bpf/wire_routes.h"

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

/*
 * With routes an operation of HTTP is its method with the number of the route above it, whose bits go where others
 * are of no use: a method has 4 bits, a status 10 beside WIRE_STATUS_CLASS.
 */
static inline __u32 wire_routed_key(__u32 side, __u32 operation, __u32 status)
{
	__u32 route = operation >> ROUTE_METHOD_BITS;

	operation &= (1 << ROUTE_METHOD_BITS) - 1;
	return wire_request_key(side, WIRE_PROTOCOL_http1, operation, status) |
	       (route & 0x1f) << 10 | (route >> 5 & 0xf) << 20 | route >> 9 << 29;
}

/* The route of such a key. */
static inline __u32 wire_request_route(__u32 key)
{
	return (key >> 10 & 0x1f) | (key >> 20 & 0xf) << 5 | key >> 29 << 9;
}
