/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that list many containers, parsed once for all of them and again only when they change; a
 * broken one too, for a user may have one beside thousands of cgroups that are looked up in it.
 */
#pragma once

#include "collector/runtimes/json_file.h"

struct json_cache;

struct json_cache *json_cache_new(void);
void json_cache_free(struct json_cache *cache);
/*
 * The first object with this "id" in a file that is an array of objects, or the member of that name in one
 * that is an object: *ret_entry is borrowed until the next call. -ENOENT, or as json_file_read(). A few files are kept.
 * *ret_stamp is that of the file; NULL: it is of no matter.
 */
int json_cache_find(struct json_cache *cache, int root_fd, const char *path, enum trust trust,
		    const char *id, const json_t **ret_entry, struct file_stamp *ret_stamp);
