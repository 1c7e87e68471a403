/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/call.h"
#include "exporters/api/routes.h"
#include "exporters/assets.h"

void api_openapi(const struct service *service, const struct http_request *request,
		 struct http_reply *reply)
{
	static const char *const known[] = { NULL };
	/* The description can be had before the daemon is ready. */
	const struct service always = { .options = service->options };
	cleanup_call struct api_call call = { 0 };

	if (api_begin(&call, &always, request, reply, known))
		asset_handle(service, request, reply);
}
