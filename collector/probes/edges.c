/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/edges.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "bpf/wire_connections.h"
#include "collector/memory.h"
#include "collector/probes/pairs.h"
#include "collector/probes/slots.h"
#include "collector/snapshot.h"

/* Who is at the other end. */
struct peer_key {
	uint64_t id;	  /* of a workload's cgroup; 0: outside */
	uint64_t outside; /* as in a pair */
};

struct peer {
	struct peer_key key;
	uint64_t values[WIRE_EDGE_KEYS];
	UT_hash_handle hh;
};

/* The workload whose edges they are. */
struct end {
	uint64_t id;
	struct peer *peers;
	unsigned n_places; /* that are taken */
	uint64_t others[WIRE_EDGE_KEYS];
	int64_t left_open; /* of peers that are gone: their closes come to the rest */
	UT_hash_handle hh;
};

struct edges {
	const struct slots *slots;
	unsigned places;
	struct end *ends;
	uint64_t without_place;
};

struct edges *edges_new(const struct slots *slots, unsigned places)
{
	struct edges *edges = xcalloc(1, sizeof(*edges));

	edges->slots = slots;
	edges->places = places;
	return edges;
}

static void peer_free(struct end *end, struct peer *peer)
{
	end->n_places -= peer->key.id != 0;
	HASH_DELETE(hh, end->peers, peer);
	free(peer);
}

static void end_free(struct edges *edges, struct end *end)
{
	struct peer *peer, *next;

	HASH_ITER(hh, end->peers, peer, next) {
		peer_free(end, peer);
	}
	HASH_DELETE(hh, edges->ends, end);
	free(end);
}

void edges_free(struct edges *edges)
{
	struct end *end, *next;

	if (!edges)
		return;
	HASH_ITER(hh, edges->ends, end, next) {
		end_free(edges, end);
	}
	free(edges);
}

static struct end *find_end(struct edges *edges, uint64_t id)
{
	struct end *end;

	HASH_FIND(hh, edges->ends, &id, sizeof(id), end);
	if (end)
		return end;
	end = xcalloc(1, sizeof(*end));
	end->id = id;
	HASH_ADD(hh, edges->ends, id, sizeof(id), end);
	return end;
}

/* NULL: all places are taken. */
static struct peer *find_peer(const struct edges *edges, struct end *end, struct peer_key key)
{
	struct peer *peer;

	HASH_FIND(hh, end->peers, &key, sizeof(key), peer);
	if (peer || (key.id && end->n_places == edges->places))
		return peer;
	peer = xcalloc(1, sizeof(*peer));
	peer->key = key;
	end->n_places += key.id != 0;
	HASH_ADD(hh, end->peers, key, sizeof(key), peer);
	return peer;
}

static void add(uint64_t sums[WIRE_EDGE_KEYS], const uint64_t more[WIRE_EDGE_KEYS])
{
	for (unsigned key = 0; key < WIRE_EDGE_KEYS; key++)
		sums[key] += more[key];
}

static uint64_t *sums_of(struct edges *edges, struct end *end, uint32_t other,
			 const uint64_t more[])
{
	const bool outside = other & WIRE_OUTSIDE;
	const struct peer_key key = {
		.id = outside ? 0 : slots_heir_id(edges->slots, other),
		.outside = outside ? other : 0,
	};
	struct peer *peer;

	if (outside ? other == WIRE_OUTSIDE : !slots_heir(edges->slots, key.id))
		return end->others;
	peer = find_peer(edges, end, key);
	if (peer)
		return peer->values;
	edges->without_place += more[WIRE_EDGE_CONNECTED] + more[WIRE_EDGE_FAILED];
	return end->others;
}

/* What was connected with a workload that is gone already, or not exported, is told in the rest. */
static bool take(void *context, uint32_t slot, uint32_t other, const uint64_t more[])
{
	struct edges *edges = context;
	uint64_t id = slots_heir_id(edges->slots, slot);

	if (!id || (!(other & WIRE_OUTSIDE) && !slots_is_known(edges->slots, other)))
		return false;
	struct end *end = find_end(edges, id);

	add(sums_of(edges, end, other, more), more);
	return true;
}

/* Below 0 where closes come here of connections that were told in the rest when they were made. */
static int64_t open_of(const uint64_t sums[WIRE_EDGE_KEYS])
{
	return (int64_t)(sums[WIRE_EDGE_CONNECTED] - sums[WIRE_EDGE_CLOSED]);
}

/*
 * What a peer has had goes with its series, also when it is alive but not exported any more: in the rest it
 * would be told a second time, and all at once. Only what is open goes there.
 */
static void drop_gone(struct edges *edges)
{
	struct end *end, *next_end;

	HASH_ITER(hh, edges->ends, end, next_end) {
		struct peer *peer, *next;

		if (!slots_heir_is_alive(edges->slots, end->id)) {
			end_free(edges, end);
			continue;
		}
		HASH_ITER(hh, end->peers, peer, next) {
			if (!peer->key.id || slots_heir(edges->slots, peer->key.id))
				continue;
			end->left_open += open_of(peer->values);
			peer_free(end, peer);
		}
	}
}

void edges_update(struct edges *edges, struct pairs *pairs)
{
	drop_gone(edges);
	pairs_read(pairs, take, edges);
}

void edges_retire(struct edges *edges, struct pairs *pairs)
{
	pairs_retire(pairs, take, edges);
}

uint64_t edges_without_place(const struct edges *edges)
{
	return edges->without_place;
}

void edges_of(const struct edges *edges, const struct workload *workload, edge_visit *visit,
	      void *context)
{
	static const uint64_t nothing[WIRE_EDGE_KEYS];
	const struct end *end;
	int64_t others_open;

	HASH_FIND(hh, edges->ends, &workload->id, sizeof(workload->id), end);
	if (!end)
		return;
	others_open = end->left_open + open_of(end->others);
	for (const struct peer *peer = end->peers; peer; peer = peer->hh.next) {
		int64_t open = open_of(peer->values);
		struct edge edge = {
			.peer = peer->key.id ? slots_heir(edges->slots, peer->key.id) : NULL,
			.group = (uint32_t)peer->key.outside & WIRE_GROUP,
			.inbound = peer->key.outside & WIRE_INBOUND,
			.open = open > 0 ? (uint64_t)open : 0,
			.values = peer->values,
		};

		if (open < 0)
			others_open += open;
		visit(context, &edge);
	}
	if (others_open < 0)
		others_open = 0;
	if (others_open || memcmp(end->others, nothing, sizeof(nothing)) != 0)
		visit(context,
		      &(struct edge){ .open = (uint64_t)others_open, .values = end->others });
}
