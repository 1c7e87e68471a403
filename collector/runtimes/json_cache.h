/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that list many containers, parsed once for all of them and again only when they change.
 */
#pragma once

#include "collector/runtimes/json_file.h"

struct json_cache;

struct json_cache *json_cache_new(void);
void json_cache_free(struct json_cache *cache);
/* As json_file_read(); *ret_json is borrowed until the next call. A few files are kept. */
int json_cache_read(struct json_cache *cache, int root_fd, const char *path, enum trust trust,
		    const json_t **ret_json);
