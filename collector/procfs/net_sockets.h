/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of net/tcp, net/tcp6, net/udp and net/udp6. Pure.
 */
#pragma once

#include <stdint.h>

/* include/net/tcp_states.h: 1 is established, 11 closing. */
enum { TCP_STATES = 12 };

struct udp_sockets {
	uint64_t listen;			/* sockets: each that is bound is listed */
	uint64_t dropped, rx_queued, tx_queued; /* datagrams, bytes, bytes */
};

/* Adds the sockets in a text by state. Lines of another form are skipped: proc_pid_net(5). */
void tcp_count(const char *text, uint64_t counts[TCP_STATES]);
void udp_count(const char *text, struct udp_sockets *sockets);
