/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/meminfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/procfs/procfs.h"
#include "collector/source.h"

enum { TEXT_MAX = 65536, KIBIBYTE = 1024 };

/* The line "<key> <n> kB", in bytes. */
static bool find_bytes(const char *text, const char *key, uint64_t *ret)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		char *end;

		line += *line == '\n';
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		errno = 0;
		const char *number = line + strlen(key) + strspn(line + strlen(key), " ");
		uint64_t kib = strtoull(number, &end, 10);
		if (*number < '0' || *number > '9' || errno || strncmp(end, " kB\n", 4) != 0 ||
		    kib > UINT64_MAX / KIBIBYTE)
			return false;
		*ret = kib * KIBIBYTE;
		return true;
	}
	return false;
}

static int read_meminfo(const char *procfs, struct meminfo *ret)
{
	cleanup_free char *path = xasprintf("%s/meminfo", procfs);
	struct buffer text = { 0 };
	struct meminfo meminfo = { 0 };
	int err = file_read_at(AT_FDCWD, path, TEXT_MAX, &text);

	if (!err && !find_bytes(text.data, "MemTotal:", &meminfo.memory_bytes))
		err = -EBADMSG;
	if (!err)
		meminfo.has_swap = find_bytes(text.data, "SwapTotal:", &meminfo.swap_bytes);
	buffer_free(&text);
	if (!err)
		*ret = meminfo;
	return err;
}

int meminfo_get(struct collection *collection, const struct meminfo **ret)
{
	if (!collection->meminfo_read) {
		collection->meminfo_read = true;
		collection->meminfo_err =
			read_meminfo(collection->options->path_procfs, &collection->meminfo);
	}
	if (!collection->meminfo_err)
		*ret = &collection->meminfo;
	return collection->meminfo_err;
}
