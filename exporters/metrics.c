/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics: which sources are asked, which families are printed, in which format. */
#include <errno.h>
#include <time.h>

#include "collector/arena.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "exporters/exporter.h"
#include "exporters/routes.h"

/* A scrape in progress: keeps what the renderer reads until the last piece is sent. */
struct scrape {
	const struct snapshot *snapshot;
	const struct renderer *renderer;
	void *rendering;
	struct name_filter filter;
	struct arena arena; /* of the filter */
};

static bool scrape_step(void *state, struct buffer *out)
{
	struct scrape *scrape = state;

	return scrape->renderer->step(scrape->rendering, out);
}

static void scrape_end(void *state)
{
	struct scrape *scrape = state;

	scrape->renderer->end(scrape->rendering);
	snapshot_unref(scrape->snapshot);
	arena_free(&scrape->arena);
	free(scrape);
}

/* HEAD: the headers of a stream, without collecting or rendering anything. */
static bool nothing_step(void *state, struct buffer *out)
{
	(void)state;
	(void)out;
	return false;
}

static void nothing_end(void *state)
{
	(void)state;
}

/* Half a second is left for rendering and the way back, but half of the time is the collection's. */
static uint64_t scrape_deadline_ns(double timeout_s)
{
	double budget_s = timeout_s - 0.5 > timeout_s / 2 ? timeout_s - 0.5 : timeout_s / 2;

	if (!(timeout_s > 0) || timeout_s > 3600)
		return 0;
	return clock_monotonic_ns() + (uint64_t)(budget_s * 1e9);
}

static void reply_unknown(struct http_reply *reply, const struct http_request *request,
			  const struct http_parameter *parameter, const char *what,
			  const char *nearest)
{
	http_reply_problem(reply, request, 400, "%s=%s: there is no such %s%s%s%s", parameter->name,
			   parameter->value, what, nearest ? "; did you mean " : "",
			   nearest ? nearest : "", nearest ? "?" : ".");
}

/* The bits of all parameters of that name; -EINVAL after a problem document. */
static int sources_named(const struct service *service, const struct http_request *request,
			 const char *parameter, uint64_t *ret_sources, struct http_reply *reply)
{
	uint64_t found = 0;

	for (size_t i = 0; i < request->n_parameters; i++) {
		if (!streq(request->parameters[i].name, parameter))
			continue;
		const char *nearest = NULL;
		int source = service->find_source(service->context, request->parameters[i].value,
						  &nearest);

		if (source < 0) {
			reply_unknown(reply, request, &request->parameters[i], "source", nearest);
			return -EINVAL;
		}
		found |= UINT64_C(1) << source;
	}
	*ret_sources = found;
	return 0;
}

static int choose_sources(const struct service *service, const struct http_request *request,
			  uint64_t *ret_sources, struct http_reply *reply)
{
	uint64_t collect, exclude;

	if (sources_named(service, request, "collect[]", &collect, reply) < 0 ||
	    sources_named(service, request, "exclude[]", &exclude, reply) < 0)
		return -EINVAL;
	if (collect && exclude) {
		http_reply_problem(reply, request, 400,
				   "collect[] and exclude[] cannot be used together.");
		return -EINVAL;
	}
	if (collect & ~service->options->sources_enabled) {
		http_reply_problem(reply, request, 400,
				   "collect[] names a source that is switched off.");
		return -EINVAL;
	}
	*ret_sources = collect ? collect : ~exclude;
	return 0;
}

/* A name that no scrape ever has is a mistake; one that has no samples just now is none. */
static int check_names(const struct service *service, const struct http_request *request,
		       struct http_reply *reply)
{
	for (size_t i = 0; i < request->n_parameters; i++) {
		const struct http_parameter *parameter = &request->parameters[i];
		const char *nearest = NULL;
		int err = 0;

		if (streq(parameter->name, "name[]"))
			err = service->find_metric(service->context, parameter->value, &nearest);
		if (err == -ECANCELED)
			http_reply_problem(
				reply, request, 400,
				"name[]=%s: this metric, or its source, is switched off.",
				parameter->value);
		else if (err)
			reply_unknown(reply, request, parameter, "metric", nearest);
		if (err)
			return -EINVAL;
	}
	return 0;
}

static struct name_filter choose_names(const struct http_request *request, struct arena *arena)
{
	const char **names = arena_alloc(arena, (request->n_parameters + 1) * sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < request->n_parameters; i++)
		if (streq(request->parameters[i].name, "name[]"))
			names[n++] = arena_strdup(arena, request->parameters[i].value);
	return (struct name_filter){ .names = names, .n = n };
}

void metrics_handle(const struct service *service, const struct http_request *request,
		    struct http_reply *reply)
{
	struct collect_request wanted = {
		.deadline_ns = scrape_deadline_ns(request->scrape_timeout_s),
		.max_age_ms = service->options->web_min_scrape_interval_ms,
	};
	const char *escaping = "";
	const struct renderer *renderer = renderer_negotiate(request->accept, &escaping);

	wanted.detail = renderer == &renderer_protobuf ? DETAIL_METRICS : DETAIL_TEXT;

	if (choose_sources(service, request, &wanted.sources, reply) < 0 ||
	    check_names(service, request, reply) < 0)
		return;
	reply->keep = xasprintf("%s%s", renderer->content_type, escaping);
	reply->content_type = reply->keep;
	http_reply_header(reply, "Vary", "Accept, Accept-Encoding");
	if (streq(request->method, "HEAD")) {
		reply->stream = (struct http_stream){ .step = nothing_step, .end = nothing_end };
		return;
	}

	struct scrape *scrape = xcalloc(1, sizeof(*scrape));

	scrape->renderer = renderer;
	scrape->filter = choose_names(request, &scrape->arena);
	scrape->snapshot = service->acquire(service->context, &wanted);
	scrape->rendering = renderer->begin(scrape->snapshot, &scrape->filter);
	reply->stream = (struct http_stream){
		.step = scrape_step,
		.end = scrape_end,
		.state = scrape,
	};
}
