/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two cgroups of our own, a listener that was made in one and clients of the other, over loopback: for the
 * tests of connections. What a socket carried is what it says of itself.
 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/probe_scene.h"

enum { CLIENT, SERVER };
enum { CONNECTIONS = 50, HELD = 3, REFUSED = 7, SENT = 1000, ANSWERED = 300 };

struct place {
	struct probe_scene groups;
	int listener;
	struct sockaddr_in address;
};

/* Sockets belong to the group in which their maker was then. */
SUPPORT void enter(const char *directory)
{
	cleanup_free char *procs = xasprintf("%s/cgroup.procs", directory);
	int fd = open(procs, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "0", 1), 1);
	close(fd);
}

SUPPORT int tcp_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

SUPPORT void bind_anywhere(int fd, struct sockaddr_in *ret_address)
{
	socklen_t size = sizeof(*ret_address);

	*ret_address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	assert_int_equal(bind(fd, (struct sockaddr *)ret_address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &size), 0);
}

SUPPORT struct place *place_new(void)
{
	static const char *const names[2] = { "client", "server" };
	struct place *place = xcalloc(1, sizeof(*place));

	probe_scene_start(&place->groups, names, "connections");
	enter(place->groups.directories[SERVER]);
	place->listener = tcp_socket();
	bind_anywhere(place->listener, &place->address);
	assert_int_equal(listen(place->listener, CONNECTIONS), 0);
	enter(place->groups.directories[CLIENT]);
	return place;
}

SUPPORT void place_free(struct place *place)
{
	enter(own_groups_root());
	close(place->listener);
	probe_scene_end(&place->groups);
	free(place);
}

struct pair {
	int client, server;
};

/* Any socket that connects to any address where `listener` listens. */
SUPPORT struct pair pair_of(int client, int listener, const void *address, socklen_t size)
{
	struct pair pair = { .client = client };

	assert_int_equal(connect(client, address, size), 0);
	pair.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(pair.server >= 0);
	return pair;
}

SUPPORT struct pair pair_new(const struct place *place)
{
	return pair_of(tcp_socket(), place->listener, &place->address, sizeof(place->address));
}

SUPPORT void transfer(int from, int to, size_t size)
{
	char bytes[SENT] = { 0 };

	assert_int_equal(send(from, bytes, size, 0), size);
	assert_int_equal(recv(to, bytes, size, MSG_WAITALL), size);
}

/* What a connection to nobody there, or to a full queue, ends with. */
SUPPORT void connect_in_vain(const struct sockaddr_in *address)
{
	int fd = tcp_socket();

	assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof(*address)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
}

/* Until the kernel has closed both ends: an end that waits in TIME_WAIT is no socket any more. */
SUPPORT void pair_close(struct pair pair)
{
	char byte;

	assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
	assert_int_equal(recv(pair.server, &byte, 1, 0), 0);
	close(pair.server);
	assert_int_equal(recv(pair.client, &byte, 1, 0), 0);
	close(pair.client);
}

/* CONNECTIONS of them, one after the other. */
SUPPORT void connect_and_carry(const struct place *place)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		struct pair pair = pair_new(place);

		transfer(pair.client, pair.server, SENT);
		transfer(pair.server, pair.client, ANSWERED);
		pair_close(pair);
	}
}

/* Labels of an edge to another workload, a group outside, or all others. */
SUPPORT char *edge_to(const char *direction, const char *peer)
{
	const char *kind = *peer == '/' ? "other" : streq(peer, "other") ? "other" : "outside";

	return xasprintf("direction=%s,peer=%s,peer_kind=%s,peer_name=%s,peer_namespace=,peer_pod=",
			 direction, peer, kind, *peer == '/' ? peer + 1 : peer);
}

SUPPORT void expect_edge(const struct place *place, int who, const char *direction,
			 const char *peer, const char *name, uint64_t value)
{
	cleanup_free char *labels = edge_to(direction, peer);
	cleanup_free char *family = xasprintf("container_tcp_edge_%s", name);

	expect_sample(&place->groups.scene, family, place->groups.paths[who], labels, value);
}

SUPPORT uint64_t edge_value(const struct place *place, int who, const char *direction,
			    const char *peer, const char *name)
{
	cleanup_free char *labels = edge_to(direction, peer);
	cleanup_free char *family = xasprintf("container_tcp_edge_%s", name);
	const struct sample *sample =
		scene_sample(&place->groups.scene, family, place->groups.paths[who], labels);

	assert_non_null(sample);
	return sample->integer;
}

/* All edges that a workload has. */
SUPPORT size_t edges_number(const struct place *place, int who)
{
	const struct family *family =
		snapshot_family(place->groups.scene.snapshot, "container_tcp_edge_connects_total");
	size_t n = 0;

	assert_non_null(family);
	for_each_sample(sample, family)
		n += streq(sample->workload->path, place->groups.paths[who]);
	return n;
}

/* What the probe says that it has lost, for a reason. */
SUPPORT uint64_t lost_connections(const struct scene *scene, const char *reason)
{
	cleanup_free char *wanted = xasprintf("probe=connections,reason=%s", reason);
	const struct family *family = snapshot_family(scene->snapshot, "tallyman_probe_lost_total");

	assert_non_null(family);
	for_each_sample(sample, family) {
		cleanup_free char *labels = sample_labels(family->metric, sample);

		if (streq(labels, wanted))
			return sample->integer;
	}
	fail_msg("there is no %s", wanted);
	return 0;
}
