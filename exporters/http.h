/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server's inside: what a route gets and what it answers. Routes know no libmicrohttpd, the
 * server (server.c) knows no formats.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/buffer.h"
#include "collector/collect.h"
#include "collector/procfs/process.h"
#include "collector/snapshot.h"

struct events;	/* collector/workloads/events.h */
struct history; /* exporters/api/history.h */
struct options;

/* What main offers to the routes. */
struct service {
	void *context;
	const struct options *options; /* of the last good configuration */
	struct self_counters *counters;
	struct history *history; /* of the API's earlier readings, for rates; NULL = none */
	/* A snapshot with a reference of the caller's, never NULL; see collector_acquire(). */
	const struct snapshot *(*acquire)(void *context, const struct collect_request *request);
	/* Processes of a cgroup and all below it, at most `max`; 0, -ENOENT or another -errno. */
	int (*processes)(void *context, uint64_t cgroup_id, size_t max, struct process_list *ret);
	/* What has happened to workloads; never NULL. */
	struct events *(*events)(void *context);
	/* The number of a source in struct collect_request, or -ENOENT and what may be meant, or NULL. */
	int (*find_source)(void *context, const char *name, const char **ret_nearest);
	/* 0; -ENOENT: no such family in any scrape, as above; -ECANCELED: it is switched off. */
	int (*find_metric)(void *context, const char *name, const char **ret_nearest);
	/* Why the daemon is not ready to serve, or NULL when it is. */
	const char *(*unready)(void *context);
};

struct http_parameter {
	const char *name, *value;
};

struct http_request {
	const char *method; /* "GET" or "HEAD" by the time a route sees it */
	const char *path;   /* decoded, without the query */
	const char *tail;   /* what stands where the route's pattern has its '*'; else "" */
	const struct http_parameter *parameters; /* of the query, in order, repeated ones too */
	size_t n_parameters;
	const char *accept, *accept_encoding, *if_none_match, *host; /* NULL when not sent */
	double scrape_timeout_s; /* X-Prometheus-Scrape-Timeout-Seconds; 0 when not sent or garbage */
};

/* A reply is either a body, or a stream that is asked for pieces while it is sent. */
struct http_reply {
	unsigned status;
	const char *content_type; /* static, or in `keep` */
	struct buffer body;	  /* taken over by the server */
	struct http_stream {
		bool (*step)(void *state,
			     struct buffer *out); /* as renderer.step; NULL = no stream */
		void (*end)(void *state);
		void *state;
	} stream;
	struct http_header {
		const char *name;
		char value[64];
	} headers[8];
	size_t n_headers;
	char *keep;	/* freed with the reply; NULL */
	bool cacheable; /* else Cache-Control: no-store */
};

struct route {
	const char *path; /* exact, or ending in '*': "/api/v1/workloads/" followed by anything */
	void (*handle)(const struct service *service, const struct http_request *request,
		       struct http_reply *reply);
	bool open;	   /* served without authentication: only /-/healthy */
	const char *title; /* for the landing page; NULL = not listed */
};

/* The one table of all routes (routes.c). */
extern const struct route routes[];
extern const size_t n_routes;

/* Value of the first query parameter of that name, or NULL. */
const char *http_parameter(const struct http_request *request, const char *name);
/* Adds a header; values over 63 bytes are cut. At most 8 per reply. */
void http_reply_header(struct http_reply *reply, const char *name, const char *value);
/*
 * Answers with a problem document: RFC 9457, application/problem+json with type, title, status,
 * detail and instance. `detail` is printf-formatted.
 */
void http_reply_problem(struct http_reply *reply, const struct http_request *request,
			unsigned status, const char *detail, ...)
	__attribute__((format(printf, 4, 5)));
