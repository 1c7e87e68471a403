/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of network namespaces by state: <procfs>/PID/net/tcp and its like, on the rows that carry
 * the namespace's interfaces. Off by default: for each namespace the kernel walks a hash table that
 * all of them share, which takes milliseconds on a large host.
 */
#include <errno.h>
#include <stdlib.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/procfs/net_sockets.h"
#include "collector/procfs/netns.h"
#include "collector/source.h"

enum { V4, V6, SKIPPED };

#define SKIPPED_ROW(protocol)                                                                      \
	{                                                                                          \
		.name = "tallyman_" protocol "_namespaces_skipped_total",                          \
		.help = "Times that a namespace's list of sockets was over 16 MiB, about 100,000 " \
			"sockets, and so has no samples.",                                         \
		.type = METRIC_COUNTER, .scope = SCOPE_HOST,                                       \
	}

static const struct metric tcp_metrics[] = {
	[V4] = {
		.name = "container_network_tcp_usage_total",
		.help = "TCP sockets over IPv4 by state, from net/tcp of the network namespace.",
		.labels = { "tcp_state" },
	},
	[V6] = {
		.name = "container_network_tcp6_usage_total",
		.help = "TCP sockets over IPv6 by state, from net/tcp6 of the network namespace.",
		.labels = { "tcp_state" },
	},
	[SKIPPED] = SKIPPED_ROW("tcp"),
};

static const struct metric udp_metrics[] = {
	[V4] = {
		.name = "container_network_udp_usage_total",
		.help = "UDP sockets over IPv4 (listen), datagrams they dropped, and bytes in their "
			"queues, from net/udp of the network namespace.",
		.labels = { "udp_state" },
	},
	[V6] = {
		.name = "container_network_udp6_usage_total",
		.help = "UDP sockets over IPv6 (listen), datagrams they dropped, and bytes in their "
			"queues, from net/udp6 of the network namespace.",
		.labels = { "udp_state" },
	},
	[SKIPPED] = SKIPPED_ROW("udp"),
};

enum { FILE_MAX = 16 * 1024 * 1024 };

struct state {
	struct netns_cache *cache;
	struct buffer text;
	uint64_t skipped;
};

/* By kernel number; 0 is none. */
static const char *const tcp_names[TCP_STATES] = {
	NULL,	    "established", "synsent",	"synrecv", "finwait1", "finwait2",
	"timewait", "close",	   "closewait", "lastack", "listen",   "closing",
};

static int sockets_open(const struct options *options, void **ret_state, const char **ret_reason)
{
	struct netns_cache *cache;
	int err = netns_open(options, &cache, ret_reason);

	if (err < 0)
		return err;
	struct state *state = xcalloc(1, sizeof(*state));
	state->cache = cache;
	*ret_state = state;
	return 0;
}

static void sockets_close(void *opened)
{
	struct state *state = opened;

	netns_close(state->cache);
	buffer_free(&state->text);
	free(state);
}

static void add_tcp(struct snapshot *snapshot, struct family *family,
		    const struct workload *workload, const char *text)
{
	uint64_t counts[TCP_STATES] = { 0 };

	tcp_count(text, counts);
	for (size_t i = 1; i < TCP_STATES; i++)
		family_add_integer(snapshot, family, workload, &tcp_names[i], counts[i]);
}

static void add_udp(struct snapshot *snapshot, struct family *family,
		    const struct workload *workload, const char *text)
{
	static const char *const names[] = { "listen", "dropped", "rxqueued", "txqueued" };
	struct udp_sockets sockets = { 0 };

	udp_count(text, &sockets);
	const uint64_t values[] = { sockets.listen, sockets.dropped, sockets.rx_queued,
				    sockets.tx_queued };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		family_add_integer(snapshot, family, workload, &names[i], values[i]);
}

static int collect(struct state *state, struct collection *collection, struct family families[],
		   const char *const files[2],
		   void (*add)(struct snapshot *, struct family *, const struct workload *,
			       const char *))
{
	struct snapshot *snapshot = collection->snapshot;
	struct netns_map map;
	int err = netns_resolve(state->cache, collection, &map);

	if (err < 0)
		return err;
	for (size_t i = 0; i < map.n; i++) {
		if (!map.items[i].owner)
			continue;
		if (collection_expired(collection))
			return -ETIME;
		for (size_t v = V4; v <= V6; v++) {
			err = netns_read(state->cache, &map.items[i], files[v], FILE_MAX,
					 &state->text);
			state->skipped += err == -EFBIG;
			if (err == 0)
				add(snapshot, &families[v], map.items[i].owner, state->text.data);
		}
	}
	family_add_integer(snapshot, &families[SKIPPED], NULL, NULL, state->skipped);
	/* A flood of sockets is not to be paid for with memory ever after. */
	buffer_free(&state->text);
	return 0;
}

static int tcp_collect(void *state, struct collection *collection, struct family families[])
{
	static const char *const files[] = { "net/tcp", "net/tcp6" };

	return collect(state, collection, families, files, add_tcp);
}

static int udp_collect(void *state, struct collection *collection, struct family families[])
{
	static const char *const files[] = { "net/udp", "net/udp6" };

	return collect(state, collection, families, files, add_udp);
}

const struct source source_tcp = {
	.name = "tcp",
	.help = "TCP sockets of network namespaces by state, from /proc/PID/net/tcp and tcp6",
	.optional = true,
	.metrics = tcp_metrics,
	.n_metrics = ARRAY_SIZE(tcp_metrics),
	.open = sockets_open,
	.collect = tcp_collect,
	.close = sockets_close,
};

const struct source source_udp = {
	.name = "udp",
	.help = "UDP sockets of network namespaces, from /proc/PID/net/udp and udp6",
	.optional = true,
	.metrics = udp_metrics,
	.n_metrics = ARRAY_SIZE(udp_metrics),
	.open = sockets_open,
	.collect = udp_collect,
	.close = sockets_close,
};
