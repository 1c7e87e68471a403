/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/pairs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "collector/memory.h"
#include "collector/probes/attachment.h"
#include "collector/probes/probe.h"
#include "collector/probes/slots.h"

/* A preallocated element of a hash and its places elsewhere, beside the sums. */
enum { SHARDS_MAX = 8, PAIR_BYTES = 88, PAIRS_MIN = 64 };

struct pairs {
	const struct slots *slots;
	uint32_t n, shards; /* n: in one shard; 0 is none */
	uint32_t keys;
	int numbers_fd, free_fd;
	bool shared;		 /* several may count in one shard at once */
	uint64_t *owners, *sums; /* mapped */
	size_t owners_size, sums_size;
	uint64_t *taken; /* of each sum, by the visits */
	uint64_t *more;	 /* of one pair */
};

static void fit(struct pairs *p, const struct pairs_size *size, unsigned n_cpus)
{
	uint64_t sums = sizeof(uint64_t) * size->keys;

	p->n = size->wanted + 1;
	p->shards = 1;
	while (p->shards * 2 <= n_cpus && p->shards < SHARDS_MAX)
		p->shards *= 2;
	while (p->shards > 1 && (PAIR_BYTES + sums * p->shards) * p->n > size->memory)
		p->shards /= 2;
	if ((PAIR_BYTES + sums * p->shards) * p->n > size->memory)
		p->n = (uint32_t)(size->memory / (PAIR_BYTES + sums * p->shards));
	if (p->n < PAIRS_MIN)
		p->n = PAIRS_MIN;
}

int pairs_lend(const struct pairs *p, struct bpf_object *object)
{
	const bool shared = p->shared;
	const uint32_t mask = p->shards - 1;
	int err = object_set_constant(object, "n_pairs", &p->n, sizeof(p->n));

	err = err ? err : object_set_constant(object, "n_pair_keys", &p->keys, sizeof(p->keys));
	err = err ? err : object_set_constant(object, "pair_shard_mask", &mask, sizeof(mask));
	return err ? err : object_set_constant(object, "pairs_shared", &shared, sizeof(shared));
}

static int set_sizes(const struct pairs *p, struct bpf_object *object)
{
	int err = bpf_map__set_max_entries(object_map(object, "pair_numbers"), p->n);

	err = err ? err : bpf_map__set_max_entries(object_map(object, "pair_owners"), p->n);
	err = err ? err : bpf_map__set_max_entries(object_map(object, "free_pairs"), p->n);
	return err ? err
		   : bpf_map__set_max_entries(object_map(object, "pair_sums"),
					      p->n * p->shards * p->keys);
}

int pairs_prepare(const struct probe_setup *setup, struct bpf_object *object,
		  const struct pairs_size *size, struct pairs **ret)
{
	struct pairs *p = xcalloc(1, sizeof(*p));

	p->slots = setup->slots;
	p->keys = size->keys;
	fit(p, size, setup->n_cpus);
	p->shared = size->interrupts || p->shards < setup->n_cpus;
	int err = pairs_lend(p, object);
	err = err ? err : set_sizes(p, object);
	if (err < 0) {
		free(p);
		return err;
	}
	p->taken = xcalloc((size_t)p->n * p->keys, sizeof(*p->taken));
	p->more = xcalloc(p->keys, sizeof(*p->more));
	*ret = p;
	return 0;
}

int pairs_start(struct pairs *p, struct bpf_object *object)
{
	p->owners = map_memory(object_map(object, "pair_owners"), &p->owners_size);
	if (!p->owners)
		return -errno;
	p->sums = map_memory(object_map(object, "pair_sums"), &p->sums_size);
	if (!p->sums)
		return -errno;
	p->numbers_fd = bpf_map__fd(object_map(object, "pair_numbers"));
	p->free_fd = bpf_map__fd(object_map(object, "free_pairs"));
	for (uint32_t number = 1; number < p->n; number++)
		if (bpf_map_update_elem(p->free_fd, NULL, &number, BPF_ANY) < 0)
			return -errno;
	return 0;
}

void pairs_free(struct pairs *p)
{
	if (!p)
		return;
	if (p->owners)
		munmap(p->owners, p->owners_size);
	if (p->sums)
		munmap(p->sums, p->sums_size);
	free(p->taken);
	free(p->more);
	free(p);
}

static uint64_t *sums_of(const struct pairs *p, uint32_t shard, uint32_t number)
{
	return p->sums + ((size_t)shard * p->n + number) * p->keys;
}

static void visit_one(struct pairs *p, uint32_t number, uint64_t owner, pair_visit *visit,
		      void *context)
{
	uint64_t *taken = p->taken + (size_t)number * p->keys, any = 0;

	for (uint32_t key = 0; key < p->keys; key++) {
		p->more[key] = -taken[key];
		for (uint32_t shard = 0; shard < p->shards; shard++)
			p->more[key] +=
				__atomic_load_n(&sums_of(p, shard, number)[key], __ATOMIC_RELAXED);
		any |= p->more[key];
	}
	if (!any || !visit(context, (uint32_t)(owner >> 32), (uint32_t)owner, p->more))
		return;
	for (uint32_t key = 0; key < p->keys; key++)
		taken[key] += p->more[key];
}

void pairs_read(struct pairs *p, pair_visit *visit, void *context)
{
	for (uint32_t number = 1; number < p->n; number++) {
		uint64_t owner = __atomic_load_n(&p->owners[number], __ATOMIC_ACQUIRE);

		if (owner)
			visit_one(p, number, owner, visit, context);
	}
}

static void give_back(struct pairs *p, uint32_t number)
{
	(void)bpf_map_delete_elem(p->numbers_fd, &p->owners[number]);
	p->owners[number] = 0;
	memset(p->taken + (size_t)number * p->keys, 0, p->keys * sizeof(*p->taken));
	for (uint32_t shard = 0; shard < p->shards; shard++)
		memset(sums_of(p, shard, number), 0, p->keys * sizeof(*p->sums));
	(void)bpf_map_update_elem(p->free_fd, NULL, &number, BPF_ANY);
}

void pairs_retire(struct pairs *p, pair_visit *visit, void *context)
{
	for (uint32_t number = 1; number < p->n; number++) {
		uint64_t owner = p->owners[number];

		if (!owner || (!slots_retires(p->slots, (uint32_t)(owner >> 32)) &&
			       !slots_retires(p->slots, (uint32_t)owner)))
			continue;
		visit_one(p, number, owner, visit, context);
		give_back(p, number);
	}
}
