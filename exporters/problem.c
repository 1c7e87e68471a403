/* SPDX-License-Identifier: Apache-2.0 */
/* Problem documents: RFC 9457. */
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/utf8.h"
#include "exporters/api/json.h"
#include "exporters/http.h"

enum { TEXT_MAX = 4096 };

static const char *status_title(unsigned status)
{
	static const struct {
		unsigned status;
		const char *title;
	} titles[] = {
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 421, "Misdirected Request" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return status < 500 ? "Client Error" : "Server Error";
}

/* A client may send bytes that are no text: they are replaced, and what is long is cut. */
static json_t *client_text(const char *text)
{
	cleanup_free char *clean = utf8_clean(text, strlen(text), TEXT_MAX, NULL);
	json_t *json = json_string(clean);

	return json ? json : json_null();
}

void http_reply_problem(struct http_reply *reply, const struct http_request *request,
			unsigned status, const char *detail, ...)
{
	cleanup_free char *text = NULL;
	va_list args;

	va_start(args, detail);
	if (vasprintf(&text, detail, args) < 0)
		abort();
	va_end(args);
	json_t *json = json_pack("{s:s, s:s, s:i, s:o, s:o}", "type", "about:blank", "title",
				 status_title(status), "status", (int)status, "detail",
				 client_text(text), "instance", client_text(request->path));
	reply->status = status;
	reply->content_type = "application/problem+json";
	reply->body.length = 0;
	json_append(&reply->body, json);
	buffer_putc(&reply->body, '\n');
}
