/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict reading of a small YAML file with libyaml, the way Go's yaml.UnmarshalStrict() does: unknown
 * and repeated keys are errors, null leaves the default. For web_config.c only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <yaml.h>

struct web_pair;
struct web_yaml;

/* What a key's value is read into, and by what. */
struct web_yaml_key {
	const char *name;
	int (*take)(struct web_yaml *yaml, yaml_node_t *node, void *into); /* not called for null */
	void *into;
};

/* Reads a file whose top is a map; -errno with *ret_error (caller frees): "file:line: what". */
int web_yaml_read(const char *path, const struct web_yaml_key *keys, size_t n, char **ret_error);
/* Notes an error at a node, and returns -EINVAL. */
int web_yaml_fail(struct web_yaml *yaml, const yaml_node_t *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Text of a scalar; "" for anything else. */
const char *web_yaml_text(const yaml_node_t *node);
bool web_yaml_is(const yaml_node_t *node, const char *text);
/* -EINVAL without an error noted when the node is no integer. */
int web_yaml_integer(const yaml_node_t *node, int64_t *ret);
/* Readers for `take`. Strings (char **) replace what was there, which is freed. */
int web_yaml_map(struct web_yaml *yaml, yaml_node_t *node, const char *what,
		 const struct web_yaml_key *keys, size_t n);
int web_yaml_string(struct web_yaml *yaml, yaml_node_t *node, void *into);
int web_yaml_bool(struct web_yaml *yaml, yaml_node_t *node, void *into);
/* Lists and maps of any strings. What was read before a failure is there too. */
int web_yaml_strings(struct web_yaml *yaml, yaml_node_t *node, char ***items, size_t *n);
int web_yaml_pairs(struct web_yaml *yaml, yaml_node_t *node, struct web_pair **pairs, size_t *n);
