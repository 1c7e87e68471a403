/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's side of bpf/pairs.h: sums per pair of slots, handed out as what was added since they
 * were read last. Owned by its probe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bpf_object;
struct pairs;
struct probe_setup;

/*
 * Fills the constants and sizes the maps of an object that is not loaded yet, for at most `wanted`
 * pairs, fewer when they do not fit in `memory` bytes. -errno.
 */
int pairs_prepare(const struct probe_setup *setup, struct bpf_object *object, uint32_t wanted,
		  uint64_t memory, struct pairs **ret);
/* After it has been loaded. -errno. */
int pairs_start(struct pairs *pairs, struct bpf_object *object);
/* Accepts NULL. */
void pairs_free(struct pairs *pairs);

/* What was added for a pair of slots since the last visit that took it. False: it is kept for later. */
typedef bool pair_visit(void *context, uint32_t slot, uint32_t other, uint64_t more);
/* Visits all pairs with something new. */
void pairs_read(struct pairs *pairs, pair_visit *visit, void *context);
/* Visits the pairs of a slot a last time and gives them back; see struct probe. */
void pairs_retire(struct pairs *pairs, uint32_t slot, pair_visit *visit, void *context);
/* Pairs in use. */
uint32_t pairs_used(const struct pairs *pairs);
