/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/runtimes/users.h"

#include <stdlib.h>
#include <string.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/procfs/mounts.h"
#include "collector/runtimes/json_file.h"

unsigned user_of(const char *path)
{
	static const char manager[] = "/user@", service[] = ".service";

	for (const char *at = path; (at = strstr(at, manager));) {
		char *end;

		at += sizeof(manager) - 1;
		unsigned long uid = strtoul(at, &end, 10);
		if (end == at || strncmp(end, service, sizeof(service) - 1) != 0)
			continue;
		end += sizeof(service) - 1;
		if ((*end == '/' || !*end) && uid <= UINT32_MAX)
			return (unsigned)uid;
	}
	return 0;
}

/* The home directory of a user, from the root's own /etc/passwd: passwd(5), fields 3 and 6. */
static char *home_of(const struct runtime_context *context, unsigned uid)
{
	cleanup_free char *text = NULL;
	char *save;

	if (runtime_file_read(context->root_fd, "etc/passwd", TRUSTED, RUNTIME_FILE_MAX, &text,
			      NULL) < 0)
		return NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *fields[7] = { NULL };

		for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
			fields[i] = strsep(&line, ":");
		if (fields[5] && strtoul(fields[2], NULL, 10) == uid && *fields[2])
			return xstrdup(fields[5]);
	}
	return NULL;
}

char *user_folder(const struct runtime_context *context, unsigned uid, const char *below)
{
	cleanup_free char *home = home_of(context, uid);

	if (!home)
		return NULL;
	char *folder = xasprintf("%s/%s", home, below);
	/* The user may have mounted there what never answers. */
	if (!mounts_may_block_below(context->path_procfs, context->path_rootfs, folder))
		return folder;
	free(folder);
	return NULL;
}

bool group_is_system_unit(const struct group *group)
{
	static const char slice[] = ".slice";

	for (const struct group *above = group->parent; above && above->parent;
	     above = above->parent) {
		size_t length = strlen(above->name);

		if (length < sizeof(slice) ||
		    !streq(above->name + length - (sizeof(slice) - 1), slice))
			return false;
	}
	return true;
}
