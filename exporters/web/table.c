/* SPDX-License-Identifier: Apache-2.0 */
/* The table of workloads. */
#include <stdlib.h>

#include "collector/memory.h"
#include "exporters/api/describe.h"
#include "exporters/web/html.h"
#include "exporters/web/page.h"

enum { ROWS_MAX = 50, ID_SHOWN = 12 };

static const struct column {
	const char *name, *title;
	enum field_id field, otherwise;
} sorts[] = {
	[SORT_MEMORY] = { "memory", "Memory", FIELD_MEMORY_USAGE, FIELD_CPU_USAGE },
	[SORT_CPU] = { "cpu", "CPU, cores", FIELD_CPU_RATE, FIELD_CPU_USAGE },
	[SORT_PIDS] = { "pids", "Tasks", FIELD_PIDS_CURRENT, FIELD_CPU_USAGE },
};

struct row {
	const struct workload *workload;
	double key, otherwise;
};

/* Largest first; those without a value last, in the order of the tree. */
static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? 1 : -1;
	if (x->otherwise != y->otherwise)
		return x->otherwise < y->otherwise ? 1 : -1;
	return x->workload->index < y->workload->index ? -1 : 1;
}

static bool is_shown(const struct workload *workload, const struct page_view *view)
{
	bool grouping = workload->kind == KIND_HOST || workload->kind == KIND_SLICE ||
			workload->kind == KIND_POD;

	return !workload->inside && (view->all || !grouping);
}

static size_t collect_rows(const struct api_call *call, const struct page_view *view,
			   struct row *rows)
{
	const struct snapshot *snapshot = call->snapshot;
	const struct column *column = &sorts[view->sort];
	size_t n = 0;

	for (uint32_t i = 0; i < snapshot->n_workloads; i++) {
		const struct workload *workload = &snapshot->workloads[i];

		if (!is_shown(workload, view))
			continue;
		rows[n++] = (struct row){
			.workload = workload,
			.key = quantity_real(values_get(&call->values, workload, column->field),
					     -1),
			.otherwise = quantity_real(
				values_get(&call->values, workload, column->otherwise), -1),
		};
	}
	qsort(rows, n, sizeof(*rows), compare_rows);
	return n;
}

/* Runtimes' ids are cut as their own tools cut them: the whole of it is in the path. */
static void write_title(struct buffer *out, const struct workload *workload)
{
	const char *title = workload_title(workload);
	cleanup_free char *shortened = xstrndup(title, ID_SHOWN);

	html_text(out, streq(title, workload->container_id) ? shortened : title);
}

/* The second line is what tells this one from others of the same title. */
static void write_workload(struct buffer *out, const struct workload *workload)
{
	buffer_printf(out,
		      "<td class=\"kind\"><span class=\"badge %s\">%s</span></td><th scope=\"row\"",
		      workload_kind_name(workload->kind), workload_kind_name(workload->kind));
	buffer_puts(out, " title=\"");
	html_text(out, workload->path);
	buffer_printf(out, "\"><a href=\"/api/v1/workloads/%ju\">", (uintmax_t)workload->id);
	write_title(out, workload);
	buffer_puts(out, "</a><span class=\"sub\">");
	if (workload->kind == KIND_HOST) {
		buffer_puts(out, "the whole host");
	} else if (*workload->pod) {
		html_text(out, workload->namespace);
		buffer_puts(out, " / ");
		html_text(out, workload->pod);
	} else {
		html_text(out, *workload->image ? workload->image : workload->path);
	}
	buffer_puts(out, "</span></th>");
}

static void write_tasks(struct buffer *out, double tasks)
{
	html_count(out, (uint64_t)tasks);
}

/* "1.2 GiB of 2.0 GiB" above a bar; without a limit the number stands alone. */
static void write_against(const struct api_call *call, const struct workload *workload,
			  const char *label, enum field_id usage_field, enum field_id limit_field,
			  void (*write)(struct buffer *, double))
{
	struct buffer *out = &call->reply->body;
	double usage = quantity_real(values_get(&call->values, workload, usage_field), -1);
	double limit = quantity_real(values_get(&call->values, workload, limit_field), -1);

	buffer_printf(out, "<td class=\"number\" data-label=\"%s\">", label);
	if (usage < 0) {
		buffer_puts(out, "<span class=\"none\">&ndash;</span>");
	} else {
		buffer_puts(out, "<b>");
		write(out, usage);
		buffer_puts(out, "</b>");
	}
	if (limit >= 0) {
		buffer_puts(out, " <span class=\"of\">of&nbsp;");
		write(out, limit);
		buffer_puts(out, "</span>");
		if (usage >= 0)
			html_bar(out, limit > 0 ? usage / limit : 1);
	}
	buffer_puts(out, "</td>");
}

static void write_pressure(const struct api_call *call, const struct workload *workload,
			   const char *label, enum field_id field)
{
	struct buffer *out = &call->reply->body;
	double ratio = quantity_real(values_get(&call->values, workload, field), -1);
	const char *level = ratio >= 0.4 ? "full" : ratio >= 0.1 ? "high" : "";

	buffer_printf(out, "<td class=\"pressure %s\" data-label=\"%s\">",
		      ratio > 0 ? level : "none", label);
	if (ratio < 0)
		buffer_puts(out, "&ndash;");
	else
		html_percent(out, ratio);
	buffer_puts(out, "</td>");
}

static void write_row(const struct api_call *call, const struct workload *workload)
{
	struct buffer *out = &call->reply->body;

	buffer_puts(out, "<tr>");
	write_workload(out, workload);
	write_against(call, workload, "CPU", FIELD_CPU_RATE, FIELD_CPU_LIMIT, html_cores);
	write_against(call, workload, "Memory", FIELD_MEMORY_USAGE, FIELD_MEMORY_LIMIT, html_bytes);
	write_against(call, workload, "Tasks", FIELD_PIDS_CURRENT, FIELD_PIDS_LIMIT, write_tasks);
	write_pressure(call, workload, "CPU pressure", FIELD_PRESSURE_CPU);
	write_pressure(call, workload, "Memory pressure", FIELD_PRESSURE_MEMORY);
	write_pressure(call, workload, "I/O pressure", FIELD_PRESSURE_IO);
	buffer_puts(out, "</tr>\n");
}

static void write_sort(struct buffer *out, const struct page_view *view, enum page_sort sort)
{
	bool current = view->sort == sort;

	buffer_printf(out,
		      "<th scope=\"col\" rowspan=\"2\" class=\"number\"%s><a "
		      "href=\"/?sort=%s%s\">%s%s</a></th>",
		      current ? " aria-sort=\"descending\"" : "", sorts[sort].name,
		      view->all ? "&amp;show=all" : "", sorts[sort].title,
		      current ? "&nbsp;&darr;" : "");
}

static void write_columns(struct buffer *out, const struct page_view *view)
{
	buffer_puts(out, "<thead><tr><th scope=\"col\" rowspan=\"2\">Kind</th>"
			 "<th scope=\"col\" rowspan=\"2\">Workload</th>");
	write_sort(out, view, SORT_CPU);
	write_sort(out, view, SORT_MEMORY);
	write_sort(out, view, SORT_PIDS);
	buffer_puts(
		out,
		"<th scope=\"colgroup\" colspan=\"3\" class=\"group\">Pressure, last 10&nbsp;s</th>"
		"</tr>\n<tr><th scope=\"col\" class=\"pressure\">CPU</th>"
		"<th scope=\"col\" class=\"pressure\">Memory</th>"
		"<th scope=\"col\" class=\"pressure\">I/O</th></tr></thead>\n");
}

static void write_notes(const struct api_call *call, const struct page_view *view, size_t n)
{
	struct buffer *out = &call->reply->body;

	buffer_puts(out, "<p class=\"note\">");
	if (n > ROWS_MAX) {
		html_count(out, n - ROWS_MAX);
		buffer_puts(out, " more are in <a href=\"/api/v1/workloads\">the list</a>. ");
	}
	if (!view->all)
		buffer_printf(
			out,
			"Slices and pods are left out: <a href=\"/?sort=%s&amp;show=all\">show "
			"all groups</a>. ",
			sorts[view->sort].name);
	else
		buffer_printf(out, "<a href=\"/?sort=%s\">Leave slices and pods out</a>. ",
			      sorts[view->sort].name);
	if (n && call->values.interval_s > 0)
		buffer_printf(out, "CPU over the last %.0f&nbsp;s.", call->values.interval_s);
	else if (n)
		buffer_puts(out, "CPU needs two readings: it appears with the next one.");
	buffer_puts(out, "</p>\n");
}

void page_table(const struct api_call *call, const struct page_view *view)
{
	struct buffer *out = &call->reply->body;
	cleanup_free struct row *rows =
		xcalloc((size_t)call->snapshot->n_workloads + 1, sizeof(*rows));
	size_t n = collect_rows(call, view, rows);

	buffer_puts(out,
		    "<section aria-labelledby=\"workloads\"><h2 id=\"workloads\">Workloads</h2>\n");
	if (!n) {
		buffer_puts(
			out,
			"<p class=\"empty\">No workload is running on this host, or the filters "
			"leave all out.</p>\n");
	} else {
		buffer_puts(out, "<table>\n<colgroup><col class=\"of-kind\"><col>"
				 "<col class=\"of-number\" span=\"3\">"
				 "<col class=\"of-pressure\" span=\"3\"></colgroup>\n");
		write_columns(out, view);
		buffer_puts(out, "<tbody>\n");
		for (size_t i = 0; i < n && i < ROWS_MAX; i++)
			write_row(call, rows[i].workload);
		buffer_puts(out, "</tbody>\n</table>\n");
	}
	write_notes(call, view, n);
	buffer_puts(out, "</section>\n");
}
