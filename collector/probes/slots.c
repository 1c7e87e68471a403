/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/slots.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/workloads/containers.h"
#include "collector/memory.h"
#include "collector/probes/attachment.h"
#include "collector/snapshot.h"

/* Block requests complete, and tasks switch out a last time, when their cgroup is gone already. */
static const uint64_t quarantine_ns = UINT64_C(10) * 1000 * 1000 * 1000;

enum { SLOTS, SLOT_OWNERS, FREE_SLOTS, N_MAPS };

static const char *const names[N_MAPS] = {
	[SLOTS] = "slots",
	[SLOT_OWNERS] = "slot_owners",
	[FREE_SLOTS] = "free_slots",
};

struct slot {
	const struct workload *workload; /* of the snapshot being built */
	uint64_t heir;			 /* cgroup id of that workload when last seen */
	uint64_t gone_since_ns;		 /* 0: its cgroup is there */
	bool known, retires;
};

struct slots {
	int fds[N_MAPS];
	uint32_t n, used;
	struct wire_slot *owners; /* mapped; the programs write them */
	size_t owners_size;
	uint64_t memory;
	struct slot *slots;
	const struct hierarchy *hierarchy; /* of the last update */
};

static int make_maps(struct slots *slots)
{
	LIBBPF_OPTS(bpf_map_create_opts, mapped, .map_flags = BPF_F_MMAPABLE);
	uint32_t n = slots->n;

	slots->fds[SLOTS] = bpf_map_create(BPF_MAP_TYPE_HASH, names[SLOTS], sizeof(uint64_t),
					   sizeof(uint32_t), n, NULL);
	if (slots->fds[SLOTS] < 0)
		return -errno;
	slots->fds[SLOT_OWNERS] =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, names[SLOT_OWNERS], sizeof(uint32_t),
			       sizeof(struct wire_slot), n, &mapped);
	if (slots->fds[SLOT_OWNERS] < 0)
		return -errno;
	slots->fds[FREE_SLOTS] =
		bpf_map_create(BPF_MAP_TYPE_QUEUE, names[FREE_SLOTS], 0, sizeof(uint32_t), n, NULL);
	if (slots->fds[FREE_SLOTS] < 0)
		return -errno;
	for (uint32_t slot = 1; slot < n; slot++)
		if (bpf_map_update_elem(slots->fds[FREE_SLOTS], NULL, &slot, BPF_ANY) < 0)
			return -errno;
	return 0;
}

int slots_new(uint32_t n, struct slots **ret)
{
	struct slots *slots = xcalloc(1, sizeof(*slots));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	slots->n = n;
	slots->slots = xcalloc(n, sizeof(*slots->slots));
	for (int i = 0; i < N_MAPS; i++)
		slots->fds[i] = -1;
	int err = make_maps(slots);
	if (err < 0) {
		slots_free(slots);
		return err;
	}
	slots->owners_size = (n * sizeof(*slots->owners) + page - 1) & ~(page - 1);
	void *memory = mmap(NULL, slots->owners_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    slots->fds[SLOT_OWNERS], 0);
	if (memory == MAP_FAILED) {
		err = -errno;
		slots_free(slots);
		return err;
	}
	slots->owners = memory;
	for (int i = 0; i < N_MAPS; i++)
		slots->memory += map_bytes(slots->fds[i]);
	*ret = slots;
	return 0;
}

void slots_free(struct slots *slots)
{
	if (!slots)
		return;
	if (slots->owners)
		munmap(slots->owners, slots->owners_size);
	for (int i = 0; i < N_MAPS; i++)
		if (slots->fds[i] >= 0)
			close(slots->fds[i]);
	free(slots->slots);
	free(slots);
}

bool slots_shares(const char *name)
{
	for (int i = 0; i < N_MAPS; i++)
		if (streq(names[i], name))
			return true;
	return false;
}

int slots_map(const struct slots *slots, const char *name)
{
	for (int i = 0; i < N_MAPS; i++)
		if (streq(names[i], name))
			return slots->fds[i];
	return -ENOENT;
}

uint32_t slots_number(const struct slots *slots)
{
	return slots->n;
}

uint64_t slots_memory(const struct slots *slots)
{
	return slots->memory;
}

uint32_t slots_used(const struct slots *slots)
{
	return slots->used;
}

const struct workload *slots_workload(const struct slots *slots, uint32_t slot)
{
	return slot < slots->n ? slots->slots[slot].workload : NULL;
}

bool slots_look_up(const struct slots *slots, uint64_t heir, const struct workload **ret_workload)
{
	const struct group *group =
		slots->hierarchy ? hierarchy_find(slots->hierarchy, heir) : NULL;

	*ret_workload = group ? group->workload : NULL;
	return group;
}

const struct workload *slots_heir(const struct slots *slots, uint64_t heir)
{
	const struct workload *workload;

	(void)slots_look_up(slots, heir, &workload);
	return workload;
}

bool slots_heir_is_alive(const struct slots *slots, uint64_t heir)
{
	const struct workload *workload;

	return slots_look_up(slots, heir, &workload);
}

uint64_t slots_heir_id(const struct slots *slots, uint32_t slot)
{
	return slot < slots->n ? slots->slots[slot].heir : 0;
}

bool slots_is_known(const struct slots *slots, uint32_t slot)
{
	return slot < slots->n && slots->slots[slot].known;
}

bool slots_stands_for(const struct slots *slots, uint32_t slot, uint64_t cgroup)
{
	return slot < slots->n && slots->owners[slot].id == cgroup;
}

bool slots_retires(const struct slots *slots, uint32_t slot)
{
	return slot < slots->n && slots->slots[slot].retires;
}

/* What happens inside a container belongs to it. */
static const struct group *workload_group(const struct group *group)
{
	while (group->inside && !group->workload && group->parent)
		group = group->parent;
	return group;
}

/*
 * A cgroup that was never listed lived for a moment only. Its counts belong to a container that it was
 * a part of; what was a workload of its own is gone with its numbers.
 */
static const struct group *find_heir(const struct hierarchy *hierarchy,
				     const struct wire_slot *owner)
{
	for (int i = 0; i < WIRE_LEVELS && owner->ancestors[i]; i++) {
		const struct group *group = hierarchy_find(hierarchy, owner->ancestors[i]);

		if (group)
			return group_is_last(group) ? workload_group(group) : NULL;
	}
	return NULL;
}

static void update_slot(struct slot *slot, const struct hierarchy *hierarchy,
			const struct wire_slot *owner, uint64_t now_ns)
{
	const struct group *group = hierarchy_find(hierarchy, owner->id);

	slot->gone_since_ns = group ? 0 : slot->gone_since_ns ? slot->gone_since_ns : now_ns;
	group = group ? workload_group(group) : find_heir(hierarchy, owner);
	slot->workload = group ? group->workload : NULL;
	slot->heir = group ? group->id : 0;
	slot->known = true;
}

static void give_back(struct slots *slots, uint32_t number)
{
	struct wire_slot *owner = &slots->owners[number];

	(void)bpf_map_delete_elem(slots->fds[SLOTS], &owner->id);
	memset(owner, 0, sizeof(*owner));
	slots->slots[number] = (struct slot){ 0 };
	(void)bpf_map_update_elem(slots->fds[FREE_SLOTS], NULL, &number, BPF_ANY);
}

void slots_update(struct slots *slots, const struct hierarchy *hierarchy, slots_retire *retire,
		  void *context)
{
	uint64_t now_ns = clock_monotonic_ns();
	uint32_t n_retire = 0;

	slots->hierarchy = hierarchy;
	slots->used = 0;
	for (uint32_t i = 1; i < slots->n; i++) {
		struct slot *slot = &slots->slots[i];

		/* The id is written last, so the ancestors are there with it. */
		if (!__atomic_load_n(&slots->owners[i].id, __ATOMIC_ACQUIRE))
			continue;
		slots->used++;
		update_slot(slot, hierarchy, &slots->owners[i], now_ns);
		slot->retires =
			slot->gone_since_ns && now_ns - slot->gone_since_ns >= quarantine_ns;
		n_retire += slot->retires;
	}
	if (!n_retire)
		return;
	retire(context);
	for (uint32_t i = 1; i < slots->n; i++)
		if (slots->slots[i].retires)
			give_back(slots, i);
	slots->used -= n_retire;
}
