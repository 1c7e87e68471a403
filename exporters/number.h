/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as text: exact, shortest, and the same in every locale. Owns nothing; used by the text
 * formats, and by whoever needs the double that a scraper would make of that text.
 */
#pragma once

#include <stdint.h>

/* Room that the writers below need at `to`; they use it as scratch and end with no NUL. */
enum { NUMBER_MAX = 48 };

/* How many decimals a power-of-ten scale means: 0 for 1, 9 for SCALE_NANOSECONDS. */
unsigned number_decimals(uint64_t scale);

/*
 * Writes value / 10^decimals (decimals <= 19) as fixed point, exactly, without exponent and without
 * trailing zeros: 7919, 6 gives "0.007919". Returns the end of what was written.
 */
char *number_write_fixed(char *to, uint64_t value, unsigned decimals);

/*
 * Writes the fewest significant digits that read back as the same double; "+Inf", "-Inf", "NaN".
 * Returns the end.
 */
char *number_write_real(char *to, double value);

/*
 * The same for the labels `le` and `quantile`: spelled as Go's strconv 'g' does, always with a point
 * or an exponent ("1.0", "0.001", "1e+06"). Prometheus 2.x keeps this spelling from text and makes
 * that one from protobuf, so they have to agree. OpenMetrics 1.0, "Considerations: Canonical Numbers".
 */
char *number_write_bound(char *to, double value);

/* The double nearest to value / scale (scale <= 10^9), as a scraper reads it from the exact text. */
double number_quotient(uint64_t value, uint64_t scale);
