/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/runtimes/json_cache.h"

#include <errno.h>

#include "collector/memory.h"

enum { CACHED_FILES = 16 }; /* stores: root's, and those of a few users; two of each */

struct cached {
	char *path;
	json_t *entries; /* by id; NULL: it could not be parsed */
	int err;
	struct file_stamp stamp;
	uint64_t used;
};

struct json_cache {
	struct cached files[CACHED_FILES];
	uint64_t uses;
};

struct json_cache *json_cache_new(void)
{
	return xcalloc(1, sizeof(struct json_cache));
}

static void cached_clear(struct cached *cached)
{
	free(cached->path);
	json_decref(cached->entries);
	*cached = (struct cached){ 0 };
}

void json_cache_free(struct json_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < CACHED_FILES; i++)
		cached_clear(&cache->files[i]);
	free(cache);
}

/* The place of a path: its own, else the one that was not used for the longest time. */
static struct cached *place_of(struct json_cache *cache, const char *path)
{
	struct cached *oldest = &cache->files[0];

	for (size_t i = 0; i < CACHED_FILES; i++) {
		if (cache->files[i].path && streq(cache->files[i].path, path))
			return &cache->files[i];
		if (cache->files[i].used < oldest->used)
			oldest = &cache->files[i];
	}
	cached_clear(oldest);
	return oldest;
}

/*
 * A list of objects as an object of them by their "id"; the first of two counts. An object is one already.
 * Takes the reference.
 */
static json_t *by_id(json_t *list)
{
	json_t *entries, *entry;
	size_t i;

	if (json_is_object(list))
		return list;
	entries = json_object();

	json_array_foreach(list, i, entry)
	{
		const char *id = json_string_value(json_object_get(entry, "id"));

		if (id && !json_object_get(entries, id))
			json_object_set(entries, id, entry);
	}
	json_decref(list);
	return entries;
}

int json_cache_find(struct json_cache *cache, int root_fd, const char *path, enum trust trust,
		    const char *id, const json_t **ret_entry, struct file_stamp *ret_stamp)
{
	struct file_stamp stamp;
	cleanup_close int fd = runtime_file_open(root_fd, path, trust, &stamp);

	if (fd < 0)
		return fd;
	struct cached *cached = place_of(cache, path);
	if (!cached->path || !file_stamp_equal(&cached->stamp, &stamp)) {
		json_t *list = NULL;
		int err = json_file_read(root_fd, path, trust, &list, &stamp);

		cached_clear(cached);
		if (err && err != -EINVAL &&
		    err != -EFBIG) /* passes without a change of the file */
			return err;
		*cached = (struct cached){ .path = xstrdup(path), .err = err, .stamp = stamp };
		if (!err)
			cached->entries = by_id(list);
	}
	cached->used = ++cache->uses;
	const json_t *entry = json_object_get(cached->entries, id);
	if (!entry)
		return cached->err ? cached->err : -ENOENT;
	*ret_entry = entry;
	if (ret_stamp)
		*ret_stamp = cached->stamp;
	return 0;
}
