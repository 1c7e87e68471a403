/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/metrics_doc.h"

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/source.h"

static const char head[] =
	"# Metrics\n"
	"\n"
	"Made by `make docs` from the rows of the sources; what is said here is what is exported.\n"
	"\n"
	"- Every `container_*` series has the labels `id`, `name`, `image`, `namespace`, `pod` and "
	"`container`; the column *Labels* has those beside them. Rows of the host (`machine_*`, "
	"`tallyman_*`, `process_*` and the like) have only what stands there.\n"
	"- No sample means no data: a missing file, a controller that is off, `max`. Nothing is "
	"exported as 0 for want of a source.\n"
	"- *On*: `yes`; `no` unless `--metrics.enable=NAME`; `protobuf`: there, and in text with "
	"`--metrics.enable=NAME`; `API`: in the JSON API alone. Sources are switched with "
	"`--collector.NAME` and `--no-collector.NAME`.\n"
	"- In OpenMetrics, counters of cAdvisor whose name has no `_total` are typed `unknown`.\n"
	"- How these compare with cAdvisor's: "
	"[docs/cadvisor-compatibility.md](docs/cadvisor-compatibility.md).\n";

static const char *type_name(enum metric_type type)
{
	static const char *const names[] = {
		[METRIC_GAUGE] = "gauge",
		[METRIC_COUNTER] = "counter",
		[METRIC_HISTOGRAM] = "histogram",
		[METRIC_INFO] = "info",
	};

	return names[type];
}

/* A cell of a table; a bare '|' would end it. */
static void put_cell(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			buffer_putc(out, '\\');
		buffer_putc(out, *text);
	}
}

static void put_labels(struct buffer *out, const struct metric *metric)
{
	size_t n = metric_n_labels(metric);

	for (size_t i = 0; i < n; i++)
		buffer_printf(out, "%s`%s`", i ? ", " : "", metric->labels[i]);
}

static void put_row(struct buffer *out, const struct metric *metric)
{
	const char *on = metric->only_native ? "protobuf" : metric->optional ? "no" : "yes";

	buffer_printf(out, "| `%s` | %s | %s | ", metric->name, type_name(metric->type),
		      metric->unit ? metric->unit : "");
	put_labels(out, metric);
	buffer_printf(out, " | %s | ", metric->only_in_api ? "API" : on);
	if (metric->from.file)
		buffer_printf(out, "`%s`", metric->from.file);
	if (metric->from.also)
		buffer_printf(out, ", `%s`", metric->from.also);
	buffer_puts(out, " | ");
	put_cell(out, metric->help);
	buffer_puts(out, " |\n");
}

char *metrics_doc(void)
{
	struct buffer out = { 0 };

	buffer_puts(&out, head);
	for (size_t i = 0; i < n_sources; i++) {
		if (!sources[i]->n_metrics)
			continue;
		buffer_printf(&out, "\n## %s\n\nSource `%s`, %s: ", sources[i]->name,
			      sources[i]->name,
			      sources[i]->optional ? "off by default" : "on by default");
		put_cell(&out, sources[i]->help);
		buffer_puts(&out,
			    ".\n\n| Name | Type | Unit | Labels | On | Kernel file | Meaning |\n"
			    "|---|---|---|---|---|---|---|\n");
		for (size_t m = 0; m < sources[i]->n_metrics; m++)
			put_row(&out, &sources[i]->metrics[m]);
	}
	out.data[out.length - 1] = '\0'; /* the last newline */
	return out.data;
}
