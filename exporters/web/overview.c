/* SPDX-License-Identifier: Apache-2.0 */
/* The host in a few figures, and how the sources do. */
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "exporters/web/html.h"
#include "exporters/web/page.h"

void page_warning(const struct api_call *call)
{
	const char *v1 = call->snapshot->v1_controllers, *separator = "";
	struct buffer *out = &call->reply->body;

	if (!v1)
		return;
	cleanup_free char *copy = xstrdup(v1);
	char *save;
	buffer_puts(out, "<p class=\"warning\">These controllers are on cgroup v1 and give no "
			 "metrics: <b>");
	for (char *name = strtok_r(copy, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		buffer_puts(out, separator);
		html_text(out, name);
		separator = ", ";
	}
	buffer_puts(out, "</b>. Boot with <code>systemd.unified_cgroup_hierarchy=1</code> to have "
			 "them on v2.</p>\n");
}

/* The first sample of a family of the host, in its unit; 0 without one. */
static double host_value(const struct snapshot *snapshot, const char *name)
{
	const struct family *family = snapshot_family(snapshot, name);

	if (!family || !family->first || !family->first->n || family->left_out)
		return 0;
	return sample_value(family->metric, &family->first->samples[0]);
}

/* Of the root, or, where the kernel has no such file there, of all groups directly below it. */
static struct quantity host_usage(const struct api_call *call, enum field_id field)
{
	const struct snapshot *snapshot = call->snapshot;
	const struct workload *host = snapshot_host(snapshot);
	struct quantity sum = { 0 };

	if (!host)
		return sum;
	sum = values_get(&call->values, host, field);
	if (sum.kind != QUANTITY_NONE)
		return sum;
	for (uint32_t i = 1; i < snapshot->n_workloads; i++) {
		const struct workload *workload = &snapshot->workloads[i];
		double value = quantity_real(values_get(&call->values, workload, field), -1);

		if (workload->parent != 0 || value < 0)
			continue;
		sum.real += value;
		sum.kind = QUANTITY_REAL;
	}
	return sum;
}

static void write_figure(struct buffer *out, const char *title, struct quantity usage, double total,
			 void (*write)(struct buffer *, double))
{
	buffer_printf(out, "<div class=\"figure\"><dt>%s</dt><dd>", title);
	if (usage.kind == QUANTITY_NONE)
		buffer_puts(out, "<b class=\"none\">&ndash;</b>");
	else {
		buffer_puts(out, "<b>");
		write(out, quantity_real(usage, 0));
		buffer_puts(out, "</b>");
	}
	if (total > 0) {
		buffer_puts(out, " <span>of ");
		write(out, total);
		buffer_puts(out, "</span>");
		if (usage.kind != QUANTITY_NONE)
			html_bar(out, quantity_real(usage, 0) / total);
	}
	buffer_puts(out, "</dd></div>\n");
}

static void write_whole(struct buffer *out, double value)
{
	html_count(out, (uint64_t)value);
}

static void write_kinds(struct buffer *out, const struct snapshot *snapshot)
{
	static const enum workload_kind shown[] = { KIND_CONTAINER, KIND_POD,	  KIND_VM,
						    KIND_MACHINE,   KIND_SERVICE, KIND_SCOPE };
	uint64_t counts[N_WORKLOAD_KINDS] = { 0 }, total = 0;
	const char *separator = "";

	for (uint32_t i = 0; i < snapshot->n_workloads; i++) {
		if (snapshot->workloads[i].inside)
			continue;
		counts[snapshot->workloads[i].kind]++;
		total++;
	}
	buffer_puts(out, "<div class=\"figure\"><dt>Workloads</dt><dd><b>");
	html_count(out, total);
	buffer_puts(out, "</b> <span class=\"kinds\">");
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		enum workload_kind kind = shown[i];

		if (!counts[kind])
			continue;
		buffer_puts(out, separator);
		html_count(out, counts[kind]);
		buffer_printf(out, "&nbsp;%s%s", workload_kind_name(kind),
			      counts[kind] == 1 ? "" : "s");
		separator = ", ";
	}
	buffer_puts(out, "</span></dd></div>\n");
}

void page_overview(const struct api_call *call)
{
	const struct snapshot *snapshot = call->snapshot;
	struct buffer *out = &call->reply->body;

	buffer_puts(out, "<dl class=\"figures\">\n");
	write_figure(out, "CPU, cores", host_usage(call, FIELD_CPU_RATE),
		     host_value(snapshot, "machine_cpu_cores"), html_cores);
	write_figure(out, "Memory", host_usage(call, FIELD_MEMORY_USAGE),
		     host_value(snapshot, "machine_memory_bytes"), html_bytes);
	write_figure(out, "Tasks", host_usage(call, FIELD_PIDS_CURRENT), 0, write_whole);
	write_kinds(out, snapshot);
	buffer_puts(out, "</dl>\n");
}

static void write_source(struct buffer *out, const struct source_status *source)
{
	const char *state = !source->enabled ? "off" : source->up ? "up" : "down";

	buffer_printf(out, "<li class=\"%s\"><b>", state);
	html_text(out, source->name);
	buffer_printf(out, "</b> <span class=\"state\">%s</span>", state);
	if (source->enabled && source->up) {
		buffer_puts(out, " <span class=\"detail\">");
		html_count(out, source->series);
		buffer_printf(out, " series, %.1f&nbsp;ms</span>",
			      (double)source->duration_ns / 1e6);
	}
	if (source->enabled && source->reason) {
		buffer_puts(out, " <span class=\"detail\">");
		html_text(out, source->reason);
		buffer_puts(out, "</span>");
	}
	buffer_puts(out, "</li>\n");
}

void page_sources(const struct api_call *call)
{
	const struct snapshot *snapshot = call->snapshot;
	struct buffer *out = &call->reply->body;

	buffer_puts(out, "<section aria-labelledby=\"sources\"><h2 id=\"sources\">Sources</h2>\n"
			 "<ul class=\"sources\">\n");
	for (size_t i = 0; i < snapshot->n_sources; i++)
		write_source(out, &snapshot->sources[i]);
	buffer_puts(out, "</ul></section>\n");
}
