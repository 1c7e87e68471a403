/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/exemplar.h"

#include <stddef.h>

bool exemplar_fits(const struct exemplar *exemplar)
{
	size_t characters = 0;

	for (const char *const *label = exemplar->labels; *label; label++)
		for (const char *c = *label; *c; c++)
			characters += (*c & 0xc0) != 0x80; /* not the inside of a UTF-8 sequence */
	return characters <= EXEMPLAR_CHARACTERS_MAX;
}

const struct exemplar *exemplar_pick(const struct histogram *histogram, double above, double upto)
{
	const struct exemplar *best = NULL;

	for (unsigned i = 0; i < histogram->n_exemplars; i++) {
		const struct exemplar *each = &histogram->exemplars[i];

		if (each->value > above && each->value <= upto && exemplar_fits(each) &&
		    (!best || each->timestamp_ms >= best->timestamp_ms))
			best = each;
	}
	return best;
}
