/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/routes.h"

void api_unknown(const struct service *service, const struct http_request *request,
		 struct http_reply *reply)
{
	(void)service;
	http_reply_problem(reply, request, 404,
			   "there is no such resource; see /api/v1/openapi.json");
}
