/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/web/page.h"

#include <time.h>

#include "collector/options/options.h"
#include "collector/version.h"
#include "exporters/web/html.h"

static void write_head(struct buffer *out)
{
	buffer_puts(out,
		    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		    "<meta name=\"color-scheme\" content=\"light dark\">\n"
		    "<title>Tallyman</title>\n"
		    "<link rel=\"icon\" href=\"/static/icon.svg\" type=\"image/svg+xml\">\n"
		    "<link rel=\"stylesheet\" href=\"/static/style.css\">\n"
		    "<script src=\"/static/page.js\" defer></script>\n</head>\n<body>\n");
}

/* The routes that have a title, in the order of their table. */
static void write_links(struct buffer *out, const struct service *service)
{
	buffer_puts(out, "<nav aria-label=\"Resources\"><ul>\n");
	for (size_t i = 0; i < n_routes; i++) {
		const char *path = routes[i].path;

		if (!routes[i].title)
			continue;
		if (streq(path, "/metrics"))
			path = service->options->web_telemetry_path;
		buffer_puts(out, "<li><a href=\"");
		html_text(out, path);
		buffer_puts(out, "\">");
		html_text(out, routes[i].title);
		buffer_puts(out, "</a></li>\n");
	}
	buffer_puts(out, "</ul></nav>\n");
}

static void write_banner(struct buffer *out, const struct service *service)
{
	buffer_puts(out, "<header>\n<div class=\"brand\"><img src=\"/static/icon.svg\" alt=\"\" "
			 "width=\"40\" height=\"40\"><div><h1>Tallyman <small>");
	html_text(out, tallyman_version.version);
	buffer_puts(
		out,
		"</small></h1>\n<p>What every container, service and slice of this host "
		"uses, told to Prometheus.</p></div></div>\n"
		"<span id=\"status\" class=\"status\" role=\"status\">Reload to refresh</span>\n");
	write_links(out, service);
	buffer_puts(out, "</header>\n");
}

static void write_foot(const struct api_call *call)
{
	struct buffer *out = &call->reply->body;
	time_t seconds = (time_t)(call->snapshot->time_ms / 1000);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	buffer_printf(
		out,
		"<p class=\"note\">Read at <time>%s UTC</time> in %.1f&nbsp;ms%s.</p>\n</main>\n",
		text, (double)call->snapshot->duration_ns / 1e6,
		call->snapshot->complete ? "" : "; cut short by its deadline");
	buffer_puts(out, "<footer><p>Tallyman ");
	html_text(out, tallyman_version.version);
	buffer_puts(out, " (");
	html_text(out, tallyman_version.revision);
	buffer_puts(out, ", ");
	html_text(out, tallyman_version.platform);
	buffer_puts(out, ") &middot; Apache-2.0</p></footer>\n</body>\n</html>\n");
}

static struct page_view read_view(const struct http_request *request)
{
	const char *sort = http_parameter(request, "sort");
	const char *show = http_parameter(request, "show");
	struct page_view view = { .all = show && streq(show, "all") };

	if (sort && streq(sort, "cpu"))
		view.sort = SORT_CPU;
	else if (sort && streq(sort, "pids"))
		view.sort = SORT_PIDS;
	return view;
}

void page_handle(const struct service *service, const struct http_request *request,
		 struct http_reply *reply)
{
	const char *unready = service->unready ? service->unready(service->context) : NULL;
	const struct page_view view = read_view(request);
	cleanup_call struct api_call call = { .service = service,
					      .request = request,
					      .reply = reply };

	if (unready) {
		http_reply_problem(reply, request, 503, "not ready: %s", unready);
		http_reply_header(reply, "Retry-After", "1");
		return;
	}
	api_load(&call);
	reply->status = 200;
	reply->content_type = "text/html; charset=utf-8";
	write_head(&reply->body);
	write_banner(&reply->body, service);
	buffer_puts(&reply->body, "<main id=\"live\">\n");
	page_warning(&call);
	page_overview(&call);
	page_table(&call, &view);
	page_sources(&call);
	write_foot(&call);
}
