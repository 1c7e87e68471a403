/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/describe.h"
#include "exporters/api/list.h"
#include "exporters/api/routes.h"

void api_workloads(const struct service *service, const struct http_request *request,
		   struct http_reply *reply)
{
	static const struct list list = { IN_WORKLOADS, .describe = describe_workload };
	cleanup_call struct api_call call = { 0 };

	if (api_begin(&call, service, request, reply, list_parameters))
		api_reply_list(&call, &list);
}
