/* SPDX-License-Identifier: Apache-2.0 */
/* An answer is the proof: it comes from the loop that also collects. */
#include "exporters/routes.h"

void healthy_handle(const struct service *service, const struct http_request *request,
		    struct http_reply *reply)
{
	(void)service;
	(void)request;
	reply->content_type = "text/plain; charset=utf-8";
	buffer_puts(&reply->body, "Tallyman is healthy.\n");
}

void ready_handle(const struct service *service, const struct http_request *request,
		  struct http_reply *reply)
{
	const char *reason = service->unready(service->context);

	if (reason) {
		http_reply_problem(reply, request, 503, "Tallyman is not ready: %s.", reason);
		http_reply_header(reply, "Retry-After", "1");
		return;
	}
	reply->content_type = "text/plain; charset=utf-8";
	buffer_puts(&reply->body, "Tallyman is ready.\n");
}
