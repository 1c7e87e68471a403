/* SPDX-License-Identifier: Apache-2.0 */
/* What begins a conversation is recognised by one parser alone, and chance by none. */
#include <glob.h>

#include "tests/protocol_recorded.h"

struct parser {
	const char *name;
	int (*detect)(const struct protocol_window *window);
};

static const struct parser parsers[] = {
#define WIRE_ROW(name) { #name, name##_detect },
	WIRE_PROTOCOLS(WIRE_ROW)
#undef WIRE_ROW
};

static void fill_window(struct protocol_window *window, const char *bytes, size_t n,
			bool from_client)
{
	memset(window, 0x5a, sizeof(*window));
	window->n = n < PROTOCOL_WINDOW ? n : PROTOCOL_WINDOW;
	window->left = n;
	window->from_client = from_client;
	window->datagram = 0;
	window->joining = 0;
	memcpy(window->bytes, bytes, window->n);
}

/* What all of them make of the first bytes of a recorded conversation; nobody is sure too early. */
static void expect_one(const char *file, const struct talk *talk)
{
	const struct piece_of_talk *first = &talk->pieces[0];
	const char *slash = strchr(file, '/');
	struct protocol_window window;

	for (size_t n = 1; n <= first->n; n++) {
		for (size_t i = 0; i < ARRAY_SIZE(parsers); i++) {
			bool own = strncmp(parsers[i].name, file, (size_t)(slash - file)) == 0;
			int guess;

			fill_window(&window, first->bytes, n, !first->from_server);
			guess = parsers[i].detect(&window);
			if (!own && (guess == PROTOCOL_CLIENT || guess == PROTOCOL_SERVER))
				fail_msg("%s takes the first %zu bytes of %s", parsers[i].name, n,
					 file);
			if (own && guess == PROTOCOL_NO)
				fail_msg("%s refuses the first %zu bytes of %s", parsers[i].name, n,
					 file);
			if (own && n == first->n)
				assert_int_equal(guess, first->from_server ? PROTOCOL_SERVER
									   : PROTOCOL_CLIENT);
		}
	}
}

static void recordings_are_told_apart(void **state)
{
	const char folder[] = "tests/fixtures/protocols/";
	glob_t found = { 0 };

	(void)state;
	assert_int_equal(glob("tests/fixtures/protocols/*/*.txt", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		cleanup_free char *file = xstrdup(found.gl_pathv[i] + sizeof(folder) - 1);
		struct talk *talk;

		if (strstr(file, "-udp"))
			continue;
		file[strlen(file) - strlen(".txt")] = '\0';
		talk = talk_read(file);
		expect_one(file, talk);
		talk_free(talk);
	}
	assert_true(found.gl_pathc > 20);
	globfree(&found);
}

/* xorshift64: the same at each run. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Small numbers, letters, and any bytes, as binary and text protocols of all kinds have them. */
static void chance_is_recognised_by_nobody(void **state)
{
	uint64_t random = 88172645463325252;
	char bytes[64];

	(void)state;
	for (unsigned round = 0; round < 1000000; round++) {
		struct protocol_window window;
		uint64_t n = 1 + next_random(&random) % sizeof(bytes);

		for (unsigned i = 0; i < n; i++) {
			uint64_t value = next_random(&random);

			bytes[i] = (char)(round % 3 == 0   ? value
					  : round % 3 == 1 ? value % 4
							   : 'a' + value % 26);
		}
		fill_window(&window, bytes, n, round & 1);
		for (size_t i = 0; i < ARRAY_SIZE(parsers); i++) {
			int guess = parsers[i].detect(&window);

			if (guess == PROTOCOL_CLIENT || guess == PROTOCOL_SERVER)
				fail_msg("%s takes round %u", parsers[i].name, round);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recordings_are_told_apart),
		cmocka_unit_test(chance_is_recognised_by_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
