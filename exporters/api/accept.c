/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/accept.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

static char *trim(char *text)
{
	text += strspn(text, " \t");
	size_t length = strlen(text);

	while (length && strchr(" \t", text[length - 1]))
		text[--length] = '\0';
	return text;
}

/* 0: no match; 1: any type; 2: any subtype; 3: the type itself. */
static int range_specificity(const char *range, const char *type)
{
	size_t major = strcspn(type, "/") + 1;

	if (strcasecmp(range, type) == 0)
		return 3;
	if (strncasecmp(range, type, major) == 0 && streq(range + major, "*"))
		return 2;
	return streq(range, "*/*") ? 1 : 0;
}

/* The q-value among the parameters of a range; 1 without one. */
static double range_quality(char *parameters)
{
	char *rest = parameters;

	for (char *item; (item = strsep(&rest, ";"));) {
		item = trim(item);
		if (strncasecmp(item, "q=", 2) == 0)
			return strtod(item + 2, NULL);
	}
	return 1;
}

bool accept_allows(const char *accept, const char *type)
{
	if (!accept || !accept[strspn(accept, " \t")])
		return true;
	cleanup_free char *copy = xstrdup(accept);
	char *rest = copy;
	int best = 0;
	double quality = 0;

	for (char *item; (item = strsep(&rest, ","));) {
		char *parameters = item;
		const char *range = trim(strsep(&parameters, ";"));
		int specificity = range_specificity(range, type);

		if (specificity > best) {
			best = specificity;
			quality = range_quality(parameters);
		}
	}
	return quality > 0;
}

bool etag_matches(const char *if_none_match, const char *etag)
{
	if (!if_none_match)
		return false;
	cleanup_free char *copy = xstrdup(if_none_match);
	char *rest = copy;

	for (char *item; (item = strsep(&rest, ","));) {
		item = trim(item);
		if (streq(item, "*"))
			return true;
		if (strncmp(item, "W/", 2) == 0)
			item += 2;
		if (streq(item, etag))
			return true;
	}
	return false;
}
