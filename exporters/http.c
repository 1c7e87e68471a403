/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/http.h"

#include <assert.h>
#include <stdio.h>

#include "collector/cleanup.h"

const char *http_parameter(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->n_parameters; i++)
		if (streq(request->parameters[i].name, name))
			return request->parameters[i].value;
	return NULL;
}

void http_reply_header(struct http_reply *reply, const char *name, const char *value)
{
	assert(reply->n_headers < ARRAY_SIZE(reply->headers));
	struct http_header *header = &reply->headers[reply->n_headers++];

	header->name = name;
	(void)snprintf(header->value, sizeof(header->value), "%s", value);
}
