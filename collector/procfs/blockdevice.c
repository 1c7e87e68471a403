/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/blockdevice.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

enum { UEVENT_MAX = 4096 };

/* Device names are labels and paths: plain ASCII, or the number serves better. */
static bool is_plain(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\')
			return false;
	return length > 0;
}

static bool name_in_uevent(char *text, char ret_name[BLOCKDEVICE_NAME_MAX])
{
	static const char key[] = "DEVNAME=";
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *name = line + sizeof(key) - 1;

		if (strncmp(line, key, sizeof(key) - 1) != 0)
			continue;
		if (!is_plain(name, strlen(name)) ||
		    strlen(name) + sizeof("/dev/") > BLOCKDEVICE_NAME_MAX)
			return false;
		snprintf(ret_name, BLOCKDEVICE_NAME_MAX, "/dev/%s", name);
		return true;
	}
	return false;
}

void blockdevice_name(const char *path_sysfs, unsigned major, unsigned minor,
		      char ret_name[BLOCKDEVICE_NAME_MAX])
{
	cleanup_free char *path = xasprintf("%s/dev/block/%u:%u/uevent", path_sysfs, major, minor);
	char text[UEVENT_MAX];
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n > 0) {
		text[n] = '\0';
		if (name_in_uevent(text, ret_name))
			return;
	}
	snprintf(ret_name, BLOCKDEVICE_NAME_MAX, "%u:%u", major, minor);
}
