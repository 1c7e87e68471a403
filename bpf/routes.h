/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers of routes, given on first sight: one for each text, whoever answers it, so that it means the same in
 * all histograms. None is ever given back, so a cgroup may name so many new ones and no more; what it asks for
 * beyond is another's. Paths stay here. For requests.bpf.c alone.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "bpf/protocols/route.h"
#include "bpf/wire_routes.h"

const volatile bool routes_wanted;
const volatile __u64 routes_each; /* that one cgroup may name */

volatile __u32 routes_made;
volatile __u64 routes_lost; /* requests whose route has no number */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct wire_route);
	__type(value, __u32);
} routes SEC(".maps");

/* [number] */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_route);
} route_texts SEC(".maps");

/* [slot]: how many it has named. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} routes_named SEC(".maps");

/* What the parser of HTTP is not told: whose request it looks at. */
struct route_work {
	struct route_scan scan;
	__u32 slot; /* 0: nobody's that wants to know */
	__u32 spare;
};

/* [CPU]: as the scratches of requests.bpf.c. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct route_work);
} route_works SEC(".maps");

/* Before a parser looks. */
static __always_inline void route_expect(__u32 slot)
{
	__u32 zero = 0;
	struct route_work *work = routes_wanted ? bpf_map_lookup_elem(&route_works, &zero) : 0;

	if (work)
		work->slot = slot;
}

/* Two CPUs may come here at once: the number of one of them is never used. */
static __noinline __u32 route_new(const struct route_work *work)
{
	__u32 slot = work->slot, number, *winner;
	__u64 *named = bpf_map_lookup_elem(&routes_named, &slot);

	if (named && *named < routes_each && routes_made < ROUTES_MAX - ROUTE_FIRST) {
		number = __sync_fetch_and_add(&routes_made, 1) + ROUTE_FIRST;
		if (bpf_map_update_elem(&route_texts, &number, &work->scan.route, BPF_ANY) == 0 &&
		    bpf_map_update_elem(&routes, &work->scan.route, &number, BPF_NOEXIST) == 0) {
			__sync_fetch_and_add(named, 1);
			return number;
		}
		winner = bpf_map_lookup_elem(&routes, &work->scan.route);
		if (winner)
			return *winner;
	}
	__sync_fetch_and_add(&routes_lost, 1);
	return ROUTE_OTHER;
}

PROTOCOL_INLINE __u32 http1_route(const struct protocol_window *window, __u32 at)
{
	__u32 zero = 0, *number;
	struct route_work *work = bpf_map_lookup_elem(&route_works, &zero);

	if (!work || !work->slot)
		return ROUTE_NONE;
	if (!route_of(window, at, &work->scan))
		return ROUTE_OTHER;
	number = bpf_map_lookup_elem(&routes, &work->scan.route);
	return number ? *number : route_new(work);
}
