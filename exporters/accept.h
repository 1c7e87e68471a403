/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists of Accept and Accept-Encoding, read element by element. Owns nothing: all texts point
 * into the header. Format: RFC 9110, 5.6.1 (lists), 5.6.6 (parameters), 12.4.2 (weights).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { ACCEPT_PARAMETERS_MAX = 8, ACCEPT_Q_MAX = 1000 };

struct accept_text {
	const char *data;
	size_t length;
};

struct accept_element {
	struct accept_text value; /* "text/plain", "gzip", "*" */
	struct accept_parameter {
		struct accept_text name, value; /* the value without its quotes */
	} parameters[ACCEPT_PARAMETERS_MAX];	/* but for q */
	size_t n_parameters;
	unsigned q; /* in thousandths */
};

/*
 * Reads the next well-formed element at *cursor and moves it on; malformed ones, with more
 * parameters than fit or a weight that is none, are passed over. False at the end.
 */
bool accept_next(const char **cursor, struct accept_element *ret);
/* Whether a text is the same as a string, upper and lower case being the same. */
bool accept_is(struct accept_text text, const char *string);
