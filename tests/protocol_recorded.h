/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations that were recorded from real clients and servers (tests/fixtures/protocols), played as
 * they were and cut in every way. What is found in them is a line of words: the operations in the order
 * of their answers, each with its status behind a '!' unless that is 0.
 */
#pragma once

#include "tests/protocol_support.h"

struct recorded {
	const char *file; /* below tests/fixtures/protocols */
	const char *found;
	uint64_t faults[WIRE_FAULTS]; /* when it is closed at its end */
	int unparsed;		      /* why it is given up, plus 1 */
};

/* Names are those of the protocol that is tested. */
struct naming {
	const char *const *operations;
	const char *const *statuses; /* NULL: numbers */
	unsigned n_operations, n_statuses;
};

struct piece_of_talk {
	char *bytes;
	size_t n;
	bool from_server;
};

struct talk {
	struct piece_of_talk pieces[256];
	unsigned n;
	size_t longest;
};

SUPPORT void talk_free(struct talk *talk)
{
	for (unsigned i = 0; i < talk->n; i++)
		free(talk->pieces[i].bytes);
	free(talk);
}

/* Lines of 'C' or 'S' and bytes in hexadecimal. */
SUPPORT struct talk *talk_read(const char *file)
{
	cleanup_free char *path = xasprintf("tests/fixtures/protocols/%s.txt", file);
	cleanup_free char *line = NULL;
	struct talk *talk = xcalloc(1, sizeof(*talk));
	cleanup_file FILE *f = fopen(path, "re");
	size_t size = 0;

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	while (getline(&line, &size, f) > 2) {
		struct piece_of_talk *piece = &talk->pieces[talk->n++];
		unsigned byte;
		int read = 0;

		assert_true(talk->n <= ARRAY_SIZE(talk->pieces));
		assert_true(line[0] == 'C' || line[0] == 'S');
		piece->from_server = line[0] == 'S';
		piece->bytes = xmalloc(strlen(line) / 2);
		for (const char *at = line + 2; sscanf(at, "%2x%n", &byte, &read) == 1; at += read)
			piece->bytes[piece->n++] = (char)byte;
		if (piece->n > talk->longest)
			talk->longest = piece->n;
	}
	assert_true(talk->n > 0);
	return talk;
}

SUPPORT void print_name(FILE *out, const char *const *names, unsigned n, unsigned i)
{
	if (names && i < n && names[i])
		fputs(names[i], out);
	else
		fprintf(out, "%u", i);
}

SUPPORT char *describe_found(const struct player *player, const struct naming *naming)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (unsigned i = 0; i < player->n_found; i++) {
		const struct found *found = &player->found[i];

		fputs(i ? " " : "", out);
		print_name(out, naming->operations, naming->n_operations, found->operation);
		if (!found->status)
			continue;
		fputc('!', out);
		print_name(out, naming->statuses, naming->n_statuses, found->status);
	}
	fclose(out);
	return text;
}

/* How what was said at once comes: in calls, each of them in pieces of memory. */
struct cuts {
	size_t first_call, other_calls, pieces;
};

SUPPORT void play_recorded(const struct recorded *recorded, const struct naming *naming,
			   const struct talk *talk, struct cuts cuts)
{
	cleanup_free struct player *player = player_new();
	cleanup_free char *found = NULL;

	for (unsigned i = 0; i < talk->n; i++) {
		const struct piece_of_talk *piece = &talk->pieces[i];
		size_t n = cuts.first_call;

		for (size_t at = 0; at < piece->n; at += n, n = cuts.other_calls) {
			if (n > piece->n - at)
				n = piece->n - at;
			play_call(player, piece->from_server, piece->bytes + at, n, cuts.pieces);
		}
	}
	exchange_close(&player->x);
	found = describe_found(player, naming);
	if (strcmp(found, recorded->found) != 0 || player->x.known.unparsed != recorded->unparsed)
		fail_msg("%s, calls of %zu and %zu, pieces of %zu: unparsed %d, found\n%s\nand "
			 "not\n%s",
			 recorded->file, cuts.first_call, cuts.other_calls, cuts.pieces,
			 player->x.known.unparsed, found, recorded->found);
	for (int fault = 0; fault < WIRE_FAULTS; fault++)
		if (player->faults[fault] != recorded->faults[fault])
			fail_msg("%s, calls of %zu and %zu, pieces of %zu: fault %d %zu times",
				 recorded->file, cuts.first_call, cuts.other_calls, cuts.pieces,
				 fault, (size_t)player->faults[fault]);
}

SUPPORT void play_recorded_all_ways(const struct recorded *recorded, const struct naming *naming)
{
	const size_t all = SIZE_MAX / 2;
	struct talk *talk = talk_read(recorded->file);

	play_recorded(recorded, naming, talk, (struct cuts){ all, all, all });
	play_recorded(recorded, naming, talk, (struct cuts){ all, all, 1 });
	play_recorded(recorded, naming, talk, (struct cuts){ 1, 1, 1 });
	/* What is longer is rows that are alike. */
	for (size_t cut = 1; cut < talk->longest; cut += cut < 200 ? 1 : 41) {
		play_recorded(recorded, naming, talk, (struct cuts){ cut, all, all });
		play_recorded(recorded, naming, talk, (struct cuts){ cut, cut, 7 });
	}
	talk_free(talk);
}

/* All recordings of a file. */
struct recordings {
	const struct recorded *all;
	size_t n;
	const struct naming *naming;
};

SUPPORT void recordings_are_understood(void **state)
{
	const struct recordings *recordings = *state;

	for (size_t i = 0; i < recordings->n; i++)
		play_recorded_all_ways(&recordings->all[i], recordings->naming);
}

#define TEST_RECORDINGS(array, naming)                                                             \
	cmocka_unit_test_prestate(recordings_are_understood,                                       \
				  &((struct recordings){ array, ARRAY_SIZE(array), &(naming) }))

/* What a parser makes of bytes that came with one call of a client's. */
#define expect_guess(detect, text, guess)                                                          \
	do {                                                                                       \
		struct protocol_window window = { .n = sizeof(text) - 1, .from_client = 1 };       \
                                                                                                   \
		window.left = window.n;                                                            \
		memcpy(window.bytes, text, window.n);                                              \
		assert_int_equal(detect(&window), guess);                                          \
	} while (0)
