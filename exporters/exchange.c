/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/exchange.h"

#include <math.h>
#include <strings.h>

#include "collector/arena.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "exporters/body.h"
#include "exporters/compress.h"
#include "exporters/host_header.h"
#include "exporters/routes.h"
#include "exporters/web.h"
#include "exporters/web_config.h"

enum {
	PARAMETERS_MAX = 256,
	WORTH_CODING = 1024,	/* bytes; smaller bodies do not get smaller */
	PIECE_SIZE = 32 * 1024, /* of a body for HTTP/1.0, which has no chunks */
};

struct exchange {
	struct exchange_context *context;
	struct MHD_Connection *connection;
	struct arena arena; /* parameters and joined headers */
	struct http_request request;
	struct http_reply reply;
	struct body *body;
	const char *content_length, *transfer_encoding, *scrape_timeout, *authorization;
	unsigned n_hosts;
	bool loopback;
	bool counted; /* in context->in_flight */
	bool waited;  /* for its password to be checked */
};

/* Where a request header goes; a repeated one is joined as RFC 9110, 5.3 says. */
static const char **header_slot(struct exchange *exchange, const char *name)
{
	const struct {
		const char *name;
		const char **slot;
	} slots[] = {
		{ "Accept", &exchange->request.accept },
		{ "Accept-Encoding", &exchange->request.accept_encoding },
		{ "If-None-Match", &exchange->request.if_none_match },
		{ "Host", &exchange->request.host },
		{ "Content-Length", &exchange->content_length },
		{ "Transfer-Encoding", &exchange->transfer_encoding },
		{ "Authorization", &exchange->authorization },
		{ "X-Prometheus-Scrape-Timeout-Seconds", &exchange->scrape_timeout },
	};

	for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
		if (strcasecmp(slots[i].name, name) == 0)
			return slots[i].slot;
	return NULL;
}

static enum MHD_Result take_header(void *data, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct exchange *exchange = data;
	const char **slot = header_slot(exchange, name);

	(void)kind;
	if (!slot || !value)
		return MHD_YES;
	if (slot == &exchange->request.host)
		exchange->n_hosts++;
	if (!*slot) {
		*slot = arena_strdup(&exchange->arena, value);
		return MHD_YES;
	}
	cleanup_free char *joined = xasprintf("%s, %s", *slot, value);

	*slot = arena_strdup(&exchange->arena, joined);
	return MHD_YES;
}

static enum MHD_Result take_parameter(void *data, enum MHD_ValueKind kind, const char *name,
				      const char *value)
{
	struct exchange *exchange = data;
	struct http_parameter *parameters = (void *)exchange->request.parameters;

	(void)kind;
	parameters[exchange->request.n_parameters++] = (struct http_parameter){
		.name = arena_strdup(&exchange->arena, name),
		.value = arena_strdup(&exchange->arena, value ? value : ""),
	};
	return exchange->request.n_parameters < PARAMETERS_MAX ? MHD_YES : MHD_NO;
}

static double parse_timeout(const char *text)
{
	char *end;
	double seconds;

	if (!text)
		return 0;
	seconds = strtod(text, &end);
	return end == text || *end || !isfinite(seconds) || seconds < 0 ? 0 : seconds;
}

struct exchange *exchange_new(struct exchange_context *context, struct MHD_Connection *connection,
			      bool loopback)
{
	struct exchange *exchange = xcalloc(1, sizeof(*exchange));
	int n = MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, NULL, NULL);

	exchange->context = context;
	exchange->connection = connection;
	exchange->loopback = loopback;
	exchange->reply.status = 200;
	if (n > 0) {
		if (n > PARAMETERS_MAX)
			n = PARAMETERS_MAX;
		exchange->request.parameters = arena_alloc(
			&exchange->arena, (size_t)n * sizeof(*exchange->request.parameters));
		(void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_parameter,
						exchange);
	}
	(void)MHD_get_connection_values(connection, MHD_HEADER_KIND, take_header, exchange);
	exchange->request.scrape_timeout_s = parse_timeout(exchange->scrape_timeout);
	return exchange;
}

bool exchange_has_body(const struct exchange *exchange)
{
	return exchange->transfer_encoding ||
	       (exchange->content_length && !streq(exchange->content_length, "0"));
}

static bool reply_is_html(const struct http_reply *reply)
{
	return reply->content_type && strncmp(reply->content_type, "text/html", 9) == 0;
}

static bool reply_has_header(const struct http_reply *reply, const char *name)
{
	for (size_t i = 0; i < reply->n_headers; i++)
		if (strcasecmp(reply->headers[i].name, name) == 0)
			return true;
	return false;
}

static bool config_has_header(const struct web_config *config, const char *name)
{
	for (size_t i = 0; config && i < config->n_headers; i++)
		if (strcasecmp(config->headers[i].name, name) == 0)
			return true;
	return false;
}

/*
 * Compressing costs twelve times what rendering does, so between processes of one host the bytes go
 * as they are, unless the client weighs its codings and thereby asks.
 */
static enum coding choose_coding(const struct exchange *exchange)
{
	const struct http_reply *reply = &exchange->reply;
	const char *accepted = exchange->request.accept_encoding;

	if (!reply->stream.step && reply->body.length < WORTH_CODING)
		return CODING_IDENTITY;
	if (exchange->loopback && accepted && !strcasestr(accepted, "q="))
		return CODING_IDENTITY;
	return coding_negotiate(accepted);
}

static struct MHD_Response *make_response(struct exchange *exchange)
{
	struct http_reply *reply = &exchange->reply;
	enum coding coding = choose_coding(exchange);
	struct MHD_Response *response;

	if (coding == CODING_IDENTITY && !reply->stream.step) {
		response = MHD_create_response_from_buffer(reply->body.length, reply->body.data,
							   MHD_RESPMEM_MUST_FREE);
		if (response)
			reply->body = (struct buffer){ 0 };
		return response;
	}
	exchange->body = body_new(reply, coding);
	/* The exchange outlives the response's last read, so it and not the response owns the body. */
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_SIZE, body_read,
						     exchange->body, NULL);
	if (response && coding != CODING_IDENTITY)
		(void)MHD_add_response_header(response, "Content-Encoding", coding_name(coding));
	/* libmicrohttpd ends even a body that is not sent with a last chunk: none for HEAD. */
	if (response && streq(exchange->request.method, "HEAD"))
		(void)MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT,
					       MHD_RO_END);
	return response;
}

static void add_headers(struct exchange *exchange, struct MHD_Response *response)
{
	static const struct {
		const char *name, *value;
		bool html;
	} standard[] = {
		{ "X-Content-Type-Options", "nosniff", false },
		/* Nothing inline, nothing from elsewhere. */
		{ "Content-Security-Policy",
		  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
		  "connect-src 'self'; base-uri 'none'; form-action 'none'; "
		  "frame-ancestors 'none'",
		  true },
		{ "X-Frame-Options", "deny", true },
	};
	const struct http_reply *reply = &exchange->reply;
	const struct web_config *config =
		exchange->context->web ? web_config(exchange->context->web) : NULL;

	if (reply->content_type)
		(void)MHD_add_response_header(response, "Content-Type", reply->content_type);
	for (size_t i = 0; i < reply->n_headers; i++)
		(void)MHD_add_response_header(response, reply->headers[i].name,
					      reply->headers[i].value);
	if (!reply->cacheable)
		(void)MHD_add_response_header(response, "Cache-Control", "no-store");
	if (!reply_has_header(reply, "Vary"))
		(void)MHD_add_response_header(response, "Vary", "Accept-Encoding");
	for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
		if ((!standard[i].html || reply_is_html(reply)) &&
		    !reply_has_header(reply, standard[i].name) &&
		    !config_has_header(config, standard[i].name))
			(void)MHD_add_response_header(response, standard[i].name,
						      standard[i].value);
	for (size_t i = 0; config && i < config->n_headers; i++)
		if (!reply_has_header(reply, config->headers[i].name))
			(void)MHD_add_response_header(response, config->headers[i].name,
						      config->headers[i].value);
	if (exchange->context->closing || exchange_has_body(exchange))
		(void)MHD_add_response_header(response, "Connection", "close");
}

static enum MHD_Result send_reply(struct exchange *exchange)
{
	struct self_counters *counters = exchange->context->service->counters;
	unsigned status = exchange->reply.status;
	struct MHD_Response *response = make_response(exchange);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	if (status < ARRAY_SIZE(counters->http_requests))
		counters->http_requests[status]++;
	add_headers(exchange, response);
	result = MHD_queue_response(exchange->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* Whether nothing but where it listens keeps others from reading: neither users nor TLS. */
static bool is_unguarded(const struct exchange *exchange)
{
	const struct web *web = exchange->context->web;

	return !web || (!web_uses_tls(web) && web_config(web)->n_users == 0);
}

/* What must be refused before anything else is read of it. False: a problem is the reply. */
static bool request_is_framed(struct exchange *exchange)
{
	struct http_reply *reply = &exchange->reply;
	const struct http_request *request = &exchange->request;

	if (exchange->content_length && exchange->transfer_encoding)
		http_reply_problem(reply, request, 400,
				   "Content-Length and Transfer-Encoding exclude each other.");
	else if (exchange->n_hosts > 1)
		http_reply_problem(reply, request, 400, "There is more than one Host header.");
	else if (exchange->loopback && is_unguarded(exchange) &&
		 !host_header_is_ours(request->host))
		http_reply_problem(reply, request, 421,
				   "This server is not the one of that name; use localhost.");
	else if (request->n_parameters >= PARAMETERS_MAX)
		http_reply_problem(reply, request, 400, "There are too many parameters.");
	else if (exchange_has_body(exchange))
		http_reply_problem(reply, request, 413, "A request has no body here.");
	else
		return true;
	return false;
}

/* What no route serves. False: a problem is the reply. */
static bool request_has_route(struct exchange *exchange, const struct route *route)
{
	struct http_reply *reply = &exchange->reply;
	const char *method = exchange->request.method;

	if (!route) {
		http_reply_problem(reply, &exchange->request, 404, "Nothing is served here.");
		return false;
	}
	if (!streq(method, "GET") && !streq(method, "HEAD")) {
		http_reply_problem(reply, &exchange->request, 405, "Only GET and HEAD are served.");
		http_reply_header(reply, "Allow", "GET, HEAD");
		return false;
	}
	return true;
}

static void on_password_checked(void *data)
{
	struct exchange *exchange = data;

	MHD_resume_connection(exchange->connection);
}

enum access { ACCESS_GRANTED, ACCESS_REFUSED, ACCESS_LATER };

/* Users and rate limit. Refused: a problem is the reply; later: the connection is suspended. */
static enum access request_access(struct exchange *exchange, const struct route *route)
{
	struct http_reply *reply = &exchange->reply;
	const struct http_request *request = &exchange->request;
	struct web *web = exchange->context->web;

	if (!web)
		return ACCESS_GRANTED;
	if (!exchange->waited && !web_take_token(web)) {
		http_reply_problem(reply, request, 429, "There are too many requests.");
		return ACCESS_REFUSED;
	}
	if (route && route->open)
		return ACCESS_GRANTED;
	switch (web_authenticate(web, exchange->authorization, on_password_checked, exchange)) {
	case AUTH_ALLOWED:
		return ACCESS_GRANTED;
	case AUTH_PENDING:
		exchange->waited = true;
		MHD_suspend_connection(exchange->connection);
		return ACCESS_LATER;
	case AUTH_BUSY:
		http_reply_problem(reply, request, 503, "Too many passwords are being checked.");
		http_reply_header(reply, "Retry-After", "1");
		return ACCESS_REFUSED;
	case AUTH_DENIED:
		break;
	}
	http_reply_problem(reply, request, 401, "A user and a password are needed.");
	http_reply_header(reply, "WWW-Authenticate", "Basic realm=\"Tallyman\", charset=\"UTF-8\"");
	return ACCESS_REFUSED;
}

/* Counts the request towards --web.max-requests, and says whether there is room for it. */
static bool take_place(struct exchange *exchange)
{
	const struct service *service = exchange->context->service;
	uint64_t max = service->options->web_max_requests;

	if (max && service->counters->http_in_flight >= max) {
		service->counters->http_rejected++;
		http_reply_problem(&exchange->reply, &exchange->request, 503,
				   "There are %llu requests under way already.",
				   (unsigned long long)max);
		http_reply_header(&exchange->reply, "Retry-After", "1");
		return false;
	}
	service->counters->http_in_flight++;
	exchange->context->in_flight++;
	exchange->counted = true;
	return true;
}

/* The path of an absolute-form target (RFC 9112, 3.2.2), else the target itself. */
static const char *target_path(const char *url)
{
	const char *authority = NULL;

	if (strncasecmp(url, "http://", 7) == 0)
		authority = url + 7;
	else if (strncasecmp(url, "https://", 8) == 0)
		authority = url + 8;
	if (!authority)
		return url;
	url = strchr(authority, '/');
	return url ? url : "/";
}

enum MHD_Result exchange_handle(struct exchange *exchange, const char *method, const char *url)
{
	const struct service *service = exchange->context->service;
	struct http_request *request = &exchange->request;
	const struct route *route;

	request->method = method;
	request->path = target_path(url);
	request->tail = "";
	route = route_find(service->options, request->path, &request->tail);
	if (!request_is_framed(exchange))
		return send_reply(exchange);
	switch (request_access(exchange, route)) {
	case ACCESS_LATER:
		return MHD_YES;
	case ACCESS_GRANTED:
		if (request_has_route(exchange, route) && (route->open || take_place(exchange)))
			route->handle(service, request, &exchange->reply);
		break;
	case ACCESS_REFUSED:
		break;
	}
	return send_reply(exchange);
}

void exchange_free(struct exchange *exchange)
{
	if (!exchange)
		return;
	if (exchange->counted) {
		exchange->context->service->counters->http_in_flight--;
		exchange->context->in_flight--;
	}
	body_free(exchange->body);
	if (exchange->reply.stream.end)
		exchange->reply.stream.end(exchange->reply.stream.state);
	buffer_free(&exchange->reply.body);
	free(exchange->reply.keep);
	arena_free(&exchange->arena);
	free(exchange);
}
