/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/accept.h"

#include <string.h>
#include <strings.h>

bool accept_is(struct accept_text text, const char *string)
{
	return strlen(string) == text.length && strncasecmp(text.data, string, text.length) == 0;
}

static const char *skip_space(const char *c)
{
	return c + strspn(c, " \t");
}

/* What tokens are made of, and the '/' of a media range. Stops at NUL. */
static struct accept_text read_token(const char **cursor)
{
	static const char token[] = "!#$%&'*+-.^_`|~/0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct accept_text text = { *cursor, strspn(*cursor, token) };

	*cursor += text.length;
	return text;
}

/* A quoted string; none of the values that we know needs a backslash, so these stay in. */
static bool read_quoted(const char **cursor, struct accept_text *ret)
{
	const char *start = *cursor + 1, *c = start;

	for (; *c && *c != '"'; c++)
		if (*c == '\\' && c[1])
			c++;
	if (!*c)
		return false;
	*ret = (struct accept_text){ start, (size_t)(c - start) };
	*cursor = c + 1;
	return true;
}

/* "1", "0.75", ".5", "1.000": in thousandths, further digits are cut. False for anything else. */
static bool read_weight(struct accept_text text, unsigned *ret)
{
	unsigned q = 0, unit = ACCEPT_Q_MAX;
	bool any = false;

	for (size_t i = 0; i < text.length; i++) {
		char c = text.data[i];

		if (c == '.' && unit == ACCEPT_Q_MAX) {
			unit /= 10;
		} else if (c >= '0' && c <= '9' && (unit != ACCEPT_Q_MAX || !any)) {
			q += (unsigned)(c - '0') * unit;
			unit = unit == ACCEPT_Q_MAX ? unit : unit / 10;
			any = true;
		} else {
			return false;
		}
	}
	if (!any || q > ACCEPT_Q_MAX)
		return false;
	*ret = q;
	return true;
}

static bool read_parameter(const char **cursor, struct accept_element *element)
{
	struct accept_parameter parameter = { .name = read_token(cursor) };

	if (!parameter.name.length)
		return **cursor == ';' || **cursor == ',' || !**cursor; /* "a;;b", "a;" */
	if (**cursor != '=')
		return false;
	++*cursor;
	if (**cursor == '"') {
		if (!read_quoted(cursor, &parameter.value))
			return false;
	} else {
		parameter.value = read_token(cursor);
	}
	if (accept_is(parameter.name, "q"))
		return read_weight(parameter.value, &element->q);
	if (element->n_parameters == ACCEPT_PARAMETERS_MAX)
		return false;
	element->parameters[element->n_parameters++] = parameter;
	return true;
}

/* Reads up to the comma or the end; false when what stood there is malformed. */
static bool read_element(const char **cursor, struct accept_element *ret)
{
	*ret = (struct accept_element){ .value = read_token(cursor), .q = ACCEPT_Q_MAX };
	if (!ret->value.length)
		return false;
	for (;;) {
		*cursor = skip_space(*cursor);
		if (**cursor != ';')
			return **cursor == ',' || !**cursor;
		*cursor = skip_space(*cursor + 1);
		if (!read_parameter(cursor, ret))
			return false;
	}
}

/* To behind the comma that ends a malformed element; commas in quotes do not count. */
static const char *skip_element(const char *c)
{
	struct accept_text quoted;

	while (*c && *c != ',')
		if (*c != '"' || !read_quoted(&c, &quoted))
			c++;
	return c;
}

bool accept_next(const char **cursor, struct accept_element *ret)
{
	while (**cursor) {
		const char *start = *cursor = skip_space(*cursor);
		struct accept_element element;
		bool good = read_element(cursor, &element);

		if (!good)
			*cursor = skip_element(start);
		if (**cursor == ',')
			++*cursor;
		if (good) {
			*ret = element;
			return true;
		}
	}
	return false;
}
