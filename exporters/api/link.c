/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/link.h"

#include <string.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

void link_encode(struct buffer *out, const char *text)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789-._~";

	for (; *text; text++) {
		if (strchr(unreserved, *text))
			buffer_putc(out, *text);
		else
			buffer_printf(out, "%%%02X", (unsigned char)*text);
	}
}

static void add_parameter(struct buffer *out, char separator, const char *name, const char *value)
{
	buffer_putc(out, separator);
	link_encode(out, name);
	buffer_putc(out, '=');
	link_encode(out, value);
}

char *link_with(const struct http_request *request, const char *name, const char *value)
{
	struct buffer out = { 0 };
	char separator = '?';

	buffer_puts(&out, request->path); /* of a route: nothing in it needs encoding */
	for (size_t i = 0; i < request->n_parameters; i++) {
		const struct http_parameter *parameter = &request->parameters[i];

		if (streq(parameter->name, name))
			continue;
		add_parameter(&out, separator, parameter->name, parameter->value);
		separator = '&';
	}
	add_parameter(&out, separator, name, value);
	buffer_putc(&out, '\0');
	return out.data; /* malloc'ed: the caller frees it */
}

json_t *link_to_number(const struct http_request *request, const char *name, uint64_t number)
{
	if (!number)
		return json_null();
	cleanup_free char *text = xasprintf("%ju", (uintmax_t)number);
	cleanup_free char *link = link_with(request, name, text);

	return json_string(link);
}
