/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Datagrams that a call moved. */
#pragma once

#include "bpf/looks.h"
#include "bpf/lookups.h"

/* What a datagram is to who asks name servers. */
enum { DATAGRAM_OTHER, DATAGRAM_ASKS, DATAGRAM_ANSWERS, DATAGRAM_UNMATCHED };

/* A datagram of `n` bytes, of which those of the piece lie together; what it is. */
__attribute__((noinline)) int resolver_look(struct resolver *resolver, struct workspace *work,
					    const struct piece *piece, __u64 n)
{
	struct protocol_window *window;
	__u64 size;

	if (!resolver || !work || !piece)
		return DATAGRAM_OTHER;
	window = &work->window;
	size = piece->left < n ? piece->left : n;
	if (size > RESOLVER_SEEN)
		size = RESOLVER_SEEN;
	if (!size || exchange_read(window->bytes, size, piece->at) < 0)
		return DATAGRAM_OTHER;
	window->n = size;
	window->left = n;
	window->operation = PROTOCOL_NONE;
	window->from_client = !piece->from_server;
	window->datagram = 1;
	if (resolver->kind == RESOLVER_UNKNOWN)
		resolver_tell(resolver, window);
	if (resolver->kind != RESOLVER_ASKS)
		return DATAGRAM_OTHER;
	work->step = (struct protocol_step){ 0 };
	dns_datagram(window, &work->step);
	if (work->step.events & PROTOCOL_REQUEST) {
		resolver_ask(resolver, &work->step, piece->now_ns);
		return DATAGRAM_ASKS;
	}
	if (!(work->step.events & PROTOCOL_RESPONSE))
		return DATAGRAM_OTHER;
	return resolver_hear(resolver, &work->step, piece->now_ns) ? DATAGRAM_ANSWERS
								   : DATAGRAM_UNMATCHED;
}

/* What becomes of the one that was moved, of `n` bytes. */
static __always_inline void resolver_count(const struct resolver *resolver, int datagram,
					   __u32 from_server, __u64 n)
{
	if (datagram == DATAGRAM_OTHER)
		return;
	if (datagram == DATAGRAM_UNMATCHED)
		resolver_fault(resolver, WIRE_FAULT_UNMATCHED, 1);
	resolver_bytes(resolver, from_server, n);
}

/* Only what is in the first piece of a message is looked at. `n` 0: as much as that has. */
static __always_inline int look_at_message(struct resolver *resolver, struct scratch *scratch,
					   __u64 pieces, __u64 n)
{
	struct {
		__u64 at, size;
	} vector;

	if (bpf_probe_read_user(&vector, sizeof(vector), (void *)pieces) < 0)
		return DATAGRAM_OTHER;
	scratch->piece.at = vector.at;
	scratch->piece.left = vector.size;
	return resolver_look(resolver, &scratch->work, &scratch->piece, n ? n : vector.size);
}

/* One datagram, of a call that moves one. */
static __always_inline int look_at_datagram(struct resolver *resolver, struct scratch *scratch)
{
	const struct transfer *transfer = &scratch->transfer;

	if (!transfer->at)
		return transfer->n_pieces
			       ? look_at_message(resolver, scratch, transfer->pieces, transfer->n)
			       : DATAGRAM_OTHER;
	scratch->piece.at = transfer->at;
	scratch->piece.left = transfer->n;
	return resolver_look(resolver, &scratch->work, &scratch->piece, transfer->n);
}

/* All of sendmmsg() or recvmmsg(), which has ended. */
static __always_inline void look_at_all(struct resolver *resolver, struct scratch *scratch)
{
	struct transfer *transfer = &scratch->transfer;

	for (__u32 i = 0; i < MESSAGES_MAX && i < scratch->call.result; i++) {
		__u64 message = scratch->call.arguments[1] + i * MESSAGE_SIZE;
		__u32 n = 0;
		int found;

		bpf_probe_read_user(&n, sizeof(n), (void *)(message + MESSAGE_LENGTH));
		transfer_message(transfer, message);
		found = n ? look_at_message(resolver, scratch, transfer->pieces, n)
			  : DATAGRAM_OTHER;
		resolver_count(resolver, found, scratch->piece.from_server, n);
	}
}

/*
 * One of those of sendmmsg() or recvmmsg(), which goes on; nothing says which. Of questions it does not matter, as
 * none is taken twice, and what an answer answered nobody waits for any more: so all are looked at for what is new.
 */
static __always_inline int look_among(struct resolver *resolver, struct scratch *scratch)
{
	struct transfer *transfer = &scratch->transfer;
	int best = DATAGRAM_OTHER;

	for (__u32 i = 0; i < MESSAGES_MAX && i < scratch->call.arguments[2]; i++) {
		int found;

		transfer_message(transfer, scratch->call.arguments[1] + i * MESSAGE_SIZE);
		found = look_at_message(resolver, scratch, transfer->pieces, 0);
		if (found != DATAGRAM_OTHER && best != DATAGRAM_ANSWERS)
			best = found;
		if (best == DATAGRAM_ANSWERS || resolver->kind != RESOLVER_ASKS)
			break;
	}
	return best;
}

/* What a call brought of datagrams that are looked at. */
static __always_inline void look_at_datagrams(struct resolver *resolver, struct scratch *scratch)
{
	const struct transfer *transfer = &scratch->transfer;
	const __u64 n = transfer->n;
	int found;

	scratch->piece.now_ns = bpf_ktime_get_ns();
	scratch->piece.from_server = !transfer->sent;
	if (transfer->counted) {
		look_at_all(resolver, scratch);
		return;
	}
	found = transfer->among ? look_among(resolver, scratch)
				: look_at_datagram(resolver, scratch);
	resolver_count(resolver, found, scratch->piece.from_server, n);
}
