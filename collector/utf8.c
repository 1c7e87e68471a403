/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/utf8.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "collector/memory.h"

enum { HASH_SUFFIX = 17 }; /* "~" and 16 digits */

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

size_t utf8_sequence(const char *s, const char *end)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t left = (size_t)(end - s), n;
	uint32_t code, least;

	if (left == 0)
		return 0;
	if (u[0] < 0x80)
		return 1;
	if (u[0] >= 0xc2 && u[0] <= 0xdf) {
		n = 2, code = u[0] & 0x1f, least = 0x80;
	} else if ((u[0] & 0xf0) == 0xe0) {
		n = 3, code = u[0] & 0x0f, least = 0x800;
	} else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
		n = 4, code = u[0] & 0x07, least = 0x10000;
	} else {
		return 0;
	}
	if (left < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (u[i] & 0x3f);
	}
	bool surrogate = code >= 0xd800 && code <= 0xdfff;
	return code >= least && code <= 0x10ffff && !surrogate ? n : 0;
}

/* FNV-1a: it only has to keep two long names apart. */
static uint64_t hash_bytes(const char *bytes, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

char *utf8_clean(const char *bytes, size_t length, size_t max, bool *ret_shortened)
{
	const char *s = bytes, *end = bytes + length;
	size_t room = length * 3 < max ? length * 3 : max, n = 0, fits = 0;
	char *clean = xmalloc(room + HASH_SUFFIX + 1);
	bool shortened = false, replaced = false;

	while (s < end) {
		size_t sequence = utf8_sequence(s, end);
		const char *from = sequence ? s : replacement;
		size_t add = sequence ? sequence : sizeof(replacement) - 1;

		if (n + add > max) {
			shortened = true;
			break;
		}
		memcpy(clean + n, from, add);
		n += add;
		replaced |= sequence == 0;
		if (n <= max - HASH_SUFFIX)
			fits = n; /* here the suffix still has room, and no sequence is torn */
		s += sequence ? sequence : 1;
	}
	clean[n] = '\0';
	if (shortened || replaced)
		snprintf(clean + fits, HASH_SUFFIX + 1, "~%016" PRIx64, hash_bytes(bytes, length));
	if (ret_shortened)
		*ret_shortened = shortened;
	return clean;
}
