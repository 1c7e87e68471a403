/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

enum { BACKLOG = 1024 };

static void cleanup_addresses(struct addrinfo **addresses)
{
	if (*addresses)
		freeaddrinfo(*addresses);
}

/* Splits `host:port` or `[host]:port` in place. -EINVAL when it is neither. */
static int split(char *address, char **ret_host, char **ret_port)
{
	char *colon = strrchr(address, ':'), *host = address;

	if (!colon || !colon[1])
		return -EINVAL;
	if (*host == '[') {
		if (colon == address || colon[-1] != ']')
			return -EINVAL;
		host++;
		colon[-1] = '\0';
	} else if (memchr(address, ':', (size_t)(colon - address))) {
		return -EINVAL; /* an IPv6 address needs brackets */
	}
	*colon = '\0';
	*ret_host = host;
	*ret_port = colon + 1;
	return 0;
}

static int open_one(const struct addrinfo *info, bool both_families)
{
	cleanup_close int fd =
		socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, only_v6 = !both_families, result;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (info->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6));
	if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	result = fd;
	fd = -1;
	return result;
}

/* Of several addresses of one name the first IPv4 one is taken; without a host, both families. */
static int open_best(const struct addrinfo *addresses, bool any_host)
{
	int preferred = any_host ? AF_INET6 : AF_INET, fd = -EADDRNOTAVAIL;

	for (const struct addrinfo *info = addresses; info; info = info->ai_next)
		if (info->ai_family == preferred) {
			fd = open_one(info, any_host);
			break;
		}
	if (fd >= 0 || fd == -EADDRINUSE || fd == -EACCES)
		return fd;
	for (const struct addrinfo *info = addresses; info; info = info->ai_next)
		if (info->ai_family != preferred && (fd = open_one(info, false)) >= 0)
			break;
	return fd;
}

int listen_open(const char *address, int *ret_fd, char **ret_error)
{
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	cleanup(cleanup_addresses) struct addrinfo *addresses = NULL;
	cleanup_free char *copy = xstrdup(address);
	char *host, *port;
	int r = split(copy, &host, &port);

	if (r < 0) {
		*ret_error = xasprintf("listen address \"%s\" is not host:port, :port or [ip]:port",
				       address);
		return r;
	}
	r = getaddrinfo(*host ? host : NULL, port, &hints, &addresses);
	if (r != 0) {
		*ret_error = xasprintf("listen address \"%s\": %s", address, gai_strerror(r));
		return -EINVAL;
	}
	r = open_best(addresses, !*host);
	if (r < 0) {
		*ret_error = xasprintf("cannot listen on %s: %s", address, strerror(-r));
		return r;
	}
	*ret_fd = r;
	return 0;
}

static bool in6_is_local(const struct in6_addr *address)
{
	return IN6_IS_ADDR_LOOPBACK(address) ||
	       (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

bool listen_is_local(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_storage storage;
	} address;
	socklen_t length = sizeof(address);

	if (getsockname(fd, &address.any, &length) < 0)
		return false;
	switch (address.any.sa_family) {
	case AF_UNIX:
		return true;
	case AF_INET:
		return ntohl(address.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	case AF_INET6:
		return in6_is_local(&address.v6.sin6_addr);
	default:
		return false;
	}
}

char *listen_name(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
	    getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return xstrdup("socket");
	return xasprintf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}
