/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of Redis with a rate, which redis-benchmark has not: paced PORT RATE SECONDS CONNECTIONS. Each request is sent
 * at its time, on the next connection, when the answer to the one before it is there; who is late catches up. Prints how many
 * there were.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "collector/memory.h"

static const char request[] = "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000001\r\n";
static const long second_ns = 1000 * 1000 * 1000;

static int connect_to(unsigned short port)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons(port),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const void *)&address, sizeof(address)) < 0)
		err(1, "port %u", port);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		err(1, "TCP_NODELAY");
	return fd;
}

static void ask(int fd)
{
	char answer[256];

	if (write(fd, request, sizeof(request) - 1) != sizeof(request) - 1)
		err(1, "write");
	if (read(fd, answer, sizeof(answer)) <= 0)
		errx(1, "no answer");
}

static void wait_until(const struct timespec *start, long ns)
{
	struct timespec until = { .tv_sec = start->tv_sec + (start->tv_nsec + ns) / second_ns,
				  .tv_nsec = (start->tv_nsec + ns) % second_ns };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

int main(int argc, char *argv[])
{
	const long rate = argc == 5 ? atol(argv[2]) : 0, n = rate ? rate * atol(argv[3]) : 0;
	const size_t n_fds = rate ? (size_t)atol(argv[4]) : 0;

	if (rate <= 0 || n_fds == 0)
		errx(2, "usage: paced PORT RATE SECONDS CONNECTIONS");
	int *fds = xcalloc(n_fds, sizeof(*fds));
	struct timespec start;

	for (size_t i = 0; i < n_fds; i++)
		fds[i] = connect_to((unsigned short)atoi(argv[1]));
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long i = 0; i < n; i++) {
		wait_until(&start, i * (second_ns / rate));
		ask(fds[(size_t)i % n_fds]);
	}
	printf("%ld\n", n);
	free(fds);
	return 0;
}
