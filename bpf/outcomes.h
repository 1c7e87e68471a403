/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What becomes of what was found on connections: of requests, and of bytes. */
#pragma once

#include "bpf/answers.h"
#include "bpf/protocols/exchange.h"
#include "bpf/request_edges.h"
#include "bpf/samples.h"
#include "bpf/tallies.h"

static __always_inline __u32 slot_of_exchange(const struct exchange *x)
{
	return slot_again(x->known.cgroup, x->known.slot);
}

/* The id of its trace is that of a request to which nothing else was under way. */
static __noinline int tell(const struct exchange *x, const struct sampled *sampled)
{
	struct wire_sample *sample = sample_begin(sampled);
	const struct http1_state *http = (const void *)&x->state;

	if (!sample)
		return 0;
	if (traces_wanted && sampled->begun && x->known.protocol == WIRE_PROTOCOL_http1)
		for (int i = 0; i < HTTP1_TRACE_WORDS; i++)
			sample->trace[i] = http->trace[i];
	sample_end(sample);
	return 0;
}

static __always_inline void consider(struct exchange *x, __u32 operation, __u32 status,
				     struct sampled *sampled)
{
	const struct wire_exchange *known = &x->known;

	if (!sample_wanted(known->side, known->protocol, operation, status, sampled))
		return;
	if (edges_wanted)
		edge_ask(x);
	sampled->peer = known->peer;
	sampled->peer_tag = known->peer_tag;
	sampled->cgroup = known->cgroup;
	sampled->socket = known->socket;
	sampled->begun = known->begun.began_ns == sampled->began_ns ? &known->begun : 0;
	tell(x, sampled);
}

PROTOCOL_INLINE void exchange_answered(struct exchange *x, __u32 operation, __u32 status,
				       __u64 began_ns, __u64 ended_ns)
{
	struct sampled sampled = { .began_ns = began_ns,
				   .ended_ns = ended_ns,
				   .why = WIRE_SAMPLE_FAILED };

	sampled.slot = slot_of_exchange(x);
	x->known.histogram = answer_add(sampled.slot, x->known.side, x->known.protocol, operation,
					status, ended_ns - began_ns, x->known.histogram);
	edge_count(x, wire_request_failed(x->known.side, x->known.protocol, status),
		   ended_ns - began_ns);
	consider(x, operation, status, &sampled);
	/* Of those that began in the same call the first is answered first. */
	if (x->known.begun.began_ns == began_ns)
		x->known.begun.began_ns = 0;
}

PROTOCOL_FUNCTION int unanswered(struct exchange *x, __u32 operation, __u64 began_ns)
{
	struct sampled sampled = { .began_ns = began_ns,
				   .ended_ns = bpf_ktime_get_ns(),
				   .why = WIRE_SAMPLE_UNANSWERED };

	if (!x)
		return 0;
	sampled.slot = slot_of_exchange(x);
	consider(x, operation, 0, &sampled);
	return 0;
}

PROTOCOL_INLINE void exchange_unanswered(struct exchange *x, __u32 operation, __u64 began_ns)
{
	unanswered(x, operation, began_ns);
}

PROTOCOL_INLINE void exchange_begun(struct exchange *x, __u64 began_ns)
{
	thread_begins(&x->known.begun, began_ns);
}

PROTOCOL_INLINE void exchange_fault(const struct exchange *x, __u32 fault, __u64 n)
{
	tally_add(slot_of_exchange(x), WIRE_REQUEST_FAULT + x->known.protocol * WIRE_FAULTS + fault,
		  n);
}

PROTOCOL_INLINE void exchange_bytes(const struct exchange *x, __u32 from_server, __u64 n)
{
	__u32 side = x->known.side == WIRE_SIDE_SERVER;

	tally_add(slot_of_exchange(x),
		  WIRE_REQUEST_BYTES + x->known.protocol * 4 + side * 2 + from_server, n);
}

PROTOCOL_INLINE void exchange_unparsed(const struct exchange *x, __u32 reason, __u64 n)
{
	if (n)
		tally_add(slot_of_exchange(x), WIRE_REQUEST_UNPARSED + reason, n);
}
