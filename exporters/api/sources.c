/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/call.h"
#include "exporters/api/probes.h"
#include "exporters/api/routes.h"

static json_t *describe_source(const struct source_status *source)
{
	return json_pack(
		"{s:s, s:o, s:b, s:b, s:o, s:b, s:o, s:o, s:o}", "name", source->name, "help",
		json_text(source->help), "enabled", source->enabled, "up", source->up, "reason",
		json_text(source->reason), "collected", source->collected, "duration_seconds",
		source->collected ? json_real((double)source->duration_ns / 1e9) : json_null(),
		"errors", json_count(source->errors), "series", json_count(source->series));
}

static json_t *describe_reader(const struct snapshot *snapshot)
{
	return json_pack("{s:s, s:o}", "reader", snapshot->by_records ? "records" : "files",
			 "reason", json_text(snapshot->files_reason));
}

void api_sources(const struct service *service, const struct http_request *request,
		 struct http_reply *reply)
{
	static const char *const known[] = { "format", NULL };
	static const char *const formats[] = { "list", "table" };
	cleanup_call struct api_call call = { 0 };
	size_t format = 0;

	if (!api_begin(&call, service, request, reply, known) ||
	    !api_parameter_choice(&call, "format", formats, ARRAY_SIZE(formats), &format))
		return;
	api_read(&call);
	const struct snapshot *snapshot = call.snapshot;
	json_t *items = json_array();
	for (size_t i = 0; i < snapshot->n_sources; i++) {
		json_t *item = describe_source(&snapshot->sources[i]);

		if (format == 0) /* it is no column of a table */
			json_object_set_new(item, "probe",
					    describe_probe(snapshot, snapshot->sources[i].name));
		json_array_append_new(items, item);
	}
	if (format == 1)
		api_reply_json(&call, items);
	else
		api_reply_json(&call,
			       json_pack("{s:o, s:b, s:o, s:o, s:o}", "time",
					 json_time(snapshot->time_ms), "complete",
					 snapshot->complete, "duration_seconds",
					 json_real((double)snapshot->duration_ns / 1e9), "cgroups",
					 describe_reader(snapshot), "items", items));
}
