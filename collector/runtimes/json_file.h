/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that runtimes write, read so that nothing in them can hurt: opened beneath the root, never a
 * FIFO or device, capped in size, parsed by jansson.
 */
#pragma once

#include <dirent.h>
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "collector/cleanup.h"
#include "collector/runtimes/runtime.h"

#define cleanup_json cleanup(json_decrefp)

enum {
	RUNTIME_FILE_MAX = 8 * 1024 * 1024, /* bytes; a store's list of all containers */
	UNTRUSTED_FILE_MAX = 1024 * 1024,   /* JSON of a user: he may have one for each cgroup */
	SMALL_FILE_MAX = 256 * 1024,
	RUNTIME_VALUES_MAX = 250000, /* in one text: 40 MB in memory, at most 60 */
	UNTRUSTED_VALUES_MAX = 50000,
};

/*
 * Whether a path was made by root's own tools, or may hold what a container or a user planted:
 * untrusted paths are opened without following any symlink.
 */
enum trust { TRUSTED, UNTRUSTED };

struct file_stamp file_stamp_of(const struct stat *st);
/*
 * A regular file beneath root_fd, without following links when untrusted: an fd, or -errno.
 * *ret_stamp may be NULL.
 */
int runtime_file_open(int root_fd, const char *path, enum trust trust,
		      struct file_stamp *ret_stamp);
/* A folder of root's tools beneath root_fd, to be closed by closedir(3); NULL with errno. */
DIR *runtime_folder_open(int root_fd, const char *path);
/* Its whole text, NUL-terminated, freed by the caller; -EFBIG beyond `max` bytes. Length or -errno. */
ssize_t runtime_file_read(int root_fd, const char *path, enum trust trust, size_t max,
			  char **ret_text, struct file_stamp *ret_stamp);
/* Parses a text: *ret_json is a new reference. -EINVAL: not JSON, or nested too deep; -EFBIG: too many values. */
int json_text_parse(const char *text, size_t length, enum trust trust, json_t **ret_json);
/* The same with a file; or as runtime_file_read(). */
int json_file_read(int root_fd, const char *path, enum trust trust, json_t **ret_json,
		   struct file_stamp *ret_stamp);
/*
 * A string at a path of object keys, ended by NULL: json_string_at(j, "Config", "Image", NULL). A copy
 * that the caller frees, of FACT_STRING_MAX bytes at most; NULL when it is not there or is empty.
 */
char *json_string_at(const json_t *json, ...) __attribute__((sentinel));
/* The node at such a path, borrowed; NULL when it is not there. */
const json_t *json_at(const json_t *json, ...) __attribute__((sentinel));
/* Unix time in milliseconds of an RFC 3339 string; 0 when it is none, or is before 1970. */
int64_t time_parse_rfc3339(const char *text);
/* Adds an array of "NAME=VALUE" to the facts' environment, as facts_add_variable(). */
void json_add_environment(const struct runtime_context *context, const json_t *array,
			  struct facts *facts);
/* Copies an object's string members into the facts' labels. */
void json_add_labels(const json_t *object, struct facts *facts);
