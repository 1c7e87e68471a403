/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/memory.h"
#include "exporters/api/describe.h"
#include "exporters/api/processes.h"
#include "exporters/api/routes.h"
#include "exporters/api/select.h"

static void reply_workload(struct api_call *call, const char *id)
{
	api_load(call);
	const struct workload *workload = api_workload(call, id);

	if (!workload)
		return;
	json_t *document = describe_workload(&call->values, workload);
	json_object_set_new(document, "time", json_time(call->snapshot->time_ms));
	json_object_set_new(document, "interval_seconds", api_interval(call));
	json_object_set_new(document, "metrics", describe_metrics(call->snapshot, workload, ""));
	cleanup_free char *unknown = select_unknown(call->request, document);
	if (unknown) {
		json_decref(document);
		http_reply_problem(call->reply, call->request, 400,
				   "parameter 'fields': there is no field '%.64s'", unknown);
		return;
	}
	api_reply_json(call, select_fields(call->request, document));
}

void api_item(const struct service *service, const struct http_request *request,
	      struct http_reply *reply)
{
	static const char *const of_workload[] = { "fields", NULL };
	static const char *const of_processes[] = { "limit", "format", NULL };
	size_t id_length = strcspn(request->tail, "/");
	cleanup_free char *id = xstrndup(request->tail, id_length);
	const char *rest = request->tail + id_length;
	cleanup_call struct api_call call = { 0 };

	if (streq(rest, "/processes")) {
		if (api_begin(&call, service, request, reply, of_processes))
			api_reply_processes(&call, id);
	} else if (*rest) {
		http_reply_problem(reply, request, 404, "a workload has no such part");
	} else if (api_begin(&call, service, request, reply, of_workload)) {
		reply_workload(&call, id);
	}
}
