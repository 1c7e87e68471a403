/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a handler of the API without a server, and its answer as JSON. */
#pragma once

#include "tests/support.h"

#include <jansson.h>

#include "collector/snapshot.h"
#include "exporters/http.h"

SUPPORT const struct snapshot *acquire(void *context, const struct collect_request *request)
{
	(void)request;
	return snapshot_ref(context);
}

enum { PARAMETERS_MAX = 8 };

struct answer {
	unsigned status;
	const char *type;
	json_t *json; /* NULL when it is none */
	char *text;
};

SUPPORT void answer_free(struct answer *answer)
{
	json_decref(answer->json);
	free(answer->text);
}

#define cleanup_answer cleanup(answer_free)

/* `query` is cut in place of a server: "a=1&b=2", without encoding. */
SUPPORT struct answer ask_service(struct service *service,
				  void (*handle)(const struct service *,
						 const struct http_request *, struct http_reply *),
				  const char *tail, const char *query)
{
	cleanup_free char *copy = xstrdup(query);
	struct http_parameter parameters[PARAMETERS_MAX];
	struct http_request request = {
		.method = "GET", .path = "/test", .tail = tail, .parameters = parameters
	};
	struct http_reply reply = { 0 };
	char *rest = *copy ? copy : NULL;

	for (char *pair; (pair = strsep(&rest, "&"));) {
		char *value = pair;
		const char *name = strsep(&value, "=");

		parameters[request.n_parameters++] =
			(struct http_parameter){ name, value ? value : "" };
	}
	handle(service, &request, &reply);
	buffer_putc(&reply.body, '\0');
	return (struct answer){ .status = reply.status,
				.type = reply.content_type,
				.json = json_loads(reply.body.data, JSON_REJECT_DUPLICATES, NULL),
				.text = reply.body.data };
}

SUPPORT const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}
