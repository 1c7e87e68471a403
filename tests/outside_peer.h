/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP end that no socket of this host has: packets written to and read from a tun device, in a network
 * namespace of our own. It connects, answers, and breaks off, one connection at a time.
 */
#pragma once

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "tests/support.h"

enum { OUTSIDE_WAIT_MS = 5000, OUTSIDE_BEGIN = 1000 };

struct outside_packet {
	struct iphdr ip;
	struct tcphdr tcp;
	char more[1500];
};

/* The namespace of before is given back by outside_peer_end(). */
struct outside_peer {
	int before, tun;
	uint32_t next, acknowledged; /* of its own numbers; of the other end's */
};

SUPPORT void outside_peer_start(struct outside_peer *peer, const char *addresses)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "outside" };

	if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		printf("SKIP: there is no /dev/net/tun\n");
		skip();
	}
	peer->before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	peer->tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	assert_true(peer->tun >= 0);
	assert_int_equal(ioctl(peer->tun, TUNSETIFF, &request), 0);
	cleanup_free char *command =
		xasprintf("ip link set lo up && ip link set outside up && for address in %s; do "
			  "ip addr add $address dev outside || exit 1; done",
			  addresses);
	assert_int_equal(system(command), 0);
}

SUPPORT void outside_peer_end(struct outside_peer *peer)
{
	close(peer->tun);
	assert_int_equal(setns(peer->before, CLONE_NEWNET), 0);
	close(peer->before);
}

SUPPORT uint32_t outside_sum(const void *data, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2) {
		uint16_t word;

		memcpy(&word, (const char *)data + i, sizeof(word));
		sum += word;
	}
	return sum;
}

SUPPORT uint16_t outside_checksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The next TCP packet that the kernel sends. Others are passed over, and what breaks a connection off. */
SUPPORT struct outside_packet outside_receive(const struct outside_peer *peer)
{
	struct outside_packet packet = { 0 };

	do {
		struct pollfd ready = { .fd = peer->tun, .events = POLLIN };

		assert_int_equal(poll(&ready, 1, OUTSIDE_WAIT_MS), 1);
		assert_true(read(peer->tun, &packet, sizeof(packet)) > 0);
	} while (packet.ip.version != 4 || packet.ip.protocol != IPPROTO_TCP || packet.tcp.rst);
	return packet;
}

/* From the end that `to` is for, without data. */
SUPPORT void outside_send(struct outside_peer *peer, uint32_t from_address, uint16_t from_port,
			  uint32_t to_address, uint16_t to_port, struct tcphdr flags)
{
	struct {
		struct iphdr ip;
		struct tcphdr tcp;
	} packet = {
		.ip = { .version = 4,
			.ihl = 5,
			.tot_len = htons(sizeof(packet)),
			.ttl = 64,
			.protocol = IPPROTO_TCP,
			.saddr = from_address,
			.daddr = to_address },
		.tcp = flags,
	};

	packet.tcp.source = from_port;
	packet.tcp.dest = to_port;
	packet.tcp.seq = htonl(peer->next);
	packet.tcp.ack_seq = flags.ack ? htonl(peer->acknowledged) : 0;
	packet.tcp.doff = sizeof(packet.tcp) / 4;
	packet.tcp.window = htons(65000);
	packet.ip.check = outside_checksum(outside_sum(&packet.ip, sizeof(packet.ip)));
	packet.tcp.check =
		outside_checksum(outside_sum(&packet.tcp, sizeof(packet.tcp)) +
				 outside_sum(&packet.ip.saddr, 2 * sizeof(packet.ip.saddr)) +
				 htons(IPPROTO_TCP) + htons(sizeof(packet.tcp)));
	assert_int_equal(write(peer->tun, &packet, sizeof(packet)), sizeof(packet));
	peer->next += flags.syn || flags.fin;
}

/* Answers the packet with these flags. */
SUPPORT void outside_answer(struct outside_peer *peer, const struct outside_packet *packet,
			    struct tcphdr flags)
{
	peer->acknowledged = ntohl(packet->tcp.seq) + packet->tcp.syn + packet->tcp.fin;
	outside_send(peer, packet->ip.daddr, packet->tcp.dest, packet->ip.saddr, packet->tcp.source,
		     flags);
}

/* Takes the connection that a socket of ours is about to make. */
SUPPORT void outside_accept(struct outside_peer *peer)
{
	struct outside_packet packet = outside_receive(peer);

	assert_true(packet.tcp.syn && !packet.tcp.ack);
	peer->next = OUTSIDE_BEGIN;
	outside_answer(peer, &packet, (struct tcphdr){ .syn = 1, .ack = 1 });
	packet = outside_receive(peer);
	assert_true(packet.tcp.ack && !packet.tcp.syn && !packet.tcp.rst);
}

/* Connects with a socket of ours that listens. */
SUPPORT void outside_connect(struct outside_peer *peer, const char *from, uint16_t from_port,
			     const struct sockaddr_in *to)
{
	struct in_addr address;

	inet_pton(AF_INET, from, &address);
	peer->next = OUTSIDE_BEGIN;
	outside_send(peer, address.s_addr, htons(from_port), to->sin_addr.s_addr, to->sin_port,
		     (struct tcphdr){ .syn = 1 });
	struct outside_packet packet = outside_receive(peer);
	assert_true(packet.tcp.syn && packet.tcp.ack);
	outside_answer(peer, &packet, (struct tcphdr){ .ack = 1 });
}
