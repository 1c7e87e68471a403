/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which known word somebody may have meant. Owns nothing; for options.c and config.c.
 */
#pragma once

#include <stddef.h>

/* The search so far; start with `.word` set and all else zero. */
struct nearest {
	const char *word;
	const char *best; /* NULL while nothing is near enough; lives as long as what was offered */
	size_t distance;
};

/* Offers a known word; it is kept when it is nearer than the best so far, and near enough. */
void nearest_offer(struct nearest *nearest, const char *known);
