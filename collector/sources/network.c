/* SPDX-License-Identifier: Apache-2.0 */
/* Interface counters, once per network namespace: <procfs>/PID/net/dev, proc_pid_net(5). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/procfs/net_dev.h"
#include "collector/procfs/netns.h"
#include "collector/source.h"
#include "collector/utf8.h"

enum {
	RECEIVE_BYTES,
	RECEIVE_ERRORS,
	RECEIVE_DROPPED,
	RECEIVE_PACKETS,
	TRANSMIT_BYTES,
	TRANSMIT_ERRORS,
	TRANSMIT_DROPPED,
	TRANSMIT_PACKETS,
	NAMESPACE_INFO,
	INTERFACES_DROPPED,
};

enum {
	INTERFACES_MAX = 64, /* per namespace; whoever is root in one may make thousands */
	NET_DEV_MAX = 4 * 1024 * 1024, /* bytes of one net/dev: about 30,000 interfaces */
	NAME_MAX_BYTES = 64,	       /* IFNAMSIZ is 16, a broken byte becomes three */
};

static const struct metric metrics[] = {
	[RECEIVE_BYTES] = {
		.name = "container_network_receive_bytes_total",
		.help = "Bytes received, from net/dev of the network namespace's owner.",
		.unit = "bytes",
		.labels = { "interface" },
		.type = METRIC_COUNTER,
	},
	[RECEIVE_ERRORS] = {
		.name = "container_network_receive_errors_total",
		.help = "Errors while receiving, from net/dev.",
		.labels = { "interface" },
		.type = METRIC_COUNTER,
	},
	[RECEIVE_DROPPED] = {
		.name = "container_network_receive_packets_dropped_total",
		.help = "Packets dropped while receiving, from net/dev.",
		.labels = { "interface" },
		.type = METRIC_COUNTER,
	},
	[RECEIVE_PACKETS] = {
		.name = "container_network_receive_packets_total",
		.help = "Packets received, from net/dev.",
		.labels = { "interface" },
		.type = METRIC_COUNTER,
	},
	[TRANSMIT_BYTES] = {
		.name = "container_network_transmit_bytes_total",
		.help = "Bytes transmitted, from net/dev of the network namespace's owner.",
		.unit = "bytes",
		.labels = { "interface" },
		.type = METRIC_COUNTER,
	},
	[TRANSMIT_ERRORS] = {
		.name = "container_network_transmit_errors_total",
		.help = "Errors while transmitting, from net/dev.",
		.labels = { "interface" },
		.type = METRIC_COUNTER,
	},
	[TRANSMIT_DROPPED] = {
		.name = "container_network_transmit_packets_dropped_total",
		.help = "Packets dropped while transmitting, from net/dev.",
		.labels = { "interface" },
		.type = METRIC_COUNTER,
	},
	[TRANSMIT_PACKETS] = {
		.name = "container_network_transmit_packets_total",
		.help = "Packets transmitted, from net/dev.",
		.labels = { "interface" },
		.type = METRIC_COUNTER,
	},
	[NAMESPACE_INFO] = {
		.name = "container_network_namespace_info",
		.help = "The network namespace that a workload's first process lives in, whose row (label "
			"id) carries its counters, and whether it is the host's: those who share the "
			"host's network have no counters of their own.",
		.labels = { "netns", "owner", "host" },
		.type = METRIC_INFO,
	},
	[INTERFACES_DROPPED] = {
		.name = "tallyman_network_interfaces_dropped_total",
		.help = "Interfaces left out of a scrape: more than 64 in one namespace, or two whose "
			"names are the same once made valid UTF-8.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
};

struct state {
	struct netns_cache *cache;
	struct buffer text;
	uint64_t dropped;
};

static int network_open(const struct options *options, void **ret_state, const char **ret_reason)
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

static void network_close(void *opened)
{
	struct state *state = opened;

	netns_close(state->cache);
	buffer_free(&state->text);
	free(state);
}

/* The host's own ends of its guests' interfaces and their bridges: the same bytes once more. */
static bool is_ignored(const struct net_dev *dev, bool host)
{
	static const char *const prefixes[] = { "veth",	  "docker", "nerdctl", "br-",	"cni",
						"podman", "cali",   "lxc",     "virbr", "vnet" };

	if (dev->name_length == 2 && memcmp(dev->name, "lo", 2) == 0)
		return true;
	for (size_t i = 0; host && i < ARRAY_SIZE(prefixes); i++) {
		size_t length = strlen(prefixes[i]);

		if (dev->name_length >= length && memcmp(dev->name, prefixes[i], length) == 0)
			return true;
	}
	return false;
}

/* Names are unique in a namespace, but not always once their bytes are made fit for a label. */
static bool is_taken(const char *const *const *labels, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(labels[i][0], name))
			return true;
	return false;
}

static void add_netns(struct state *state, struct snapshot *snapshot, struct family families[],
		      const struct netns *netns)
{
	const char *const *labels[INTERFACES_MAX];
	const char *at = state->text.data;
	struct net_dev dev;
	size_t n = 0;

	while (net_dev_next(&at, &dev)) {
		if (is_ignored(&dev, netns->host))
			continue;
		cleanup_free char *clean =
			utf8_clean(dev.name, dev.name_length, NAME_MAX_BYTES, NULL);
		if (n == INTERFACES_MAX || is_taken(labels, n, clean)) {
			state->dropped++;
			continue;
		}
		const char *name = arena_strdup(&snapshot->arena, clean);
		labels[n] = snapshot_labels(snapshot, 1, &name);
		for (size_t i = 0; i < NET_DEV_VALUES; i++)
			family_add_integer(snapshot, &families[i], netns->owner, labels[n],
					   dev.values[i]);
		n++;
	}
}

static void add_info(struct snapshot *snapshot, struct family *family,
		     const struct netns_member *member)
{
	char inode[24];

	snprintf(inode, sizeof(inode), "%" PRIu64, member->netns->inode);
	const char *const values[] = {
		arena_strdup(&snapshot->arena, inode),
		member->netns->owner ? member->netns->owner->path : "/",
		member->netns->host ? "true" : "false",
	};
	family_add_integer(snapshot, family, member->workload,
			   snapshot_labels(snapshot, ARRAY_SIZE(values), values), 1);
}

static int network_collect(void *opened, struct collection *collection, struct family families[])
{
	struct snapshot *snapshot = collection->snapshot;
	struct state *state = opened;
	struct netns_map map;
	int err = netns_resolve(state->cache, collection, &map);

	if (err < 0)
		return err;
	for (size_t i = 0; i < map.n; i++) {
		if (i % COLLECTION_STRIDE == 0 && collection_expired(collection))
			return -ETIME;
		if (!map.items[i].owner)
			continue;
		err = netns_read(state->cache, &map.items[i], "net/dev", NET_DEV_MAX, &state->text);
		if (err == 0)
			add_netns(state, snapshot, families, &map.items[i]);
	}
	for (size_t i = 0; i < map.n_members; i++)
		add_info(snapshot, &families[NAMESPACE_INFO], &map.members[i]);
	family_add_integer(snapshot, &families[INTERFACES_DROPPED], NULL, NULL, state->dropped);
	return 0;
}

const struct source source_network = {
	.name = "network",
	.help = "interface counters of network namespaces, from /proc/PID/net/dev",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = network_open,
	.collect = network_collect,
	.close = network_close,
};
