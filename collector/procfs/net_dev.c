/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/net_dev.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 16 };

static bool parse_fields(const char *s, const char *end, uint64_t fields[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++) {
		char *after;

		while (s < end && *s == ' ')
			s++;
		if (s == end || !isdigit((unsigned char)*s))
			return false;
		errno = 0;
		fields[i] = strtoull(s, &after, 10);
		if (errno || after > end || (after < end && *after != ' '))
			return false;
		s = after;
	}
	return true;
}

/* The last ':' before the numbers ends the name: old kernels allowed one inside. */
static bool parse_line(const char *line, const char *end, struct net_dev *ret)
{
	const char *colon = memrchr(line, ':', (size_t)(end - line));
	uint64_t f[FIELDS];

	while (line < end && *line == ' ')
		line++;
	if (!colon || colon <= line || !parse_fields(colon + 1, end, f))
		return false;
	*ret = (struct net_dev){
		.name = line,
		.name_length = (size_t)(colon - line),
		.values = { f[0], f[2], f[3], f[1], f[8], f[10], f[11], f[9] },
	};
	return true;
}

bool net_dev_next(const char **at, struct net_dev *ret)
{
	while (**at) {
		const char *line = *at, *end = strchrnul(line, '\n');

		*at = *end ? end + 1 : end;
		if (parse_line(line, end, ret))
			return true;
	}
	return false;
}
