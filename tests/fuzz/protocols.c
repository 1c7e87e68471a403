/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All parsers of bpf/protocols/ with bytes that nobody would send. The first byte says what is done:
 *   0x80 and above: one step with a state and a window of any kind, as the verifier assumes it
 *   below: a conversation with that protocol's number, or with none so that it has to be recognised; then
 *   for each call a byte, whose highest bit is set for the server, the number of its bytes, and these
 * A conversation is played again with each byte a call of its own: the same must be found in it.
 */
#include "tests/protocol_support.h"

typedef int parse_function(const struct protocol_window *window, struct protocol_state *state,
			   struct protocol_step *step);

static parse_function *const parsers[] = {
#define WIRE_ROW(name) name##_parse,
	WIRE_PROTOCOLS(WIRE_ROW)
#undef WIRE_ROW
};

static int (*const detectors[])(const struct protocol_window *window) = {
#define WIRE_ROW(name) name##_detect,
	WIRE_PROTOCOLS(WIRE_ROW)
#undef WIRE_ROW
};

static void expect(bool good)
{
	if (!good)
		abort();
}

static size_t take(void *to, size_t size, const uint8_t **data, size_t *n)
{
	size_t taken = size < *n ? size : *n;

	memcpy(to, *data, taken);
	*data += taken;
	*n -= taken;
	return taken;
}

static void step_anywhere(unsigned parser, const uint8_t *data, size_t n)
{
	struct protocol_window window = { 0 };
	struct protocol_state state = { 0 };
	struct protocol_step step = { 0 };
	uint8_t flags[3] = { 0 };
	int result;

	take(flags, sizeof(flags), &data, &n);
	take(&state, flags[0] & 1 ? sizeof(state) : 0, &data, &n);
	window.n = (uint32_t)take(window.bytes, sizeof(window.bytes), &data, &n);
	window.left = window.n + (uint64_t)flags[1] * flags[1] * flags[1];
	window.from_client = flags[0] >> 1 & 1;
	window.datagram = flags[0] >> 2 & 1;
	window.joining = flags[0] >> 3 & 1;
	window.operation = flags[2];
	if (!window.n)
		return;
	result = detectors[parser](&window);
	expect(result >= PROTOCOL_NO && result <= PROTOCOL_SERVER);
	result = parsers[parser](&window, &state, &step);
	expect(result >= PROTOCOL_OK && result <= PROTOCOL_OPAQUE);
	/* A state that no conversation leads to may lead nowhere. */
	if (flags[0] & 1)
		return;
	expect(result != PROTOCOL_OK || step.length);
	expect(result != PROTOCOL_OK || !(step.events & PROTOCOL_REQUEST) ||
	       (step.operation && step.operation < PROTOCOL_UNKNOWN));
}

static struct player *play(unsigned protocol, const uint8_t *data, size_t n, bool in_bytes)
{
	struct player *player = player_new();

	player->x.known.protocol = (uint8_t)protocol;
	while (n > 2) {
		bool from_server = data[0] >> 7;
		size_t size = data[1] < n - 2 ? data[1] : n - 2;
		const char *bytes = (const char *)data + 2;

		if (!in_bytes)
			play_call(player, from_server, bytes, size, SIZE_MAX);
		for (size_t i = 0; in_bytes && i < size; i++)
			play_call(player, from_server, bytes + i, 1, 1);
		data += 2 + size;
		n -= 2 + size;
	}
	exchange_close(&player->x);
	return player;
}

/* What ends an answer of HTTP without a length is the next call, so cuts are seen there. */
static bool does_not_see_cuts(unsigned protocol)
{
	return protocol != WIRE_PROTOCOL_NONE && protocol != WIRE_PROTOCOL_http1;
}

static void play_twice(unsigned protocol, const uint8_t *data, size_t n)
{
	cleanup_free struct player *whole = play(protocol, data, n, false);
	cleanup_free struct player *cut = play(protocol, data, n, true);

	if (!does_not_see_cuts(protocol))
		return;
	expect(!whole->x.known.unparsed == !cut->x.known.unparsed);
	/* Who sees more at once may give up earlier. */
	expect(whole->x.known.unparsed || whole->n_found == cut->n_found);
	for (unsigned i = 0; i < whole->n_found && i < cut->n_found; i++)
		expect(whole->found[i].operation == cut->found[i].operation &&
		       whole->found[i].status == cut->found[i].status);
	for (int i = 0; i < WIRE_FAULTS && !whole->x.known.unparsed; i++)
		expect(whole->faults[i] == cut->faults[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!n)
		return 0;
	if (data[0] & 0x80)
		step_anywhere(data[0] % ARRAY_SIZE(parsers), data + 1, n - 1);
	else
		play_twice(data[0] % WIRE_PROTOCOLS_END, data + 1, n - 1);
	return 0;
}
