/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/main_listen.h"

#include <errno.h>
#include <malloc.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "collector/cleanup.h"
#include "collector/log.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "exporters/listen.h"
#include "exporters/server.h"
#include "exporters/web.h"

enum {
	ROUNDS_AT_ONCE = 8, /* of one server, before the others get their turn */
	CROWD = 8,	    /* replies at once that leave memory behind worth giving back */
	ACCURACY_US = 1000,
};

struct listener {
	struct listeners *listeners;
	struct server *server;
	sd_event_source *readable, *timer, *again;
};

struct listeners {
	sd_event *event;
	const struct service *service;
	struct web *web; /* NULL without --web.config.file */
	struct listener *items;
	size_t n;
	unsigned crowd; /* most replies at once since there was none */
	bool stopping;
	bool warned_public;
};

struct listeners *listeners_new(sd_event *event, const struct service *service, struct web *web)
{
	struct listeners *listeners = xcalloc(1, sizeof(*listeners));

	listeners->event = event;
	listeners->service = service;
	listeners->web = web;
	return listeners;
}

void listeners_free(struct listeners *listeners)
{
	if (!listeners)
		return;
	for (size_t i = 0; i < listeners->n; i++) {
		struct listener *listener = &listeners->items[i];

		sd_event_source_unref(listener->readable);
		sd_event_source_unref(listener->timer);
		sd_event_source_unref(listener->again);
		server_free(listener->server);
	}
	free(listeners->items);
	free(listeners);
}

static unsigned replies_in_flight(const struct listeners *listeners)
{
	unsigned n = 0;

	for (size_t i = 0; i < listeners->n; i++)
		n += server_in_flight(listeners->items[i].server);
	return n;
}

/* Buffers of many replies at once are given back to the system when the last one is sent. */
static void after_crowd(struct listeners *listeners)
{
	unsigned now = replies_in_flight(listeners);

	if (now > listeners->crowd)
		listeners->crowd = now;
	if (now)
		return;
	if (listeners->crowd >= CROWD)
		(void)malloc_trim(0);
	listeners->crowd = 0;
}

static void listener_run(struct listener *listener)
{
	int64_t wait_ms = 0;

	for (int i = 0; i < ROUNDS_AT_ONCE && wait_ms == 0; i++)
		wait_ms = server_run(listener->server);
	after_crowd(listener->listeners);
	if (wait_ms == 0)
		(void)sd_event_source_set_enabled(listener->again, SD_EVENT_ONESHOT);
	if (wait_ms > 0)
		(void)sd_event_source_set_time_relative(listener->timer, (uint64_t)wait_ms * 1000);
	(void)sd_event_source_set_enabled(listener->timer,
					  wait_ms > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (listener->listeners->stopping && replies_in_flight(listener->listeners) == 0)
		(void)sd_event_exit(listener->listeners->event, EXIT_SUCCESS);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)source;
	(void)fd;
	(void)events;
	listener_run(data);
	return 0;
}

static int on_again(sd_event_source *source, void *data)
{
	(void)source;
	listener_run(data);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	listener_run(data);
	return 0;
}

static int serve(struct listeners *listeners, int fd)
{
	cleanup_free char *name = listen_name(fd);
	struct listener *listener = &listeners->items[listeners->n];
	int r = server_new(fd, listeners->service, listeners->web, &listener->server);

	if (r < 0) {
		log_error("cannot serve", "address", name, "reason", strerror(-r));
		return r;
	}
	listener->listeners = listeners;
	listeners->n++;
	if ((r = sd_event_add_io(listeners->event, &listener->readable, server_fd(listener->server),
				 EPOLLIN, on_readable, listener)) < 0 ||
	    (r = sd_event_add_time(listeners->event, &listener->timer, CLOCK_MONOTONIC, 0,
				   ACCURACY_US, on_timer, listener)) < 0 ||
	    (r = sd_event_add_defer(listeners->event, &listener->again, on_again, listener)) < 0)
		return r;
	if (!listen_is_local(fd) && !listeners->web && !listeners->warned_public) {
		listeners->warned_public = true;
		log_warn("other hosts can read everything here: there is no --web.config.file",
			 "address", name);
	}
	log_info("listening", "address", name, "tls",
		 listeners->web && web_uses_tls(listeners->web) ? "true" : "false");
	return 0;
}

static int serve_systemd_sockets(struct listeners *listeners)
{
	int n = sd_listen_fds(1), r;

	if (n <= 0) {
		log_error("--web.systemd-socket, but systemd handed over no socket");
		return -ENOTCONN;
	}
	listeners->items = xcalloc((size_t)n, sizeof(*listeners->items));
	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++)
		if ((r = serve(listeners, fd)) < 0)
			return r;
	return 0;
}

static int serve_addresses(struct listeners *listeners, const struct string_list *addresses)
{
	listeners->items = xcalloc(addresses->n + 1, sizeof(*listeners->items));
	for (size_t i = 0; i < addresses->n; i++) {
		cleanup_free char *error = NULL;
		int fd, r = listen_open(addresses->items[i], &fd, &error);

		if (r < 0) {
			log_error(error);
			return r;
		}
		if ((r = serve(listeners, fd)) < 0)
			return r;
	}
	return 0;
}

int listeners_open(struct listeners *listeners, const struct options *options)
{
	return options->web_systemd_socket
		       ? serve_systemd_sockets(listeners)
		       : serve_addresses(listeners, &options->web_listen_address);
}

void listeners_run(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->n; i++)
		listener_run(&listeners->items[i]);
}

void listeners_stop(struct listeners *listeners)
{
	listeners->stopping = true;
	for (size_t i = 0; i < listeners->n; i++)
		server_quiesce(listeners->items[i].server);
	if (replies_in_flight(listeners) == 0)
		(void)sd_event_exit(listeners->event, EXIT_SUCCESS);
}
