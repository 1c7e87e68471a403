/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/conditions.h"

#include <stdio.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "exporters/accept.h"

/* 0: no match; 1: any type; 2: any subtype; 3: the type itself. */
static int range_specificity(struct accept_text range, const char *type)
{
	cleanup_free char *subtypes = xasprintf("%.*s/*", (int)strcspn(type, "/"), type);

	if (accept_is(range, type))
		return 3;
	if (accept_is(range, subtypes))
		return 2;
	return accept_is(range, "*/*") ? 1 : 0;
}

bool accept_allows(const char *accept, const char *type)
{
	struct accept_element element;
	int best = 0;
	unsigned quality = 0;

	if (!accept || !accept[strspn(accept, " \t")])
		return true;
	while (accept_next(&accept, &element)) {
		int specificity = range_specificity(element.value, type);

		if (specificity > best) {
			best = specificity;
			quality = element.q;
		}
	}
	return quality > 0;
}

bool etag_matches(const char *if_none_match, const char *etag)
{
	static const char between[] = " \t,";
	size_t length = strlen(etag);

	if (!if_none_match)
		return false;
	for (const char *at = if_none_match + strspn(if_none_match, between); *at;) {
		if (strncmp(at, "W/", 2) == 0)
			at += 2;
		size_t n = strcspn(at, between); /* no tag of ours has a comma or a space */

		if ((n == length && strncmp(at, etag, n) == 0) || (n == 1 && *at == '*'))
			return true;
		at += n;
		at += strspn(at, between);
	}
	return false;
}
