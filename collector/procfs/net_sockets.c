/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/net_sockets.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 255 };

/*
 * What the four files have in common: "sl: local remote st tx:rx tr:when retrnsmt uid timeout inode
 * ref pointer ...", and of udp the drops; addresses hold no spaces.
 */
struct line {
	unsigned state;
	uint32_t tx_queue, rx_queue;
	uint64_t drops;
};

static bool parse_line(const char *start, size_t length, bool udp, struct line *ret)
{
	char text[LINE_MAX_BYTES + 1];
	struct line line = { 0 };

	if (length > LINE_MAX_BYTES)
		return false;
	memcpy(text, start, length);
	text[length] = '\0';
	int n = sscanf(text,
		       " %*u: %*s %*s %x %" SCNx32 ":%" SCNx32
		       " %*s %*s %*u %*u %*u %*d %*s %" SCNu64,
		       &line.state, &line.tx_queue, &line.rx_queue, &line.drops);
	if (n < (udp ? 4 : 3))
		return false;
	*ret = line;
	return true;
}

static bool next_line(const char **at, bool udp, struct line *ret)
{
	while (**at) {
		const char *start = *at, *end = strchrnul(start, '\n');

		*at = *end ? end + 1 : end;
		if (parse_line(start, (size_t)(end - start), udp, ret))
			return true;
	}
	return false;
}

void tcp_count(const char *text, uint64_t counts[TCP_STATES])
{
	struct line line;

	while (next_line(&text, false, &line))
		if (line.state < TCP_STATES)
			counts[line.state]++;
}

void udp_count(const char *text, struct udp_sockets *sockets)
{
	struct line line;

	while (next_line(&text, true, &line)) {
		sockets->listen++;
		sockets->dropped += line.drops;
		sockets->rx_queued += line.rx_queue;
		sockets->tx_queued += line.tx_queue;
	}
}
