/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/call.h"
#include "exporters/api/describe.h"
#include "exporters/api/routes.h"

/* The sum over a family's samples of the host; null without any. */
static json_t *host_value(const struct snapshot *snapshot, const char *name)
{
	const struct family *family = snapshot_family(snapshot, name);
	struct quantity sum = { 0 };

	if (!family || family->left_out || family->metric->value != VALUE_INTEGER)
		return json_null();
	for_each_sample(sample, family) {
		sum.integer += sample->integer / metric_scale(family->metric);
		sum.kind = QUANTITY_INTEGER;
	}
	return json_quantity(sum);
}

void api_machine(const struct service *service, const struct http_request *request,
		 struct http_reply *reply)
{
	static const char *const known[] = { NULL };
	cleanup_call struct api_call call = { 0 };

	if (!api_begin(&call, service, request, reply, known))
		return;
	api_read(&call);
	const struct snapshot *snapshot = call.snapshot;
	api_reply_json(&call,
		       json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "cpu_cores",
				 host_value(snapshot, "machine_cpu_cores"), "cpu_physical_cores",
				 host_value(snapshot, "machine_cpu_physical_cores"), "cpu_sockets",
				 host_value(snapshot, "machine_cpu_sockets"), "memory_bytes",
				 host_value(snapshot, "machine_memory_bytes"), "swap_bytes",
				 host_value(snapshot, "machine_swap_bytes"), "metrics",
				 describe_metrics(snapshot, NULL, "machine_")));
	api_reply_tagged(request, reply, "application/json");
}
