/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/version.h"
#include "exporters/api/call.h"
#include "exporters/api/routes.h"

void api_build(const struct service *service, const struct http_request *request,
	       struct http_reply *reply)
{
	static const char *const known[] = { NULL };
	cleanup_call struct api_call call = { 0 };

	if (!api_begin(&call, service, request, reply, known))
		return;
	api_reply_json(&call,
		       json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", "tallyman", "version",
				 tallyman_version.version, "revision", tallyman_version.revision,
				 "compiler", tallyman_version.compiler, "platform",
				 tallyman_version.platform));
	api_reply_tagged(request, reply, "application/json");
}
