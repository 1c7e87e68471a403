/* SPDX-License-Identifier: Apache-2.0 */
/* What has happened to workloads lately, the newest first. */
#include "collector/workloads/events.h"

#include "collector/options/options.h"
#include "exporters/api/call.h"
#include "exporters/api/link.h"
#include "exporters/api/list.h"
#include "exporters/api/routes.h"

static json_t *describe_totals(const struct totals *totals)
{
	static const char *const names[N_TOTALS] = {
		[TOTAL_CPU] = "cpu_usage_seconds",
		[TOTAL_MEMORY_PEAK] = "memory_peak_bytes",
		[TOTAL_READ] = "read_bytes",
		[TOTAL_WRITTEN] = "written_bytes",
	};
	json_t *json = json_object();

	for (unsigned i = 0; i < N_TOTALS; i++) {
		json_t *value = json_null();

		if (totals->known >> i & 1)
			value = i == TOTAL_CPU ? json_real((double)totals->value[i] / 1e6)
					       : json_count(totals->value[i]);
		json_object_set_new(json, names[i], value);
	}
	json_object_set_new(json, "time", json_time(totals->time_ms));
	return json;
}

static json_t *describe_victim(const struct victim *victim)
{
	static const char *const scopes[] = {
		[LIMIT_UNKNOWN] = "unknown",
		[LIMIT_CGROUP] = "cgroup",
		[LIMIT_MACHINE] = "machine",
	};
	bool has = victim->has_memory;

	if (!victim->known)
		return json_null();
	return json_pack("{s:s, s:o, s:i, s:o, s:o, s:o, s:o, s:s, s:o}", "process",
			 victim->process, "pid", json_count(victim->pid), "oom_score_adj",
			 victim->oom_score_adj, "anon_bytes",
			 has ? json_count(victim->anon_bytes) : json_null(), "file_bytes",
			 has ? json_count(victim->file_bytes) : json_null(), "shmem_bytes",
			 has ? json_count(victim->shmem_bytes) : json_null(), "swap_bytes",
			 has ? json_count(victim->swap_bytes) : json_null(), "limit",
			 scopes[victim->scope], "limit_path",
			 victim->limit && *victim->limit ? json_text(victim->limit) : json_null());
}

static json_t *describe_event(const struct event *event)
{
	json_t *json = json_pack(
		"{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "number",
		json_count(event->number), "time", json_time(event->time_ms), "type",
		event_type_name(event->type), "kind", workload_kind_name(event->kind), "id",
		json_id(event->cgroup_id), "path", json_text(event->path), "name",
		json_text(event->name), "image", json_text(event->image), "namespace",
		json_text(event->namespace), "pod", json_text(event->pod), "container",
		json_text(event->container), "runtime", json_text(event->runtime), "container_id",
		json_text(event->container_id));

	json_object_set_new(json, "count", json_count(event->count));
	json_object_set_new(json, "exit_code",
			    event->has_exit_code ? json_integer(event->exit_code) : json_null());
	json_object_set_new(json, "signal",
			    event->has_signal ? json_integer(event->signal) : json_null());
	json_object_set_new(json, "seconds",
			    event->has_seconds ? json_real(event->seconds) : json_null());
	json_object_set_new(json, "victim", describe_victim(&event->victim));
	json_object_set_new(json, "totals", describe_totals(&event->totals));
	return json;
}

struct query {
	uint64_t limit, before, after;
	bool table;
	int64_t since_ms; /* what is older is no longer told */
};

/* The filters are those of workloads. */
static bool event_matches(const struct http_request *request, const struct event *event)
{
	const struct workload workload = {
		.kind = event->kind,
		.name = event->name,
		.namespace = event->namespace,
		.pod = event->pod,
		.container = event->container,
		.image = event->image,
		.runtime = event->runtime,
	};

	return filter_passes(request, "type", event_type_name(event->type)) &&
	       filter_matches(request, &workload, NULL);
}

static bool types_are_known(struct api_call *call)
{
	const struct http_request *request = call->request;

	for (size_t i = 0; i < request->n_parameters; i++) {
		enum event_type type = 0;

		if (!streq(request->parameters[i].name, "type"))
			continue;
		while (type < N_EVENT_TYPES &&
		       !streq(request->parameters[i].value, event_type_name(type)))
			type++;
		if (type < N_EVENT_TYPES)
			continue;
		http_reply_problem(call->reply, request, 400,
				   "parameter 'type': there is no type '%.64s'",
				   request->parameters[i].value);
		return false;
	}
	return true;
}

/* The events of a page; *ret_next is the number of its last one when there are more. */
static json_t *list_events(struct api_call *call, struct events *events, const struct query *query,
			   uint64_t *ret_next)
{
	uint64_t newest = events_last(events), oldest = events_first(events);
	uint64_t last = 0;
	json_t *items = json_array();

	if (query->before && query->before <= newest)
		newest = query->before - 1;
	for (uint64_t number = newest; number >= oldest && number > query->after; number--) {
		const struct event *event = events_find(events, number);

		if (!event || event->time_ms < query->since_ms ||
		    !event_matches(call->request, event))
			continue;
		if (json_array_size(items) == query->limit) {
			*ret_next = last;
			break;
		}
		json_t *json = describe_event(event);
		json_array_append_new(items, query->table ? json_flatten(json) : json);
		last = number;
	}
	return items;
}

void api_events(const struct service *service, const struct http_request *request,
		struct http_reply *reply)
{
	static const char *const known[] = { "type",  "kind",	   "name",  "namespace",
					     "pod",   "container", "image", "runtime",
					     "limit", "before",	   "after", "format",
					     NULL };
	static const char *const formats[] = { "list", "table" };
	cleanup_call struct api_call call = { 0 };
	struct query query = { .limit = LIST_LIMIT_DEFAULT };
	uint64_t next = 0;
	size_t format = 0;

	if (!api_begin(&call, service, request, reply, known) || !filter_check(&call) ||
	    !types_are_known(&call) ||
	    !api_parameter_number(&call, "limit", 1, LIST_LIMIT_MAX, &query.limit) ||
	    !api_parameter_number(&call, "before", 1, UINT64_MAX, &query.before) ||
	    !api_parameter_number(&call, "after", 0, UINT64_MAX, &query.after) ||
	    !api_parameter_choice(&call, "format", formats, ARRAY_SIZE(formats), &format))
		return;
	api_read(&call); /* so that what has happened by now is told */
	struct events *events = service->events(service->context);
	query.table = format == 1;
	query.since_ms =
		call.snapshot->time_ms - (int64_t)(service->options->containers_remember_s * 1000);
	json_t *items = list_events(&call, events, &query, &next);
	if (query.table)
		api_reply_json(&call, items);
	else
		api_reply_json(&call,
			       json_pack("{s:o, s:o, s:o, s:o}", "time",
					 json_time(call.snapshot->time_ms), "last",
					 json_count(events_last(events)), "next",
					 link_to_number(request, "before", next), "items", items));
}
