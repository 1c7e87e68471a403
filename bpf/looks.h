/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a call brought of a connection, looked through piece by piece. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "bpf/exchanges.h"
#include "bpf/routes.h"
#include "bpf/scratches.h"
#include "bpf/system_calls.h"
#include "bpf/transfers.h"

enum {
	STEPS_MAX = 4096,   /* in one call */
	JOINING_TRIES = 64, /* calls in which a request may begin on a connection from before */
};

/* An index that the verifier takes for one. */
static __always_inline __u64 either(__u64 i)
{
	asm volatile("" : "+r"(i));
	return i & 1;
}

struct looking {
	struct exchange *x;
	struct stream *stream;
	struct scratch *scratch;
};

/* The next of the pieces, which are in an array of struct iovec. */
static __always_inline bool next_piece(struct exchange *x, struct scratch *scratch)
{
	struct transfer *transfer = &scratch->transfer;
	struct {
		__u64 at, size;
	} vector;

	if (!transfer->left)
		return false;
	if (!transfer->n_pieces ||
	    bpf_probe_read_user(&vector, sizeof(vector), (void *)transfer->pieces) < 0) {
		exchange_give_up(x, WIRE_UNPARSED_TRUNCATED);
		return false;
	}
	transfer->pieces += sizeof(vector);
	transfer->n_pieces--;
	scratch->piece.at = vector.at;
	scratch->piece.left = vector.size < transfer->left ? vector.size : transfer->left;
	transfer->left -= scratch->piece.left;
	return true;
}

static long look(__u32 i, struct looking *looking)
{
	struct scratch *scratch = looking->scratch;

	if (!scratch->piece.left)
		return !next_piece(looking->x, scratch);
	exchange_advance(looking->x, looking->stream, &scratch->piece, &scratch->work);
	return looking->x->known.unparsed != 0;
}

/* What a call brought of the exchange, which is locked. */
static __always_inline void look_through(struct exchange *x, struct scratch *scratch)
{
	struct transfer *transfer = &scratch->transfer;
	struct looking looking = { .x = x, .scratch = scratch };
	__u32 from_server = exchange_speaker(x, transfer->sent);

	scratch->piece.now_ns = bpf_ktime_get_ns();
	scratch->piece.from_server = 0;
	if (transfer->n_pieces) {
		transfer->left = transfer->n;
		next_piece(x, scratch);
	} else {
		transfer->left = 0;
		scratch->piece.at = transfer->at;
		scratch->piece.left = transfer->n;
	}
	if (!x->known.side) {
		if (!exchange_join(x, transfer->sent, &scratch->piece, &scratch->work)) {
			if (++x->known.tries >= JOINING_TRIES)
				exchange_give_up(x, WIRE_UNPARSED_OLDER);
			return;
		}
		from_server = 0;
	}
	scratch->piece.from_server = from_server;
	route_expect(x->known.side == WIRE_SIDE_SERVER ? x->known.slot : 0);
	looking.stream = &x->streams[either(from_server)];
	/* Most often one step does; a loop costs more than that. */
	if (scratch->piece.left)
		exchange_advance(x, looking.stream, &scratch->piece, &scratch->work);
	if (!x->known.unparsed && (scratch->piece.left || transfer->left))
		bpf_loop(STEPS_MAX, look, &looking, 0);
	if (scratch->piece.left || transfer->left)
		exchange_give_up(x, WIRE_UNPARSED_TRUNCATED);
}

static __always_inline void transferred(struct exchange *x, __u64 key, struct scratch *scratch)
{
	const struct transfer *transfer = &scratch->transfer;

	__sync_fetch_and_add(&x->known.seen[either(transfer->sent)], transfer->n);
	if (x->known.unparsed) {
		exchange_unparsed(x, x->known.unparsed - 1, transfer->n);
		return;
	}
	if (!lock(x)) {
		exchange_unparsed(x, WIRE_UNPARSED_CONTENDED, transfer->n);
		x->known.unparsed = WIRE_UNPARSED_CONTENDED + 1;
		return;
	}
	settle(x);
	if (transfer->unseen)
		exchange_give_up(x, WIRE_UNPARSED_UNSEEN);
	if (transfer->counted)
		exchange_give_up(x, WIRE_UNPARSED_TRUNCATED);
	else if (!x->known.unparsed)
		look_through(x, scratch);
	exchange_count(x, exchange_speaker(x, transfer->sent), transfer->n);
	unlock(x, key);
}

static __always_inline void read_transfer(struct pt_regs *regs, __u32 number, long result,
					  struct scratch *scratch)
{
	for (int i = 0; i < CALL_ARGUMENTS; i++)
		scratch->call.arguments[i] = call_argument(regs, i);
	scratch->call.number = number;
	scratch->call.result = result;
	transfer_of(&scratch->call, &scratch->transfer);
}
