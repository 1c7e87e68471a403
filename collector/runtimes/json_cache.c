/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/runtimes/json_cache.h"

#include "collector/memory.h"

enum { CACHED_FILES = 8 }; /* stores: root's, and those of a few users */

struct cached {
	char *path;
	json_t *json;
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
	json_decref(cached->json);
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

int json_cache_read(struct json_cache *cache, int root_fd, const char *path, enum trust trust,
		    const json_t **ret_json)
{
	struct cached *cached = place_of(cache, path);
	struct file_stamp stamp;
	cleanup_close int fd = runtime_file_open(root_fd, path, trust, &stamp);

	if (fd < 0)
		return fd;
	if (!cached->json || !file_stamp_equal(&cached->stamp, &stamp)) {
		json_t *json;
		int err = json_file_read(root_fd, path, trust, &json, &stamp);

		if (err)
			return err;
		cached_clear(cached);
		*cached = (struct cached){ .path = xstrdup(path), .json = json, .stamp = stamp };
	}
	cached->used = ++cache->uses;
	*ret_json = cached->json;
	return 0;
}
