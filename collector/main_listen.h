/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets in the event loop: opened as the options say, or taken from systemd, each
 * with a server that is given its turns. Owned by main.c.
 */
#pragma once

#include <systemd/sd-event.h>

struct listeners;
struct options;
struct service;
struct web;

/* For `event`, `service` and `web` (NULL: no --web.config.file), which outlive it. Never NULL. */
struct listeners *listeners_new(sd_event *event, const struct service *service, struct web *web);
/* Closes all connections; no password may be being checked. Accepts NULL. */
void listeners_free(struct listeners *listeners);
/* Opens all sockets and serves them. -errno after a line in the log that says why not. */
int listeners_open(struct listeners *listeners, const struct options *options);
/* Gives all servers a turn that no descriptor announces: after connections were resumed. */
void listeners_run(struct listeners *listeners);
/* Takes no new connections, and leaves the loop once the last reply is sent. */
void listeners_stop(struct listeners *listeners);
