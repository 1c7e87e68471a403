/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sources/requests_routes.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/wire_request_keys.h"
#include "collector/arena.h"
#include "collector/memory.h"
#include "collector/probes/attachment.h"
#include "collector/probes/slots.h"

/* What the kernel adds to an entry of a hash, and methods and statuses of one route. */
enum { ENTRY_OVERHEAD = 96, PAIRS_OF_ROUTE = 4 };

int request_routes_prepare(struct request_routes *routes, struct bpf_object *object)
{
	const uint32_t pairs = WIRE_REQUEST_PAIRS + PAIRS_OF_ROUTE * (uint32_t)routes->each;
	const bool wanted = true;

	if (!routes->each)
		return 0;
	int err = object_set_constant(object, "routes_wanted", &wanted, sizeof(wanted));
	err = err ? err
		  : object_set_constant(object, "routes_each", &routes->each, sizeof(routes->each));
	err = err ? err : object_set_constant(object, "http_pairs", &pairs, sizeof(pairs));
	err = err ? err : bpf_map__set_max_entries(object_map(object, "routes"), ROUTES_MAX);
	err = err ? err : bpf_map__set_max_entries(object_map(object, "route_texts"), ROUTES_MAX);
	return err ? err
		   : bpf_map__set_max_entries(object_map(object, "routes_named"),
					      slots_number(routes->slots));
}

int request_routes_start(struct request_routes *routes, const struct bpf_object *object)
{
	if (!routes->each)
		return 0;
	routes->texts = map_memory(object_map(object, "route_texts"), &routes->texts_size);
	if (!routes->texts)
		return -errno;
	routes->named = map_memory(object_map(object, "routes_named"), &routes->named_size);
	return routes->named ? 0 : -errno;
}

void request_routes_retire(struct request_routes *routes)
{
	for (uint32_t slot = 0; routes->named && slot < slots_number(routes->slots); slot++)
		if (slots_retires(routes->slots, slot))
			routes->named[slot] = 0;
}

void request_routes_close(struct request_routes *routes)
{
	if (routes->texts)
		munmap(routes->texts, routes->texts_size);
	if (routes->named)
		munmap(routes->named, routes->named_size);
}

uint64_t request_routes_memory(const struct request_routes *routes)
{
	const uint64_t each = 2 * sizeof(struct wire_route) + sizeof(uint32_t) + ENTRY_OVERHEAD;

	return routes->each ? ROUTES_MAX * each + slots_number(routes->slots) * sizeof(uint64_t)
			    : 0;
}

const char *request_route_name(const struct request_routes *routes, struct arena *arena,
			       unsigned number)
{
	char text[ROUTE_BYTES + 1] = "";

	if (number == ROUTE_NONE || !routes->texts)
		return "";
	if (number < ROUTE_FIRST || number >= ROUTES_MAX)
		return "_OTHER";
	memcpy(text, &routes->texts[number], ROUTE_BYTES);
	return arena_strdup(arena, text);
}
