/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/web_yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <strings.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/text_file.h"
#include "exporters/web_config.h"

struct web_yaml {
	const char *path;
	yaml_document_t document;
	char *error;
};

int web_yaml_fail(struct web_yaml *yaml, const yaml_node_t *node, const char *format, ...)
{
	cleanup_free char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	free(yaml->error);
	yaml->error = xasprintf("%s:%zu: %s", yaml->path, node->start_mark.line + 1, text);
	return -EINVAL;
}

const char *web_yaml_text(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
}

bool web_yaml_is(const yaml_node_t *node, const char *text)
{
	return node->type == YAML_SCALAR_NODE && streq(web_yaml_text(node), text);
}

static bool is_plain(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_null(const yaml_node_t *node)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

	if (!is_plain(node))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(nulls); i++)
		if (web_yaml_is(node, nulls[i]))
			return true;
	return false;
}

int web_yaml_integer(const yaml_node_t *node, int64_t *ret)
{
	const char *text = web_yaml_text(node);
	char *end;
	long long value;

	if (!is_plain(node) || !*text)
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 0);
	if (errno || *end)
		return -EINVAL;
	*ret = value;
	return 0;
}

static yaml_node_t *node_of(struct web_yaml *yaml, int index)
{
	return yaml_document_get_node(&yaml->document, index);
}

/* A pair's key as text, checked to be the first of its name. */
static int key_text(struct web_yaml *yaml, yaml_node_t *map, yaml_node_pair_t *pair,
		    const char **ret_text)
{
	yaml_node_t *key = node_of(yaml, pair->key);

	if (key->type != YAML_SCALAR_NODE)
		return web_yaml_fail(yaml, key, "a key is not a word");
	for (yaml_node_pair_t *other = map->data.mapping.pairs.start; other < pair; other++)
		if (web_yaml_is(node_of(yaml, other->key), web_yaml_text(key)))
			return web_yaml_fail(yaml, key, "key \"%s\" is there twice",
					     web_yaml_text(key));
	*ret_text = web_yaml_text(key);
	return 0;
}

static int unknown_key(struct web_yaml *yaml, yaml_node_pair_t *pair, const char *what,
		       const struct web_yaml_key *keys, size_t n)
{
	cleanup_free char *known = xstrdup(keys[0].name);
	yaml_node_t *key = node_of(yaml, pair->key);

	for (size_t i = 1; i < n; i++) {
		char *longer = xasprintf("%s, %s", known, keys[i].name);

		free(known);
		known = longer;
	}
	return web_yaml_fail(yaml, key, "unknown key \"%s\"%s%s; known are %s", web_yaml_text(key),
			     *what ? " in " : "", what, known);
}

static int take_pair(struct web_yaml *yaml, yaml_node_pair_t *pair, const char *what,
		     const struct web_yaml_key *keys, size_t n)
{
	yaml_node_t *value = node_of(yaml, pair->value);
	const char *name = web_yaml_text(node_of(yaml, pair->key));

	for (size_t i = 0; i < n; i++)
		if (streq(keys[i].name, name))
			return is_null(value) ? 0 : keys[i].take(yaml, value, keys[i].into);
	return unknown_key(yaml, pair, what, keys, n);
}

int web_yaml_map(struct web_yaml *yaml, yaml_node_t *node, const char *what,
		 const struct web_yaml_key *keys, size_t n)
{
	if (is_null(node))
		return 0;
	if (node->type != YAML_MAPPING_NODE)
		return web_yaml_fail(yaml, node, "%s is not a map", *what ? what : "the file");
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const char *name;
		int r = key_text(yaml, node, pair, &name);

		if (r == 0)
			r = take_pair(yaml, pair, what, keys, n);
		if (r < 0)
			return r;
	}
	return 0;
}

int web_yaml_string(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	char **string = into;

	if (node->type != YAML_SCALAR_NODE)
		return web_yaml_fail(yaml, node, "this is not a string");
	free(*string);
	*string = xstrdup(web_yaml_text(node));
	return 0;
}

int web_yaml_bool(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	/* YAML 1.1, as in Go's library: one spelling in lower, capital and upper case each. */
	static const char *const words[][4] = {
		{ "false", "no", "off", "n" },
		{ "true", "yes", "on", "y" },
	};

	for (int value = 0; value < 2 && is_plain(node); value++)
		for (size_t i = 0; i < ARRAY_SIZE(words[value]); i++)
			if (strcasecmp(web_yaml_text(node), words[value][i]) == 0) {
				*(bool *)into = value;
				return 0;
			}
	return web_yaml_fail(yaml, node, "\"%s\" is neither true nor false", web_yaml_text(node));
}

int web_yaml_strings(struct web_yaml *yaml, yaml_node_t *node, char ***items, size_t *n)
{
	if (node->type != YAML_SEQUENCE_NODE)
		return web_yaml_fail(yaml, node, "this is not a list");
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		yaml_node_t *text = node_of(yaml, *item);

		if (text->type != YAML_SCALAR_NODE)
			return web_yaml_fail(yaml, text, "this is not a string");
		*items = xreallocarray(*items, *n + 1, sizeof(**items));
		(*items)[(*n)++] = xstrdup(is_null(text) ? "" : web_yaml_text(text));
	}
	return 0;
}

int web_yaml_pairs(struct web_yaml *yaml, yaml_node_t *node, struct web_pair **pairs, size_t *n)
{
	if (node->type != YAML_MAPPING_NODE)
		return web_yaml_fail(yaml, node, "this is not a map");
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *value = node_of(yaml, pair->value);
		const char *name = "";
		int r = key_text(yaml, node, pair, &name);

		if (r < 0)
			return r;
		if (value->type != YAML_SCALAR_NODE)
			return web_yaml_fail(yaml, value, "the value of \"%s\" is not a string",
					     name);
		*pairs = xreallocarray(*pairs, *n + 1, sizeof(**pairs));
		(*pairs)[(*n)++] = (struct web_pair){
			.name = xstrdup(name),
			.value = xstrdup(is_null(value) ? "" : web_yaml_text(value)),
		};
	}
	return 0;
}

static int load_document(struct web_yaml *yaml, const struct buffer *text)
{
	yaml_parser_t parser;
	int r = 0;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)text->data, text->length);
	if (!yaml_parser_load(&parser, &yaml->document)) {
		yaml->error = xasprintf("%s:%zu: %s", yaml->path, parser.problem_mark.line + 1,
					parser.problem ? parser.problem : "this is not YAML");
		r = -EINVAL;
	}
	yaml_parser_delete(&parser);
	return r;
}

int web_yaml_read(const char *path, const struct web_yaml_key *keys, size_t n, char **ret_error)
{
	cleanup(buffer_free) struct buffer text = { 0 };
	struct web_yaml yaml = { .path = path };
	const char *reason = NULL;
	yaml_node_t *root;
	int r = text_file_read(path, &text, &reason);

	if (r < 0) {
		*ret_error = xasprintf("cannot read %s: %s", path, reason);
		return r;
	}
	r = load_document(&yaml, &text);
	if (r == 0) {
		root = yaml_document_get_root_node(&yaml.document);
		r = root ? web_yaml_map(&yaml, root, "", keys, n) : 0;
		yaml_document_delete(&yaml.document);
	}
	explicit_bzero(text.data, text.length); /* a key may stand in it */
	if (r < 0)
		*ret_error = yaml.error;
	return r;
}
