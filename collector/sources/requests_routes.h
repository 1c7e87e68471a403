/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of HTTP, whose numbers bpf/routes.h gives. For requests.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bpf/wire_routes.h"

struct arena;
struct bpf_object;
struct slots;

struct request_routes {
	const struct slots *slots;
	uint64_t each;		  /* that one cgroup may name; 0: nobody wants any */
	struct wire_route *texts; /* by number; mapped, as are these */
	uint64_t *named;	  /* by slot */
	size_t texts_size, named_size;
};

/* Sets sizes and constants of an object that is not loaded yet. -errno. */
int request_routes_prepare(struct request_routes *routes, struct bpf_object *object);
/* After it has been loaded. -errno. */
int request_routes_start(struct request_routes *routes, const struct bpf_object *object);
/* See struct probe: who has the slot next may name as many. */
void request_routes_retire(struct request_routes *routes);
void request_routes_close(struct request_routes *routes);
/* Bytes of kernel memory that they take. */
uint64_t request_routes_memory(const struct request_routes *routes);
/* "" for none, "_OTHER" for those without a number. */
const char *request_route_name(const struct request_routes *routes, struct arena *arena,
			       unsigned number);
