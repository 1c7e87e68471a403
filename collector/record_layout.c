/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/record_layout.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "bpf/wire_records.h"
#include "collector/cleanup.h"
#include "collector/sources/cgroup_record.h"

/*
 * All that memory cgroups count as states, of whatever kernel. Up to Linux 6.9 a state's place is its number;
 * since then (ff48c71c26aa) those that are counted follow each other, in the order of their numbers. That there are
 * as many as the kernel has room for shows that none is missing here.
 */
static const char *const states[] = {
	"NR_INACTIVE_ANON",
	"NR_ACTIVE_ANON",
	"NR_INACTIVE_FILE",
	"NR_ACTIVE_FILE",
	"NR_UNEVICTABLE",
	"NR_SLAB_RECLAIMABLE_B",
	"NR_SLAB_UNRECLAIMABLE_B",
	"WORKINGSET_REFAULT_ANON",
	"WORKINGSET_REFAULT_FILE",
	"WORKINGSET_ACTIVATE_ANON",
	"WORKINGSET_ACTIVATE_FILE",
	"WORKINGSET_RESTORE_ANON",
	"WORKINGSET_RESTORE_FILE",
	"WORKINGSET_NODERECLAIM",
	"NR_ANON_MAPPED",
	"NR_FILE_MAPPED",
	"NR_FILE_PAGES",
	"NR_VMSCAN_WRITE", /* up to Linux 7.2 of nodes alone */
	"NR_FILE_DIRTY",
	"NR_WRITEBACK",
	"NR_SHMEM",
	"NR_SHMEM_THPS",
	"NR_FILE_THPS",
	"NR_ANON_THPS",
	"NR_VMALLOC",
	"NR_KERNEL_STACK_KB",
	"NR_PAGETABLE",
	"NR_SECONDARY_PAGETABLE",
	"NR_SWAPCACHE",
	"PGPROMOTE_SUCCESS",
	"PGDEMOTE_KSWAPD",
	"PGDEMOTE_DIRECT",
	"PGDEMOTE_KHUGEPAGED",
	"PGDEMOTE_PROACTIVE",
	"PGSTEAL_KSWAPD",
	"PGSTEAL_DIRECT",
	"PGSTEAL_KHUGEPAGED",
	"PGSTEAL_PROACTIVE",
	"PGSTEAL_ANON",
	"PGSTEAL_FILE",
	"PGSCAN_KSWAPD",
	"PGSCAN_DIRECT",
	"PGSCAN_KHUGEPAGED",
	"PGSCAN_PROACTIVE",
	"PGSCAN_ANON",
	"PGSCAN_FILE",
	"PGREFILL",
	"PGROTATE_ANON",
	"PGROTATE_FILE",
	"NR_HUGETLB",
	"MEMCG_SWAP",
	"MEMCG_SOCK",
	"MEMCG_PERCPU_B",
	"MEMCG_VMALLOC",
	"MEMCG_KMEM",
	"MEMCG_ZSWAP_B",
	"MEMCG_ZSWAPPED",
	"MEMCG_ZSWAP_INCOMP",
};

struct finder {
	const struct btf *kernel;
	const char *text;
	const char *events; /* the part of the text that has events, in the order of their places */
	unsigned n_events;
	int values[ARRAY_SIZE(states)]; /* -1: this kernel has none */
	bool direct;
	struct record_layout *layout;
};

/* The value of an enumerator of this enumeration; -1: it has none. */
static int value_of(const struct btf *kernel, int id, const char *name)
{
	const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, (uint32_t)id) : NULL;

	for (unsigned i = 0; type && i < btf_vlen(type); i++)
		if (streq(btf__name_by_offset(kernel, btf_enum(type)[i].name_off), name))
			return btf_enum(type)[i].val;
	return -1;
}

/* Whether a state that nodes have is counted of groups, too, which its name does not tell: of this one, since 7.3. */
static bool is_of_groups(const struct btf *kernel, int nodes, const char *name)
{
	return !streq(name, "NR_VMSCAN_WRITE") || value_of(kernel, nodes, "PGROTATE_ANON") >= 0;
}

/* How many elements an array in struct memcg_vmstats has; 0: there is none. */
static uint32_t length_of(const struct btf *kernel, const char *name)
{
	int id = btf__find_by_name_kind(kernel, "memcg_vmstats", BTF_KIND_STRUCT);
	const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, (uint32_t)id) : NULL;

	for (unsigned i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_member *member = btf_members(type) + i;

		if (!streq(btf__name_by_offset(kernel, member->name_off), name))
			continue;
		const struct btf_type *array = btf__type_by_id(kernel, member->type);
		return btf_is_array(array) ? btf_array(array)->nelems : 0;
	}
	return 0;
}

static bool find_states(struct finder *finder)
{
	int nodes = btf__find_by_name_kind(finder->kernel, "node_stat_item", BTF_KIND_ENUM);
	int own = btf__find_by_name_kind(finder->kernel, "memcg_stat_item", BTF_KIND_ENUM);
	unsigned n = 0;

	finder->direct =
		value_of(finder->kernel, own, "MEMCG_NR_STAT") == (int)finder->layout->n_states;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		finder->values[i] = -1;
		if (is_of_groups(finder->kernel, nodes, states[i]))
			finder->values[i] = value_of(finder->kernel, nodes, states[i]);
		if (finder->values[i] < 0)
			finder->values[i] = value_of(finder->kernel, own, states[i]);
		n += finder->values[i] >= 0;
	}
	return finder->direct || n == finder->layout->n_states;
}

static int place_of_state(const struct finder *finder, const char *name)
{
	int place = 0, value = -1;

	for (size_t i = 0; name && i < ARRAY_SIZE(states); i++)
		if (streq(states[i], name))
			value = finder->values[i];
	if (value < 0 && name && streq(name, "NR_VMALLOC")) /* before it was of nodes, too */
		return place_of_state(finder, "MEMCG_VMALLOC");
	if (finder->direct || value < 0)
		return value;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		place += finder->values[i] >= 0 && finder->values[i] < value;
	return place;
}

/* The number of the line with this key, from 0; -1: none has it. */
static int line_of(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (int n = 0; *text; n++) {
		const char *end = strchr(text, '\n');

		if (strncmp(text, key, length) == 0 && text[length] == ' ')
			return n;
		if (!end)
			break;
		text = end + 1;
	}
	return -1;
}

/* The events follow the sums of what was scanned and taken: memcg_stat_format(), mm/memcontrol.c. */
static bool find_events(struct finder *finder)
{
	const char *sum = strstr(finder->text, "\npgsteal ");

	finder->events = sum ? strchr(sum + 1, '\n') : NULL;
	if (!finder->events)
		return false;
	finder->events++;
	for (const char *p = finder->events; (p = strchr(p, '\n')); p++)
		finder->n_events++;
	/* Up to two more at the beginning are for cgroup v1 alone: pgpgin, pgpgout. */
	return finder->layout->n_counts == finder->n_events ||
	       finder->layout->n_counts == finder->n_events + 2;
}

/* -1: the file has such a line, and it is not known which number that is. */
static int find_place(struct finder *finder, const struct record_number *number)
{
	struct record_places *places = &finder->layout->numbers[number - record_numbers];
	int line = line_of(finder->events, number->key), place;

	if (line_of(finder->text, number->key) < 0)
		return 0;
	if (line >= 0)
		place = RECORD_STATES_MAX + line +
			(int)(finder->layout->n_counts - finder->n_events);
	else
		place = place_of_state(finder, number->state);
	if (place < 0)
		return -1;
	places->places[places->n++] = (uint8_t)place;
	return 0;
}

/* A sum is of all whose keys begin with its own. */
static int add_places(struct finder *finder, const struct record_number *sum)
{
	struct record_places *to = &finder->layout->numbers[sum - record_numbers];
	size_t length = strlen(sum->key);

	if (line_of(finder->text, sum->key) < 0)
		return 0;
	for (size_t i = 0; i < n_record_numbers; i++) {
		const struct record_number *number = &record_numbers[i];
		const struct record_places *from = &finder->layout->numbers[i];

		if (number->filled != RECORD_MEMORY_STAT || number->sum || !from->n ||
		    strncmp(number->key, sum->key, length) != 0 || number->key[length] != '_')
			continue;
		if (to->n == RECORD_PLACES_MAX)
			return -1;
		to->places[to->n++] = from->places[0];
	}
	return to->n ? 0 : -1;
}

void record_layout_find(const struct btf *kernel, const char *text, struct record_layout *ret)
{
	struct record_layout layout = { .n_states = length_of(kernel, "state"),
					.n_counts = length_of(kernel, "events") };
	struct finder finder = { .kernel = kernel, .text = text, .layout = &layout };

	*ret = (struct record_layout){ .n_states = 0 };
	if (!text || !layout.n_states || layout.n_states > RECORD_STATES_MAX ||
	    layout.n_counts > RECORD_COUNTS_MAX || !find_states(&finder) || !find_events(&finder))
		return;
	for (int sums = 0; sums < 2; sums++)
		for (size_t i = 0; i < n_record_numbers; i++) {
			const struct record_number *number = &record_numbers[i];

			if (number->filled != RECORD_MEMORY_STAT || number->sum != sums)
				continue;
			if ((sums ? add_places(&finder, number) : find_place(&finder, number)) < 0)
				return;
		}
	*ret = layout;
}
