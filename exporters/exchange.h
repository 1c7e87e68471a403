/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its reply: between libmicrohttpd and the routes. Owned by its connection, from the
 * end of the headers until the reply is sent or the client is gone; used by server.c only.
 */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>

struct exchange;
struct service;
struct web;

/* What an exchange needs of its server. */
struct exchange_context {
	const struct service *service;
	struct web *web;    /* NULL without --web.config.file */
	unsigned in_flight; /* replies under way */
	bool closing;	    /* no further requests on a connection */
};

/* Reads the headers. `loopback`: client and server are one host. Never NULL. */
struct exchange *exchange_new(struct exchange_context *context, struct MHD_Connection *connection,
			      bool loopback);
/* Whether a body is announced; this daemon takes none and answers before it comes. */
bool exchange_has_body(const struct exchange *exchange);
/*
 * Queues the reply, or suspends the connection until a password has been checked and is then called
 * again. MHD_NO closes the connection.
 */
enum MHD_Result exchange_handle(struct exchange *exchange, const char *method, const char *url);
/* Accepts NULL. */
void exchange_free(struct exchange *exchange);
