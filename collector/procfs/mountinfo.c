/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/mountinfo.h"

#include <stdio.h>
#include <string.h>

#include "collector/cleanup.h"

static void unescape_octal(char *s)
{
	char *to = s;

	for (const char *from = s; *from; from++, to++) {
		*to = *from;
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
		    from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 3;
		}
	}
	*to = '\0';
}

/* The next word; *at moves behind it. NULL when there is none. */
static char *next_word(char **at)
{
	char *word = strsep(at, " ");

	return word && *word ? word : NULL;
}

static bool parse_line(char *line, struct mount *ret)
{
	struct mount mount = { 0 };
	char *tail = strstr(line, " - ");
	char *words[6] = { 0 };

	if (!tail)
		return false;
	*tail = '\0';
	tail += 3;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!(words[i] = next_word(&line)))
			return false;
	if (sscanf(words[2], "%u:%u", &mount.major, &mount.minor) != 2)
		return false;
	mount.root = words[3];
	mount.point = words[4];
	mount.type = next_word(&tail);
	mount.source = strsep(&tail, " "); /* may be empty: mount("", ...) */
	mount.options = strsep(&tail, " ");
	if (!mount.type || !mount.source || !mount.options)
		return false;
	unescape_octal(mount.root);
	unescape_octal(mount.point);
	unescape_octal(mount.source);
	unescape_octal(mount.options);
	*ret = mount;
	return true;
}

bool mountinfo_next(char **at, struct mount *ret)
{
	char *line;

	while (*at && (line = strsep(at, "\n")))
		if (parse_line(line, ret))
			return true;
	return false;
}

/* Cuts the option off at its end: a comma that is not escaped. */
static void end_option(char *value)
{
	char *to = value;

	for (const char *from = value; *from && *from != ','; from++, to++) {
		if (from[0] == '\\' && from[1])
			from++;
		*to = *from;
	}
	*to = '\0';
}

char *mountinfo_upperdir(const struct mount *mount)
{
	static const char name[] = "upperdir=";
	char *at = mount->options;

	if (!streq(mount->type, "overlay"))
		return NULL;
	while (at && *at) {
		if (strncmp(at, name, sizeof(name) - 1) == 0) {
			end_option(at + sizeof(name) - 1);
			return at[sizeof(name) - 1] == '/' ? at + sizeof(name) - 1 : NULL;
		}
		for (; *at && *at != ','; at++)
			if (at[0] == '\\' && at[1])
				at++;
		at += *at == ',';
	}
	return NULL;
}

bool mountinfo_may_block(const struct mount *mount)
{
	static const char *const types[] = { "nfs",	"cifs",	  "smb",    "fuse",    "ceph",
					     "9p",	"afs",	  "autofs", "coda",    "ncp",
					     "gluster", "lustre", "beegfs", "virtiofs" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strncmp(mount->type, types[i], strlen(types[i])) == 0)
			return true;
	return false;
}
