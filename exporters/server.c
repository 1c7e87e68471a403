/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/log.h"
#include "collector/memory.h"
#include "exporters/exchange.h"
#include "exporters/http.h"
#include "exporters/tls.h"
#include "exporters/web.h"

enum {
	CONNECTIONS_MAX = 1024,	       /* per listening socket; fewer with few descriptors */
	CONNECTIONS_PER_CLIENT = 128,  /* per remote address */
	CONNECTION_MEMORY = 72 * 1024, /* a piece of a reply; also the most that headers may take */
	REQUEST_TIMEOUT_S = 10,	       /* without a byte, and in all for the headers of a request */
	IDLE_TIMEOUT_S = 120,	       /* between two requests: longer than scrape intervals */
	REPLY_TIMEOUT_S = 300,	       /* in all, however slowly a client reads */
};

enum client_phase { PHASE_ASKING, PHASE_ANSWERED, PHASE_IDLE };

struct client {
	struct server *server;
	struct client *prev, *next; /* oldest first */
	struct in6_addr address;
	uint64_t since_ms;	     /* begin of the phase */
	struct web_session *session; /* NULL without TLS */
	int fd;
	enum client_phase phase;
	bool loopback;
	bool cut; /* shut down; libmicrohttpd will notice */
};

struct server {
	struct MHD_Daemon *daemon;
	struct exchange_context context;
	struct client *first, *last;
	unsigned n_clients, max_clients;
	uint64_t sweep_ms; /* when the next client may have to be cut; 0 is never */
	int epoll_fd;
};

static uint64_t now_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

/* IPv4 addresses as IPv4-mapped ones; local sockets as ::1. */
static struct in6_addr client_address(const struct sockaddr *address)
{
	struct in6_addr result = in6addr_loopback;

	if (address->sa_family == AF_INET6) {
		memcpy(&result, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
		       sizeof(result));
	} else if (address->sa_family == AF_INET) {
		result = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
		memcpy(&result.s6_addr[12],
		       &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	}
	return result;
}

static bool is_loopback(const struct in6_addr *address)
{
	return IN6_IS_ADDR_LOOPBACK(address) ||
	       (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

static uint64_t client_due_ms(const struct client *client)
{
	static const unsigned limits_s[] = {
		[PHASE_ASKING] = REQUEST_TIMEOUT_S,
		[PHASE_ANSWERED] = REPLY_TIMEOUT_S,
		[PHASE_IDLE] = IDLE_TIMEOUT_S,
	};

	return client->since_ms + limits_s[client->phase] * 1000;
}

/* libmicrohttpd times out silence; a byte now and then is timed out by server_run(). */
static void client_enter(struct client *client, enum client_phase phase)
{
	struct server *server = client->server;
	uint64_t due;

	client->phase = phase;
	client->since_ms = now_ms();
	due = client_due_ms(client);
	if (!server->sweep_ms || due < server->sweep_ms)
		server->sweep_ms = due;
}

static void client_cut(struct client *client)
{
	client->cut = true;
	(void)shutdown(client->fd, SHUT_RDWR);
}

/* Cuts the oldest connection, of one address or of any, that is not being answered. */
static bool cut_oldest(struct server *server, const struct in6_addr *address)
{
	for (struct client *client = server->first; client; client = client->next) {
		if (client->cut || client->phase == PHASE_ANSWERED)
			continue;
		if (address && memcmp(&client->address, address, sizeof(*address)) != 0)
			continue;
		client_cut(client);
		return true;
	}
	return false;
}

/* A newcomer takes the place of the oldest that asks for nothing: slow ones keep nobody out. */
static enum MHD_Result on_accept(void *data, const struct sockaddr *address, socklen_t length)
{
	struct server *server = data;
	struct in6_addr from = client_address(address);
	unsigned same = 0;

	(void)length;
	if (server->n_clients >= server->max_clients - server->max_clients / 8 &&
	    !cut_oldest(server, NULL))
		return MHD_NO;
	if (is_loopback(&from))
		return MHD_YES;
	for (const struct client *client = server->first; client; client = client->next)
		same += !client->cut && memcmp(&client->address, &from, sizeof(from)) == 0;
	return same < CONNECTIONS_PER_CLIENT || cut_oldest(server, &from) ? MHD_YES : MHD_NO;
}

/* Files that changed since take effect for this connection, or request, already. */
static void refresh_web(struct web *web)
{
	cleanup_free char *error = NULL;
	int r = web ? web_refresh(web, false, &error) : 0;

	if (r < 0)
		log_error("web configuration is broken, continuing with the last good one",
			  "reason", error);
	else if (r > 0)
		log_info("web configuration reloaded");
}

static void client_open(struct server *server, struct MHD_Connection *connection, void **slot)
{
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *address =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const union MHD_ConnectionInfo *tls =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	struct client *client = xcalloc(1, sizeof(*client));
	struct web *web = server->context.web;

	client->server = server;
	client->fd = fd ? fd->connect_fd : -1;
	client->address = address && address->client_addr ? client_address(address->client_addr)
							  : in6addr_loopback;
	client->loopback = is_loopback(&client->address);
	refresh_web(web);
	if (tls)
		client->session = web_session_start(web, tls->tls_session);
	client_enter(client, PHASE_ASKING);
	client->prev = server->last;
	*(server->last ? &server->last->next : &server->first) = client;
	server->last = client;
	server->n_clients++;
	*slot = client;
}

static void client_close(struct server *server, void **slot)
{
	struct client *client = *slot;

	if (!client)
		return;
	*(client->prev ? &client->prev->next : &server->first) = client->next;
	*(client->next ? &client->next->prev : &server->last) = client->prev;
	server->n_clients--;
	web_session_end(client->session);
	free(client);
	*slot = NULL;
}

static void on_connection(void *data, struct MHD_Connection *connection, void **slot,
			  enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		client_open(data, connection, slot);
	else
		client_close(data, slot);
}

static struct client *connection_client(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
		->socket_context;
}

static void set_timeout(struct MHD_Connection *connection, unsigned seconds)
{
	(void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **slot)
{
	struct server *server = data;

	(void)version;
	(void)upload;
	(void)upload_size;
	if (!*slot) {
		struct client *client = connection_client(connection);

		refresh_web(server->context.web);
		*slot = exchange_new(&server->context, connection, client->loopback);
		client_enter(client, PHASE_ANSWERED);
		set_timeout(connection, REQUEST_TIMEOUT_S);
		/* A reply to a first call closes the connection: right for a body nobody reads. */
		if (!exchange_has_body(*slot))
			return MHD_YES;
	}
	return exchange_handle(*slot, method, url);
}

static void on_completed(void *data, struct MHD_Connection *connection, void **slot,
			 enum MHD_RequestTerminationCode code)
{
	(void)data;
	exchange_free(*slot);
	*slot = NULL;
	if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		return;
	client_enter(connection_client(connection), PHASE_IDLE);
	set_timeout(connection, IDLE_TIMEOUT_S);
}

__attribute__((format(printf, 2, 0))) static void on_message(void *data, const char *format,
							     va_list args)
{
	char text[400];

	(void)data;
	(void)vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("libmicrohttpd says", "text", text);
}

/* Connections get at most a quarter of the descriptors: the rest is for cgroups. */
static unsigned clients_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 4 >= CONNECTIONS_MAX)
		return CONNECTIONS_MAX;
	return limit.rlim_cur / 4 < 16 ? 16 : (unsigned)(limit.rlim_cur / 4);
}

int server_new(int listen_fd, const struct service *service, struct web *web,
	       struct server **ret_server)
{
	struct server *server = xcalloc(1, sizeof(*server));
	struct MHD_OptionItem tls_options[] = { { .option = MHD_OPTION_END },
						{ .option = MHD_OPTION_END } };
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	if (web && web_uses_tls(web)) {
		flags |= MHD_USE_TLS;
		tls_options[0] = (struct MHD_OptionItem){
			.option = MHD_OPTION_HTTPS_CERT_CALLBACK,
			.ptr_value = (void *)(uintptr_t)tls_retrieve,
		};
	}
	server->context = (struct exchange_context){ .service = service, .web = web };
	server->max_clients = clients_limit();
	server->daemon = MHD_start_daemon(
		flags, 0, on_accept, server, on_request, server, /* the logger comes first */
		MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
		MHD_OPTION_CONNECTION_LIMIT, server->max_clients, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)REQUEST_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_ARRAY, tls_options, MHD_OPTION_END);
	if (!server->daemon) {
		int err = errno ? errno : EIO;

		free(server);
		return -err;
	}
	server->epoll_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	*ret_server = server;
	return 0;
}

int server_fd(const struct server *server)
{
	return server->epoll_fd;
}

static void sweep(struct server *server, uint64_t now)
{
	server->sweep_ms = 0;
	for (struct client *client = server->first; client; client = client->next) {
		uint64_t due = client_due_ms(client);

		if (client->cut)
			continue;
		if (due <= now)
			client_cut(client);
		else if (!server->sweep_ms || due < server->sweep_ms)
			server->sweep_ms = due;
	}
}

int64_t server_run(struct server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout = 0;
	uint64_t now = now_ms();
	int64_t wait_ms = -1;

	if (server->sweep_ms && server->sweep_ms <= now)
		sweep(server, now);
	(void)MHD_run(server->daemon);
	if (MHD_get_timeout(server->daemon, &timeout) == MHD_YES)
		wait_ms = (int64_t)timeout;
	if (server->sweep_ms) {
		int64_t left_ms = server->sweep_ms > now ? (int64_t)(server->sweep_ms - now) : 0;

		if (wait_ms < 0 || left_ms < wait_ms)
			wait_ms = left_ms;
	}
	return wait_ms;
}

void server_quiesce(struct server *server)
{
	int fd = MHD_quiesce_daemon(server->daemon);

	server->context.closing = true;
	cleanup_close_fn(&fd);
}

unsigned server_in_flight(const struct server *server)
{
	return server->context.in_flight;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	MHD_stop_daemon(server->daemon);
	free(server);
}
