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

struct pairs_size {
	uint32_t keys;	 /* sums of one pair */
	uint32_t wanted; /* pairs, at most; fewer when they do not fit */
	uint64_t memory; /* bytes of kernel memory, at most */
	bool interrupts; /* the programs may be interrupted by each other */
};

/* Fills the constants and sizes the maps of an object that is not loaded yet. -errno. */
int pairs_prepare(const struct probe_setup *setup, struct bpf_object *object,
		  const struct pairs_size *size, struct pairs **ret);
/* The constants of another object that is not loaded yet, and whose maps will be the same. -errno. */
int pairs_lend(const struct pairs *pairs, struct bpf_object *object);
/* After it has been loaded. -errno. */
int pairs_start(struct pairs *pairs, struct bpf_object *object);
/* Accepts NULL. */
void pairs_free(struct pairs *pairs);

/*
 * What was added for a pair of slots since the last visit that took it, by key. False: it is kept for
 * later.
 */
typedef bool pair_visit(void *context, uint32_t slot, uint32_t other, const uint64_t more[]);
/* Visits all pairs with something new. */
void pairs_read(struct pairs *pairs, pair_visit *visit, void *context);
/* Visits the pairs of slots that retire a last time and gives them back; see struct probe. */
void pairs_retire(struct pairs *pairs, pair_visit *visit, void *context);
