/* SPDX-License-Identifier: Apache-2.0 */
/* Single requests that failed or were slow. */
#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "exporters/api/describe.h"
#include "exporters/api/link.h"
#include "exporters/api/list.h"
#include "exporters/api/routes.h"

enum order { BY_TIME, BY_DURATION };

struct query {
	uint64_t limit, before;
	size_t order;
	bool table;
};

static bool is_listed(const struct api_call *call, const struct request_sample *sample)
{
	const struct http_request *request = call->request;

	return filter_passes(request, "why", sample->why) &&
	       filter_passes(request, "side", sample->side) &&
	       filter_passes(request, "protocol", sample->protocol) &&
	       filter_passes(request, "operation", sample->operation) &&
	       filter_passes(request, "status", sample->status) &&
	       filter_matches(request, sample->workload, call->snapshot);
}

static json_t *part(const struct request_part *part)
{
	return part->known ? json_number(part->seconds) : json_null();
}

static json_t *port(unsigned number)
{
	return number ? json_integer(number) : json_null();
}

/* All null where it is not known, so that rows of a table have the same columns. */
static json_t *describe_peer(const struct request_sample *sample)
{
	const struct workload *workload = sample->peer_workload;

	return json_pack("{s:o, s:o, s:{s:o, s:o, s:o, s:o}}", "address", json_text(sample->peer),
			 "port", port(sample->peer_port), "workload", "id",
			 workload ? json_id(workload->id) : json_null(), "kind",
			 workload ? json_string(workload_kind_name(workload->kind)) : json_null(),
			 "title", json_text(workload ? workload_title(workload) : ""), "path",
			 json_text(workload ? workload->path : ""));
}

static json_t *describe_request(const struct request_sample *sample)
{
	json_t *json =
		json_pack("{s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:f}", "number",
			  json_count(sample->number), "time", json_time(sample->time_ms), "why",
			  sample->why, "side", sample->side, "protocol", sample->protocol,
			  "operation", json_text(sample->operation), "route",
			  json_text(sample->route), "status", json_text(sample->status), "error",
			  json_text(sample->error), "duration_seconds", sample->seconds);

	json_object_set_new(json, "thread",
			    json_pack("{s:o, s:o, s:o}", "on_cpu_seconds", part(&sample->run),
				      "run_queue_seconds", part(&sample->delay), "block_io_seconds",
				      part(&sample->blocked)));
	json_object_set_new(json, "peer", describe_peer(sample));
	json_object_set_new(json, "port", port(sample->own_port));
	json_object_set_new(json, "trace_id", json_text(sample->trace));
	json_object_set_new(json, "span_id", json_text(sample->span));
	json_object_set_new(json, "workload", describe_identity(sample->workload));
	return json;
}

/* The newest, or the longest, first. */
static int compare(const void *a, const void *b, void *order)
{
	const struct request_sample *x = *(const struct request_sample *const *)a;
	const struct request_sample *y = *(const struct request_sample *const *)b;

	if (*(size_t *)order == BY_DURATION && x->seconds != y->seconds)
		return x->seconds > y->seconds ? -1 : 1;
	return x->number > y->number ? -1 : x->number < y->number;
}

/* The requests of a page; *ret_next is the number of its last one when there are more. */
static json_t *list_requests(const struct api_call *call, struct query *query, uint64_t *ret_next)
{
	const struct snapshot *snapshot = call->snapshot;
	cleanup_free const struct request_sample **found =
		xcalloc(snapshot->n_requests + 1, sizeof(*found));
	json_t *items = json_array();
	size_t n = 0;

	for (size_t i = 0; i < snapshot->n_requests; i++) {
		const struct request_sample *sample = &snapshot->requests[i];

		if ((!query->before || sample->number < query->before) && is_listed(call, sample))
			found[n++] = sample;
	}
	qsort_r(found, n, sizeof(*found), compare, &query->order);
	for (size_t i = 0; i < n && i < query->limit; i++) {
		json_t *json = describe_request(found[i]);

		json_array_append_new(items, query->table ? json_flatten(json) : json);
	}
	*ret_next =
		n > query->limit && query->order == BY_TIME ? found[query->limit - 1]->number : 0;
	return items;
}

static bool is_word(const char *const words[], const char *value)
{
	while (*words && !streq(*words, value))
		words++;
	return *words;
}

/* Each of them, as a filter may be there several times. */
static bool words_are_known(struct api_call *call)
{
	static const char *const whys[] = { "slow", "failed", "unanswered", NULL };
	static const char *const sides[] = { "client", "server", NULL };
	const struct http_request *request = call->request;

	for (size_t i = 0; i < request->n_parameters; i++) {
		const char *name = request->parameters[i].name;
		const char *value = request->parameters[i].value;
		const char *const *words = streq(name, "why")	 ? whys
					   : streq(name, "side") ? sides
								 : NULL;

		if (!words || is_word(words, value))
			continue;
		http_reply_problem(call->reply, request, 400,
				   "parameter '%.8s': there is no '%.64s'", name, value);
		return false;
	}
	return true;
}

void api_requests(const struct service *service, const struct http_request *request,
		  struct http_reply *reply)
{
	static const char *const known[] = { LIST_FILTERS, "why",    "side",  "protocol",
					     "operation",  "status", "limit", "before",
					     "sort",	   "format", NULL };
	static const char *const formats[] = { "list", "table" };
	static const char *const orders[] = { "-time", "-duration_seconds" };
	cleanup_call struct api_call call = { 0 };
	struct query query = { .limit = LIST_LIMIT_DEFAULT };
	uint64_t next = 0;
	size_t format = 0;

	if (!api_begin(&call, service, request, reply, known) || !filter_check(&call) ||
	    !words_are_known(&call) ||
	    !api_parameter_number(&call, "limit", 1, LIST_LIMIT_MAX, &query.limit) ||
	    !api_parameter_number(&call, "before", 1, UINT64_MAX, &query.before) ||
	    !api_parameter_choice(&call, "sort", orders, ARRAY_SIZE(orders), &query.order) ||
	    !api_parameter_choice(&call, "format", formats, ARRAY_SIZE(formats), &format))
		return;
	query.table = format == 1;
	api_read(&call);
	json_t *items = list_requests(&call, &query, &next);
	if (query.table)
		api_reply_json(&call, items);
	else
		api_reply_json(&call,
			       json_pack("{s:o, s:o, s:o}", "time",
					 json_time(call.snapshot->time_ms), "next",
					 link_to_number(request, "before", next), "items", items));
}
