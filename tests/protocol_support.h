/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations that are played to bpf/protocols/ in user space: what programs would read and write, cut
 * into calls and pieces in every way, and what was found in it.
 */
#pragma once

#include "tests/support.h"

#include "bpf/protocols/exchange.h"

enum { FOUND_MAX = 64 };

struct found {
	uint32_t operation, status;
	uint64_t ns;
};

/* What a player has found so far. The exchange comes first: it is all that the parsers are given. */
struct player {
	struct exchange x;
	struct workspace work;
	uint64_t now_ns;
	struct found found[FOUND_MAX];
	unsigned n_found;
	unsigned n_unanswered; /* connections that were closed with a request under way */
	uint64_t faults[WIRE_FAULTS];
	uint64_t bytes[2], unparsed[WIRE_UNPARSED];
};

static struct player *player_of(const struct exchange *x)
{
	return (struct player *)(uintptr_t)x;
}

PROTOCOL_INLINE long exchange_read(void *to, __u32 n, __u64 at)
{
	memcpy(to, (const void *)(uintptr_t)at, n);
	return 0;
}

PROTOCOL_INLINE void exchange_copy(void *to, const void *from)
{
	memcpy(to, from, PROTOCOL_CARRY);
}

PROTOCOL_INLINE void exchange_answered(struct exchange *x, __u32 operation, __u32 status,
				       __u64 began_ns, __u64 ended_ns)
{
	struct player *player = player_of(x);

	if (player->n_found == FOUND_MAX)
		return;
	player->found[player->n_found++] = (struct found){ operation, status, ended_ns - began_ns };
}

PROTOCOL_INLINE void exchange_begun(struct exchange *x, __u64 began_ns)
{
	x->known.begun.began_ns = began_ns;
}

PROTOCOL_INLINE void exchange_unanswered(struct exchange *x, __u32 operation, __u64 began_ns)
{
	struct player *player = player_of(x);

	assert_true(operation && began_ns <= player->now_ns);
	player->n_unanswered++;
}

PROTOCOL_INLINE void exchange_fault(const struct exchange *x, __u32 fault, __u64 n)
{
	player_of(x)->faults[fault] += n;
}

PROTOCOL_INLINE void exchange_bytes(const struct exchange *x, __u32 from_server, __u64 n)
{
	player_of(x)->bytes[from_server] += n;
}

PROTOCOL_INLINE void exchange_unparsed(const struct exchange *x, __u32 reason, __u64 n)
{
	player_of(x)->unparsed[reason] += n;
}

/* One call of the server's end, whose bytes lie in pieces of this size. */
SUPPORT void play_call(struct player *player, bool from_server, const char *bytes, size_t n,
		       size_t piece_size)
{
	player->now_ns++;
	for (size_t done = 0; done < n && !player->x.known.unparsed;) {
		size_t size = n - done < piece_size ? n - done : piece_size;
		/* Of its own, so that what is read beyond is found by a sanitizer. */
		cleanup_free char *copy = xmalloc(size);
		struct piece piece = {
			.at = (uintptr_t)copy,
			.left = size,
			.now_ns = player->now_ns,
			.from_server = from_server,
		};

		memcpy(copy, bytes + done, size);
		done += size;
		for (unsigned i = 0; i < 100000 && piece.left && !player->x.known.unparsed; i++)
			exchange_advance(&player->x, &player->x.streams[from_server], &piece,
					 &player->work);
		assert_true(!piece.left || player->x.known.unparsed);
	}
	exchange_count(&player->x, from_server, n);
}

SUPPORT struct player *player_new(void)
{
	struct player *player = xcalloc(1, sizeof(*player));

	player->x.known.side = WIRE_SIDE_SERVER;
	memset(&player->work, 0xa5, sizeof(player->work));
	return player;
}

/* One call of a connection that was there before. Whether it is joined. */
SUPPORT bool play_joining(struct player *player, bool sent, const char *bytes)
{
	size_t n = strlen(bytes);
	cleanup_free char *copy = xmalloc(n);
	struct piece piece = { .at = (uintptr_t)copy, .left = n, .now_ns = ++player->now_ns };

	player->x.known.side = WIRE_SIDE_UNKNOWN;
	player->x.known.older = 1;
	memcpy(copy, bytes, n);
	return exchange_join(&player->x, sent, &piece, &player->work);
}

struct saying {
	bool from_server;
	const char *text;
	size_t n; /* 0: to its end */
};

#define CLIENT_SAYS(words)                                                                         \
	{                                                                                          \
		false, words, sizeof(words) - 1                                                    \
	}
#define SERVER_SAYS(words)                                                                         \
	{                                                                                          \
		true, words, sizeof(words) - 1                                                     \
	}

struct conversation {
	const char *name;
	struct saying sayings[12];
	struct found found[12]; /* without the time; operation 0 ends them */
	uint64_t faults[WIRE_FAULTS];
	bool closed;  /* then it is closed */
	int unparsed; /* why it is given up, plus 1 */
	bool whole;   /* is not cut into pieces: that changes what is understood */
};

SUPPORT void expect_conversation(const struct conversation *conversation, struct player *player,
				 size_t cut)
{
	unsigned n = 0;

	if (conversation->closed)
		exchange_close(&player->x);
	while (n < ARRAY_SIZE(conversation->found) && conversation->found[n].operation)
		n++;
	if (player->n_found != n || player->x.known.unparsed != conversation->unparsed)
		fail_msg("%s, cut at %zu: %u found and not %u, unparsed %d", conversation->name,
			 cut, player->n_found, n, player->x.known.unparsed);
	for (unsigned i = 0; i < n; i++)
		if (player->found[i].operation != conversation->found[i].operation ||
		    player->found[i].status != conversation->found[i].status)
			fail_msg("%s, cut at %zu: request %u is %u %u", conversation->name, cut, i,
				 player->found[i].operation, player->found[i].status);
	for (int fault = 0; fault < WIRE_FAULTS; fault++)
		assert_int_equal(player->faults[fault], conversation->faults[fault]);
}

/* Each saying is cut at `cut`, where it is longer, into two calls, and each call into pieces. */
SUPPORT void play_cut(const struct conversation *conversation, size_t cut, size_t piece_size)
{
	cleanup_free struct player *player = player_new();

	for (size_t i = 0; i < ARRAY_SIZE(conversation->sayings); i++) {
		const struct saying *saying = &conversation->sayings[i];
		size_t first = cut < saying->n ? cut : saying->n;

		if (!saying->text)
			break;
		play_call(player, saying->from_server, saying->text, first, piece_size);
		if (first < saying->n)
			play_call(player, saying->from_server, saying->text + first,
				  saying->n - first, piece_size);
	}
	expect_conversation(conversation, player, cut);
}

/* Each byte a call of its own. */
SUPPORT void play_bytes(const struct conversation *conversation)
{
	cleanup_free struct player *player = player_new();

	for (size_t i = 0; i < ARRAY_SIZE(conversation->sayings); i++)
		for (size_t j = 0; j < conversation->sayings[i].n; j++)
			play_call(player, conversation->sayings[i].from_server,
				  conversation->sayings[i].text + j, 1, 1);
	expect_conversation(conversation, player, 1);
}

SUPPORT void play_all_ways(const struct conversation *conversation)
{
	size_t longest = 0;

	for (size_t i = 0; i < ARRAY_SIZE(conversation->sayings); i++)
		if (conversation->sayings[i].n > longest)
			longest = conversation->sayings[i].n;
	play_cut(conversation, longest, SIZE_MAX);
	if (conversation->whole)
		return;
	for (size_t cut = 1; cut < longest; cut++) {
		play_cut(conversation, cut, SIZE_MAX);
		play_cut(conversation, cut, 7);
	}
	play_cut(conversation, longest, 1);
	play_bytes(conversation);
}

/* All conversations of a file. */
struct conversations {
	const struct conversation *all;
	size_t n;
};

SUPPORT void conversations_are_understood(void **state)
{
	const struct conversations *conversations = *state;

	for (size_t i = 0; i < conversations->n; i++)
		play_all_ways(&conversations->all[i]);
}

#define TEST_CONVERSATIONS(array)                                                                  \
	cmocka_unit_test_prestate(conversations_are_understood,                                    \
				  &((struct conversations){ array, ARRAY_SIZE(array) }))

typedef int parse_step(const struct protocol_window *window, struct protocol_state *state,
		       struct protocol_step *step);

/* Else a call with many of them would take more steps than it may. */
SUPPORT void expect_empty_lines_in_one_step(parse_step *parse)
{
	struct protocol_window window = { .n = PROTOCOL_WINDOW, .from_client = 1 };
	struct protocol_state nothing = { 0 };
	struct protocol_step step = { 0 };

	for (unsigned i = 0; i < PROTOCOL_WINDOW; i++)
		window.bytes[i] = i % 2 ? '\n' : '\r';
	assert_int_equal(parse(&window, &nothing, &step), PROTOCOL_OK);
	assert_int_equal(step.length, PROTOCOL_WINDOW);
	assert_int_equal(step.events, PROTOCOL_END);
}
