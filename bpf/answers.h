/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What becomes of answers, of connections and of datagrams alike. */
#pragma once

#include "bpf/keyed_histograms.h"
#include "bpf/routes.h"
#include "bpf/slots.h"
#include "bpf/wire_requests.h"

/* Of one cgroup: with routes there are more. */
const volatile __u32 http_pairs = WIRE_REQUEST_PAIRS;

/* The slot that a cgroup had, and has if it is there: one that is gone may have lost its slot to another. */
static __always_inline __u32 slot_again(__u64 cgroup, __u32 slot)
{
	struct wire_slot *owner = bpf_map_lookup_elem(&slot_owners, &slot);
	__u32 *found;

	if (owner && owner->id == cgroup)
		return slot;
	found = bpf_map_lookup_elem(&slots, &cgroup);
	return found ? *found : 0;
}

/* Behind a call: it would need the stack of who counts, which is short. */
PROTOCOL_FUNCTION __u32 answer_routed_key(__u32 side, __u32 operation, __u32 status)
{
	return wire_routed_key(side, operation, status);
}

/* Where there are no routes their bits of an operation are 0, or are left out. */
static __always_inline __u32 answer_key(__u32 side, __u32 protocol, __u32 operation, __u32 status)
{
	if (routes_wanted && protocol == WIRE_PROTOCOL_http1)
		return answer_routed_key(side, operation, status);
	return wire_request_key(side, protocol, operation, status);
}

/* `last` and what is returned as in keyed_histogram_add(). */
static __always_inline __u32 answer_add(__u32 slot, __u32 side, __u32 protocol, __u32 operation,
					__u32 status, __u64 ns, __u32 last)
{
	const bool http = protocol == WIRE_PROTOCOL_http1;
	__u32 class, key, instead;

	status = wire_request_status(protocol, status);
	class = wire_request_class(protocol, status);
	key = answer_key(side, protocol, operation, status);
	instead =
		answer_key(side, protocol,
			   routes_wanted && http ? 1 | ROUTE_OTHER << ROUTE_METHOD_BITS : 1, class);
	return keyed_histogram_add(slot, protocol, http ? http_pairs : WIRE_REQUEST_PAIRS, key,
				   instead, ns, last);
}
