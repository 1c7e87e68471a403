/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/select.h"

#include <string.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

/* Calls `visit` for each name; stops when it says false. */
static void for_each_name(const struct http_request *request, bool (*visit)(void *, char *),
			  void *context)
{
	for (size_t i = 0; i < request->n_parameters; i++) {
		if (!streq(request->parameters[i].name, "fields"))
			continue;
		cleanup_free char *copy = xstrdup(request->parameters[i].value);
		char *rest = copy;

		for (char *name; (name = strsep(&rest, ","));)
			if (!visit(context, name))
				return;
	}
}

/* Cuts "memory.usage_bytes" at its dot and points *ret_field behind it; NULL for "memory". */
static json_t *find_field(const json_t *document, char *name, char **ret_field)
{
	char *dot = strchr(name, '.');

	if (dot)
		*dot = '\0';
	*ret_field = dot ? dot + 1 : NULL;
	json_t *value = json_object_get(document, name);
	return dot ? json_object_get(value, dot + 1) : value;
}

struct selection {
	const json_t *document;
	json_t *chosen;
};

static bool choose(void *context, char *name)
{
	struct selection *selection = context;
	char *field;
	json_t *value = find_field(selection->document, name, &field);

	if (!value)
		return true;
	if (!field) {
		json_object_set(selection->chosen, name, value);
		return true;
	}
	json_t *group = json_object_get(selection->chosen, name);
	if (!group) {
		group = json_object();
		json_object_set_new(selection->chosen, name, group);
	}
	json_object_set(group, field, value);
	return true;
}

json_t *select_fields(const struct http_request *request, json_t *document)
{
	struct selection selection = { .document = document };

	if (!http_parameter(request, "fields"))
		return document;
	selection.chosen = json_object();
	for_each_name(request, choose, &selection);
	json_decref(document);
	return selection.chosen;
}

struct unknown {
	const json_t *document;
	char *name;
};

static bool is_known(void *context, char *name)
{
	struct unknown *unknown = context;
	cleanup_free char *copy = xstrdup(name);
	char *field;

	if (find_field(unknown->document, name, &field))
		return true;
	unknown->name = xstrdup(copy);
	return false;
}

char *select_unknown(const struct http_request *request, const json_t *document)
{
	struct unknown unknown = { .document = document };

	for_each_name(request, is_known, &unknown);
	return unknown.name;
}
