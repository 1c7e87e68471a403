/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections: what all protocols have alike. Takes the bytes of both directions as they come, has the
 * parser of the protocol look at them where it wants to, and pairs requests and answers.
 */
#pragma once

#include "bpf/protocols/all.h"
#include "bpf/protocols/hooks.h"

/* So long after an answer its request may yet be seen. */
enum { EXCHANGE_EARLY_NS = 10 * 1000 * 1000 };

/* Nothing more of it is looked at. */
static inline void exchange_give_up(struct exchange *x, __u32 reason)
{
	struct wire_exchange *known = &x->known;

	if (known->unparsed)
		return;
	known->unparsed = reason + 1;
	exchange_unparsed(x, reason, (__u64)known->undecided[0] + known->undecided[1]);
	known->undecided[0] = known->undecided[1] = 0;
}

static inline struct wire_asked *exchange_asked(struct exchange *x, __u64 i)
{
	i += x->known.head;
#ifdef __bpf__
	asm volatile("" : "+r"(i));
#endif
	i &= WIRE_ASKED - 1;
	return &x->known.asked[i];
}

/* Those that found no place get one together, behind which it goes on as usual. */
static inline void exchange_place_overflowed(struct exchange *x)
{
	struct wire_exchange *known = &x->known;
	struct wire_asked *last = exchange_asked(x, (__u64)known->n_asked - 1);
	__u32 n = known->overflowed;

	if (n > 0x7fff)
		n = 0x7fff;
	if (known->n_asked && last->operation == PROTOCOL_UNKNOWN && last->n <= 0x7fff) {
		last->n += n;
	} else {
		last = exchange_asked(x, known->n_asked++);
		last->began_ns = 0;
		last->operation = PROTOCOL_UNKNOWN;
		last->id = 0;
		last->n = n;
	}
	known->overflowed -= n;
}

/*
 * A send() may end only after another thread has received the answer: nothing is kept of such a request,
 * lest the next one have its answer. Later it is another request.
 */
static inline bool exchange_was_answered(struct exchange *x, __u64 began_ns)
{
	if (!x->known.n_early)
		return false;
	if ((__s64)(began_ns - x->streams[1].last_ns) > EXCHANGE_EARLY_NS) {
		x->known.n_early = 0;
		return false;
	}
	x->known.n_early--;
	return true;
}

static inline void exchange_push(struct exchange *x, __u64 began_ns, __u32 operation, __u32 id)
{
	struct wire_exchange *known = &x->known;
	struct wire_asked *last;

	if (exchange_was_answered(x, began_ns))
		return;
	if (known->overflowed && known->n_asked < WIRE_ASKED)
		exchange_place_overflowed(x);
	last = exchange_asked(x, (__u64)known->n_asked - 1);
	if (known->n_asked && !known->overflowed && last->began_ns == began_ns &&
	    last->operation == operation && last->id == id && last->n < 0xffff) {
		last->n++;
	} else if (known->n_asked < WIRE_ASKED && !known->overflowed) {
		if (!known->n_asked)
			exchange_begun(x, began_ns);
		last = exchange_asked(x, known->n_asked++);
		last->began_ns = began_ns;
		last->operation = operation;
		last->id = id;
		last->n = 1;
	} else {
		known->overflowed++;
	}
}

/* The first of them is no more. */
static inline void exchange_drop_oldest(struct exchange *x, struct wire_asked *oldest)
{
	if (--oldest->n)
		return;
	x->known.head = (x->known.head + 1) & (WIRE_ASKED - 1);
	x->known.n_asked--;
}

/* One with an id goes from among the others: the oldest takes its place, as their order is of no meaning. */
static inline struct wire_asked *exchange_find(struct exchange *x, __u32 id, bool unknown)
{
	for (__u32 i = 0; i < WIRE_ASKED; i++) {
		struct wire_asked *asked = exchange_asked(x, i);

		if (i >= x->known.n_asked)
			break;
		if (asked->id == id && (asked->operation == PROTOCOL_UNKNOWN) == unknown)
			return asked;
	}
	return 0;
}

/* Of a request of which nothing was kept. True: there is none, and nobody asked for it. */
static inline bool exchange_answer_unkept(struct exchange *x)
{
	__u32 fault = x->known.overflowed ? WIRE_FAULT_OVERFLOW : WIRE_FAULT_UNMATCHED;

	x->known.overflowed -= fault == WIRE_FAULT_OVERFLOW;
	exchange_fault(x, fault, 1);
	return fault == WIRE_FAULT_UNMATCHED;
}

PROTOCOL_FUNCTION int exchange_answer(struct exchange *x, const struct stream *stream, __u64 now_ns)
{
	struct wire_asked *oldest, *asked;

	if (!x || !stream)
		return 0;
	asked = oldest = exchange_asked(x, 0);
	if (!x->known.n_asked) {
		/* A server reads before it answers. */
		if (exchange_answer_unkept(x) && x->known.side == WIRE_SIDE_CLIENT &&
		    !(stream->events & PROTOCOL_BY_ID) && x->known.n_early < 0xff)
			x->known.n_early++;
		return 0;
	}
	if (stream->events & PROTOCOL_BY_ID) {
		asked = exchange_find(x, stream->id, false);
		if (!asked)
			asked = exchange_find(x, 0, true);
		if (!asked) {
			exchange_answer_unkept(x);
			return 0;
		}
	}
	if (asked->operation == PROTOCOL_UNKNOWN)
		exchange_fault(x, WIRE_FAULT_OVERFLOW, 1);
	else if (!(stream->events & PROTOCOL_FORGET))
		exchange_answered(x, stream->operation ? stream->operation : asked->operation,
				  stream->status, asked->began_ns, now_ns);
	if (asked == oldest) {
		exchange_drop_oldest(x, oldest);
	} else if (!--asked->n) {
		*asked = *oldest;
		oldest->n = 1;
		exchange_drop_oldest(x, oldest);
	}
	return 0;
}

/* What was to happen with the last byte that was passed over. */
PROTOCOL_INLINE void exchange_complete(struct exchange *x, struct stream *stream, __u64 now_ns)
{
	__u32 events = stream->events;

	if (events & (PROTOCOL_RESPONSE | PROTOCOL_FORGET))
		exchange_answer(x, stream, now_ns);
	if (events & PROTOCOL_END)
		stream->began_ns = 0;
	stream->events = 0;
}

/* An answer that goes on until the connection is closed ends with the last byte that was there. */
static inline void exchange_end_open(struct exchange *x, struct stream *stream)
{
	if (!stream->skip || !stream->events || stream->skip < PROTOCOL_UNTIL_CLOSE >> 1)
		return;
	stream->skip = 0;
	x->known.begun.thread = ~0U; /* what it has spent since then is not told */
	exchange_complete(x, stream, stream->last_ns);
}

/* It is closed. */
PROTOCOL_FUNCTION int exchange_close(struct exchange *x)
{
	__u64 unanswered;

	if (!x)
		return 0;
	exchange_end_open(x, &x->streams[1]);
	unanswered = x->known.overflowed;
	for (__u32 i = 0; i < WIRE_ASKED; i++)
		if (i < x->known.n_asked)
			unanswered += exchange_asked(x, i)->n;
	/* When it has been given up nobody saw whether they were answered. */
	if (unanswered && !x->known.unparsed) {
		const struct wire_asked *oldest = exchange_asked(x, 0);

		exchange_fault(x, WIRE_FAULT_UNANSWERED, unanswered);
		if (x->known.n_asked && oldest->operation != PROTOCOL_UNKNOWN)
			exchange_unanswered(x, oldest->operation, oldest->began_ns);
	}
	x->known.n_asked = 0;
	x->known.overflowed = 0;
	if (!x->known.unparsed && !x->known.protocol)
		exchange_give_up(x, x->known.older ? WIRE_UNPARSED_OLDER : WIRE_UNPARSED_UNKNOWN);
	return 0;
}

/* The stream's carried bytes and what comes behind them. False: they could not be read. */
static inline bool exchange_look(struct exchange *x, const struct stream *stream,
				 const struct piece *piece, struct workspace *work)
{
	struct protocol_window *window = &work->window;
	__u64 carried = stream->n_carried, n = piece->left;

	if (carried > PROTOCOL_CARRY - 1)
		return false;
	if (carried)
		exchange_copy(window->bytes, stream->carried);
	if (n > PROTOCOL_WINDOW - PROTOCOL_CARRY)
		n = PROTOCOL_WINDOW - PROTOCOL_CARRY;
	if (!piece->at || exchange_read(&window->bytes[carried], n, piece->at) < 0)
		return false;
	window->n = carried + n;
	window->left = carried + piece->left;
	window->from_client = !piece->from_server;
	window->datagram = 0;
	window->joining = !x->known.side;
	window->operation = PROTOCOL_NONE;
	if (x->known.n_asked)
		window->operation = exchange_asked(x, 0)->operation;
	else if (x->known.overflowed)
		window->operation = PROTOCOL_UNKNOWN;
	return true;
}

/* Keeps what is in the window, from `from` on, until more comes. */
static inline void exchange_carry(struct stream *stream, const struct workspace *work, __u64 from)
{
	__u32 n = work->window.n - from;

#ifdef __bpf__
	asm volatile("" : "+r"(from));
#endif
	from &= PROTOCOL_WINDOW - 1;
	exchange_copy(stream->carried, &work->window.bytes[from]);
	stream->n_carried = n;
}

static inline int exchange_parse(struct exchange *x, struct workspace *work)
{
	work->step = (struct protocol_step){ 0 };
	switch (x->known.protocol) {
#define WIRE_ROW(name)                                                                             \
	case WIRE_PROTOCOL_##name:                                                                 \
		return name##_parse(&work->window, &x->state, &work->step);
		WIRE_PROTOCOLS(WIRE_ROW)
#undef WIRE_ROW
	default:
		return PROTOCOL_FOREIGN;
	}
}

/* Passes over what a parser has looked at. False: not all of it has come. */
static inline bool exchange_pass(struct stream *stream, struct piece *piece,
				 const struct workspace *work)
{
	__u64 length = work->step.length, carried = stream->n_carried, pass = length - carried;

	if (length < carried) {
		exchange_carry(stream, work, length);
		stream->n_carried = carried - length;
		return true;
	}
	stream->n_carried = 0;
	stream->last_ns = piece->now_ns;
	if (pass > piece->left) {
		stream->skip = pass - piece->left;
		piece->left = 0;
		return false;
	}
	piece->at += pass;
	piece->left -= pass;
	return true;
}

/* One look at the bytes that are next. */
PROTOCOL_FUNCTION int exchange_step(struct exchange *x, struct stream *stream, struct piece *piece,
				    struct workspace *work)
{
	struct protocol_step *step = &work->step;
	int result;

	if (!x || !stream || !piece || !work)
		return 0;
	if (!stream->began_ns)
		stream->began_ns = piece->now_ns;
	if (!exchange_look(x, stream, piece, work)) {
		exchange_give_up(x, WIRE_UNPARSED_TRUNCATED);
		return 0;
	}
	result = exchange_parse(x, work);
	if (result == PROTOCOL_MORE && work->window.n < PROTOCOL_CARRY) {
		exchange_carry(stream, work, 0);
		piece->left = 0;
		return 0;
	}
	if (result != PROTOCOL_OK || !step->length) {
		exchange_give_up(x, result == PROTOCOL_OPAQUE ? WIRE_UNPARSED_UPGRADE
				    : x->known.older	      ? WIRE_UNPARSED_OLDER
							      : WIRE_UNPARSED_BROKEN);
		return 0;
	}
	if (step->events & PROTOCOL_REQUEST) {
		/* Whatever went on until the connection would be closed has ended. */
		exchange_end_open(x, &x->streams[1]);
		exchange_push(x, stream->began_ns, step->operation, step->id);
	}
	stream->id = step->id;
	stream->status = step->status;
	stream->operation = step->events & PROTOCOL_RESPONSE ? step->operation : PROTOCOL_NONE;
	stream->events = step->events & ~PROTOCOL_REQUEST;
	if (exchange_pass(stream, piece, work))
		exchange_complete(x, stream, piece->now_ns);
	return 0;
}

/* Passes over what the parser wants to pass over. Whether something is left. */
static inline bool exchange_skip(struct exchange *x, struct stream *stream, struct piece *piece)
{
	__u64 pass = stream->skip < piece->left ? stream->skip : piece->left;

	if (!pass)
		return piece->left > 0;
	if (piece->at)
		piece->at += pass;
	piece->left -= pass;
	stream->skip -= pass;
	stream->last_ns = piece->now_ns;
	if (!stream->skip)
		exchange_complete(x, stream, piece->now_ns);
	return piece->left > 0;
}

/* What nobody understands is told apart all the same. */
static inline __u32 exchange_known_unknown(const struct protocol_window *window)
{
	if (window->n >= 3 && protocol_byte(window, 0) == 0x16 && protocol_byte(window, 1) == 3)
		return WIRE_UNPARSED_TLS;
	if (window->n >= 8 && protocol_word(window, 0) == PROTOCOL_WORD('P', 'R', 'I', ' ') &&
	    protocol_word(window, 4) == PROTOCOL_WORD('*', ' ', 'H', 'T'))
		return WIRE_UNPARSED_HTTP2;
	return WIRE_UNPARSED_UNKNOWN;
}

/* Asks each parser; the first that is sure has it. Whether one may be. */
static inline bool exchange_ask(struct exchange *x, const struct protocol_window *window)
{
	bool maybe = false;
	int guess;

#define WIRE_ROW(name)                                                                             \
	guess = x->known.protocol ? PROTOCOL_NO : name##_detect(window);                           \
	maybe |= guess == PROTOCOL_MAYBE;                                                          \
	if (guess == (window->from_client ? PROTOCOL_CLIENT : PROTOCOL_SERVER))                    \
		x->known.protocol = WIRE_PROTOCOL_##name;
	WIRE_PROTOCOLS(WIRE_ROW)
#undef WIRE_ROW
	return maybe;
}

static inline void exchange_decided(struct exchange *x)
{
	for (int i = 0; i < 2; i++) {
		if (x->known.undecided[i])
			exchange_bytes(x, i, x->known.undecided[i]);
		x->known.undecided[i] = 0;
	}
}

/*
 * The protocol of a connection whose two ends are known, by what is said first. What is too little to
 * tell is carried over.
 */
PROTOCOL_FUNCTION int exchange_detect(struct exchange *x, struct stream *stream,
				      struct piece *piece, struct workspace *work)
{
	bool maybe;

	if (!x || !stream || !piece || !work)
		return 0;
	if (!stream->began_ns)
		stream->began_ns = piece->now_ns;
	if (!exchange_look(x, stream, piece, work)) {
		exchange_give_up(x, WIRE_UNPARSED_TRUNCATED);
		return 0;
	}
	maybe = exchange_ask(x, &work->window);
	if (x->known.protocol) {
		exchange_decided(x);
		return 0;
	}
	if (maybe && work->window.n < PROTOCOL_CARRY)
		exchange_carry(stream, work, 0);
	else
		exchange_give_up(x, exchange_known_unknown(&work->window));
	piece->left = 0;
	return 0;
}

/*
 * The same where it is not known which end is which: when a call brings the beginning of a request it is,
 * and the answer comes from the other end.
 */
static inline bool exchange_join(struct exchange *x, bool sent, const struct piece *piece,
				 struct workspace *work)
{
	if (!exchange_look(x, &x->streams[0], piece, work))
		return false;
	(void)exchange_ask(x, &work->window);
	if (!x->known.protocol)
		return false;
	/* What went before could not be told apart. */
	exchange_unparsed(x, WIRE_UNPARSED_OLDER,
			  (__u64)x->known.undecided[0] + x->known.undecided[1]);
	x->known.undecided[0] = x->known.undecided[1] = 0;
	x->known.side = sent ? WIRE_SIDE_CLIENT : WIRE_SIDE_SERVER;
	return true;
}

/* Bytes that lie together, as far as they can be understood now. */
static inline void exchange_advance(struct exchange *x, struct stream *stream, struct piece *piece,
				    struct workspace *work)
{
	if (!exchange_skip(x, stream, piece))
		return;
	if (x->known.protocol)
		exchange_step(x, stream, piece, work);
	else
		exchange_detect(x, stream, piece, work);
}

/* Whose bytes are these: 0 the client's, 1 the server's. */
static inline __u32 exchange_speaker(const struct exchange *x, bool sent)
{
	return sent == (x->known.side == WIRE_SIDE_SERVER);
}

/* What a call brought is counted when it is known what becomes of it. */
static inline void exchange_count(struct exchange *x, __u32 from_server, __u64 n)
{
	if (x->known.unparsed)
		exchange_unparsed(x, x->known.unparsed - 1, n);
	else if (x->known.protocol)
		exchange_bytes(x, from_server, n);
	else
		x->known.undecided[from_server & 1] += n;
}
