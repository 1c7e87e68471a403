/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "collector/memory.h"
#include "exporters/api/describe.h"
#include "exporters/api/list.h"
#include "exporters/api/routes.h"

enum { TOP_DEFAULT = 10, TOP_MAX = 1000 };

/* What can be compared, and what breaks ties: totals where there is no rate yet. */
static const struct measure {
	const char *name, *unit;
	enum field_id sum[2]; /* added up; N_FIELDS ends */
	enum field_id otherwise;
} measures[] = {
	{ "cpu", "cores", { FIELD_CPU_RATE, N_FIELDS }, FIELD_CPU_USAGE },
	{ "memory", "bytes", { FIELD_MEMORY_WORKING_SET, N_FIELDS }, FIELD_MEMORY_USAGE },
	{ "io", "bytes_per_second", { FIELD_IO_READ_RATE, FIELD_IO_WRITTEN_RATE }, FIELD_IO_READ },
	{ "network",
	  "bytes_per_second",
	  { FIELD_NETWORK_RECEIVED_RATE, FIELD_NETWORK_SENT_RATE },
	  FIELD_NETWORK_RECEIVED },
	{ "pids", "tasks", { FIELD_PIDS_CURRENT, N_FIELDS }, FIELD_PIDS_CURRENT },
	{ "cpu_pressure", "ratio", { FIELD_PRESSURE_CPU, N_FIELDS }, FIELD_CPU_USAGE },
	{ "memory_pressure", "ratio", { FIELD_PRESSURE_MEMORY, N_FIELDS }, FIELD_MEMORY_USAGE },
	{ "io_pressure", "ratio", { FIELD_PRESSURE_IO, N_FIELDS }, FIELD_IO_READ },
	{ "memory_limit", "ratio", { FIELD_MEMORY_RATIO, N_FIELDS }, FIELD_MEMORY_USAGE },
	{ "pids_limit", "ratio", { FIELD_PIDS_RATIO, N_FIELDS }, FIELD_PIDS_CURRENT },
};

struct entry {
	const struct workload *workload;
	struct quantity value;
	double otherwise;
};

static struct quantity measure_value(const struct values *values, const struct workload *workload,
				     const struct measure *measure)
{
	struct quantity first = values_get(values, workload, measure->sum[0]);

	if (measure->sum[1] == N_FIELDS)
		return first;
	struct quantity second = values_get(values, workload, measure->sum[1]);
	if (first.kind == QUANTITY_NONE || second.kind == QUANTITY_NONE)
		return first.kind == QUANTITY_NONE ? second : first;
	return (struct quantity){ .kind = QUANTITY_REAL,
				  .real = quantity_real(first, 0) + quantity_real(second, 0) };
}

/* Largest first, unknown ones last. */
static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	double value_x = quantity_real(x->value, -1), value_y = quantity_real(y->value, -1);

	if (value_x != value_y)
		return value_x < value_y ? 1 : -1;
	if (x->otherwise != y->otherwise)
		return x->otherwise < y->otherwise ? 1 : -1;
	return x->workload->id < y->workload->id ? -1 : x->workload->id > y->workload->id;
}

/* Groups of groups would always be first: they are in the list only when their kind is asked for. */
static bool is_listed(const struct api_call *call, const struct workload *workload)
{
	bool grouping = workload->kind == KIND_HOST || workload->kind == KIND_SLICE ||
			workload->kind == KIND_POD;

	if (workload->inside || (grouping && !http_parameter(call->request, "kind")))
		return false;
	return filter_matches(call->request, workload, call->snapshot);
}

static json_t *top_items(const struct api_call *call, const struct measure *measure, size_t limit)
{
	const struct snapshot *snapshot = call->snapshot;
	cleanup_free struct entry *entries =
		xcalloc((size_t)snapshot->n_workloads + 1, sizeof(*entries));
	json_t *items = json_array();
	size_t n = 0;

	for (uint32_t i = 0; i < snapshot->n_workloads; i++) {
		const struct workload *workload = &snapshot->workloads[i];

		if (!is_listed(call, workload))
			continue;
		entries[n++] = (struct entry){
			.workload = workload,
			.value = measure_value(&call->values, workload, measure),
			.otherwise = quantity_real(
				values_get(&call->values, workload, measure->otherwise), -1),
		};
	}
	qsort(entries, n, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < n && i < limit; i++) {
		json_t *item = describe_identity(entries[i].workload);

		json_object_set_new(item, "value", json_quantity(entries[i].value));
		json_array_append_new(items, item);
	}
	return items;
}

void api_top(const struct service *service, const struct http_request *request,
	     struct http_reply *reply)
{
	static const char *const known[] = { LIST_FILTERS, "by", "limit", "format", NULL };
	static const char *const formats[] = { "list", "table" };
	const char *names[ARRAY_SIZE(measures)];
	cleanup_call struct api_call call = { 0 };
	uint64_t limit = TOP_DEFAULT;
	size_t by = 0, format = 0;

	for (size_t i = 0; i < ARRAY_SIZE(measures); i++)
		names[i] = measures[i].name;
	if (!api_begin(&call, service, request, reply, known) || !filter_check(&call) ||
	    !api_parameter_choice(&call, "by", names, ARRAY_SIZE(names), &by) ||
	    !api_parameter_choice(&call, "format", formats, ARRAY_SIZE(formats), &format) ||
	    !api_parameter_number(&call, "limit", 1, TOP_MAX, &limit))
		return;
	api_load(&call);
	json_t *items = top_items(&call, &measures[by], limit);
	if (format == 1)
		api_reply_json(&call, items);
	else
		api_reply_json(&call,
			       json_pack("{s:s, s:s, s:o, s:o, s:o}", "by", names[by], "unit",
					 measures[by].unit, "time",
					 json_time(call.snapshot->time_ms), "interval_seconds",
					 api_interval(&call), "items", items));
}
