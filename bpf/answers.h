/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What becomes of answers, of connections and of datagrams alike. */
#pragma once

#include "bpf/keyed_histograms.h"
#include "bpf/slots.h"
#include "bpf/wire_requests.h"

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

/* `last` and what is returned as in keyed_histogram_add(). */
static __always_inline __u32 answer_add(__u32 slot, __u32 side, __u32 protocol, __u32 operation,
					__u32 status, __u64 ns, __u32 last)
{
	__u32 class;

	status = wire_request_status(protocol, status);
	class = wire_request_class(protocol, status);
	return keyed_histogram_add(slot, protocol, WIRE_REQUEST_PAIRS,
				   wire_request_key(side, protocol, operation, status),
				   wire_request_key(side, protocol, 1, class), ns, last);
}
