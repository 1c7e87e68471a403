/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/list.h"

#include <stdlib.h>

#include "collector/memory.h"
#include "collector/options/options.h"
#include "exporters/api/link.h"
#include "exporters/api/order.h"
#include "exporters/api/select.h"

const char *const list_parameters[] = { LIST_FILTERS, "sort",	"limit", "cursor",
					"fields",     "format", NULL };

struct page {
	const struct workload **items;
	size_t n, total, limit;
	bool table;
};

static int compare_items(const void *a, const void *b, void *order)
{
	const struct place x = order_place(order, *(const struct workload *const *)a);
	const struct place y = order_place(order, *(const struct workload *const *)b);

	return order_compare(order, &x, &y);
}

/* All items that pass the filters, in order; those up to `after` are counted and dropped. */
static void collect_items(struct api_call *call, const struct list *list, const struct order *order,
			  const struct place *after, struct page *page)
{
	const struct snapshot *snapshot = call->snapshot;
	const struct options *options = call->service->options;
	bool inside = list->inside || (options && options->cgroups_inside_containers);

	page->items = xcalloc((size_t)snapshot->n_workloads + 1, sizeof(struct workload *));
	for (uint32_t i = 0; i < snapshot->n_workloads; i++) {
		const struct workload *workload = &snapshot->workloads[i];

		if ((workload->inside && !inside) ||
		    !filter_matches(call->request, workload, snapshot))
			continue;
		page->total++;
		const struct place place = order_place(order, workload);
		if (!after || order_compare(order, after, &place) < 0)
			page->items[page->n++] = workload;
	}
	qsort_r(page->items, page->n, sizeof(*page->items), compare_items, (void *)order);
}

static json_t *next_link(struct api_call *call, const struct order *order, const struct page *page)
{
	if (page->n <= page->limit)
		return json_null();
	const struct place last = order_place(order, page->items[page->limit - 1]);
	cleanup_free char *cursor = place_encode(order, &last);
	cleanup_free char *link = link_with(call->request, "cursor", cursor);

	return json_string(link);
}

/* Item by item into the body: a list of 10,000 never stands in memory as a tree. */
static void write_page(struct api_call *call, const struct list *list, const struct order *order,
		       const struct page *page)
{
	struct buffer *body = &call->reply->body;
	size_t n = page->n < page->limit ? page->n : page->limit;

	call->reply->status = 200;
	call->reply->content_type = "application/json";
	buffer_puts(body, page->table ? "[" : "{\"items\":[");
	for (size_t i = 0; i < n; i++) {
		json_t *item = list->describe(&call->values, page->items[i]);

		item = select_fields(call->request, item);
		if (i)
			buffer_putc(body, ',');
		buffer_puts(body, "\n");
		json_append(body, page->table ? json_flatten(item) : item);
	}
	if (page->table) {
		buffer_puts(body, "]\n");
		return;
	}
	buffer_puts(body, "],\n\"next\":");
	json_append(body, next_link(call, order, page));
	buffer_puts(body, ",\"total\":");
	json_append(body, json_count(page->total));
	buffer_puts(body, ",\"time\":");
	json_append(body, json_time(call->snapshot->time_ms));
	buffer_puts(body, ",\"interval_seconds\":");
	json_append(body, api_interval(call));
	buffer_puts(body, "}\n");
}

static bool fields_are_known(struct api_call *call, const struct list *list)
{
	if (!call->snapshot->n_workloads || !http_parameter(call->request, "fields"))
		return true;
	json_t *example = list->describe(&call->values, &call->snapshot->workloads[0]);
	cleanup_free char *unknown = select_unknown(call->request, example);

	json_decref(example);
	if (!unknown)
		return true;
	http_reply_problem(call->reply, call->request, 400,
			   "parameter 'fields': there is no field '%.64s'", unknown);
	return false;
}

void api_reply_list(struct api_call *call, const struct list *list)
{
	static const char *const formats[] = { "list", "table" };
	uint64_t limit = LIST_LIMIT_DEFAULT;
	size_t format = 0;
	struct order order;
	struct place after = { 0 };
	const char *cursor = http_parameter(call->request, "cursor");

	if (!filter_check(call) ||
	    !api_parameter_number(call, "limit", 1, LIST_LIMIT_MAX, &limit) ||
	    !api_parameter_choice(call, "format", formats, ARRAY_SIZE(formats), &format) ||
	    !order_read(call, list->documents, &order))
		return;
	if (cursor && !place_decode(&order, cursor, &after)) {
		http_reply_problem(call->reply, call->request, 400,
				   "parameter 'cursor' is not from a 'next' link of this list");
		return;
	}
	cleanup_free char *keep = after.keep;
	api_load(call);
	if (!fields_are_known(call, list))
		return;
	struct page page = { .limit = limit, .table = format == 1 };
	collect_items(call, list, &order, cursor ? &after : NULL, &page);
	write_page(call, list, &order, &page);
	free(page.items);
}
