/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One listening socket that is served over HTTP or HTTPS: libmicrohttpd without a thread of its own,
 * turned by the caller's event loop. Owned by main.c; limits on clients are here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct server;
struct service;
struct web;

/*
 * Serves a listening socket, which the server owns from then on. `web` holds TLS and users, and is
 * shared by all servers; both pointers stay the caller's and outlive the server. -errno;
 * *ret_server untouched on failure, and the socket is still the caller's.
 */
int server_new(int listen_fd, const struct service *service, struct web *web,
	       struct server **ret_server);
/* Readable when server_run() has something to do. */
int server_fd(const struct server *server);
/*
 * Does what can be done without waiting. The milliseconds after which it must be called again even
 * if its descriptor is not readable: 0 is at once (large TLS replies stall otherwise), -1 is never.
 */
int64_t server_run(struct server *server);
/* Takes no new connections from now on and closes the listening socket. */
void server_quiesce(struct server *server);
/* Replies that are under way. */
unsigned server_in_flight(const struct server *server);
/* Closes all connections. No authentication may be pending. Accepts NULL. */
void server_free(struct server *server);
