/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/nearest.h"

#include <string.h>

enum { WORD_BYTES = 64 }; /* longer words are nobody's misspelling */

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/*
 * Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
 * Both words are shorter than WORD_BYTES.
 */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_BYTES + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2], length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		last[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			row[j] = smallest(last[j] + 1, row[j - 1] + 1,
					  last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = smallest(row[j], row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[length];
}

void nearest_offer(struct nearest *nearest, const char *known)
{
	size_t length = strlen(nearest->word), distance;

	if (length >= WORD_BYTES || strlen(known) >= WORD_BYTES)
		return;
	distance = edit_distance(nearest->word, known);
	if (distance > (length < 3 ? 1 : length / 3) || distance >= strlen(known))
		return;
	if (nearest->best && distance >= nearest->distance)
		return;
	nearest->best = known;
	nearest->distance = distance;
}
