/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/procfs/procfs.h"

enum { CPUS_MAX = 8192, NODES_MAX = 1024, CACHES_MAX = 16 };

#define CPU  "devices/system/cpu/cpu%u/"
#define NODE "devices/system/node/node%u/"
#define DIMM "devices/system/edac/mc/mc%u/dimm%u/"

struct cpu {
	unsigned id;
	int64_t package, core, book, drawer; /* -1: not known */
	int node;			     /* -1: not known */
};

struct cpus {
	struct cpu *items;
	size_t n;
};

/* One number from a small file; -1 when there is none. */
__attribute__((format(printf, 2, 3))) static int64_t read_number(int sysfs, const char *format, ...)
{
	cleanup(buffer_free) struct buffer text = { 0 };
	char path[160], *end;
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (file_read_at(sysfs, path, 4096, &text) < 0)
		return -1;
	errno = 0;
	int64_t value = strtoll(text.data, &end, 10);
	return errno || end == text.data || value < 0 ? -1 : value;
}

/* The first line of a small file, or NULL; freed by the caller. */
__attribute__((format(printf, 2, 3))) static char *read_line(int sysfs, const char *format, ...)
{
	cleanup(buffer_free) struct buffer text = { 0 };
	char path[160];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (file_read_at(sysfs, path, 65536, &text) < 0)
		return NULL;
	return xstrndup(text.data, strcspn(text.data, "\n"));
}

/*
 * The next number of a list like "0-3,8"; *at and *range hold the place. -1 at the end, -2 when it is
 * no list.
 */
static int64_t list_next(const char **at, unsigned long range[2])
{
	char *end;

	if (range[0] < range[1])
		return (int64_t)++range[0];
	if (!**at || **at == '\n')
		return -1;
	range[0] = range[1] = strtoul(*at, &end, 10);
	if (end == *at || range[0] >= CPUS_MAX)
		return -2;
	if (*end == '-') {
		*at = end + 1;
		range[1] = strtoul(*at, &end, 10);
		if (end == *at || range[1] < range[0] || range[1] >= CPUS_MAX)
			return -2;
	}
	*at = *end == ',' ? end + 1 : end;
	return (int64_t)range[0];
}

static int read_cpus(int sysfs, const char *online, struct cpus *ret)
{
	struct cpus cpus = { .items = xcalloc(CPUS_MAX, sizeof(*cpus.items)) };
	unsigned long range[2] = { 0, 0 };
	int64_t id;

	while ((id = list_next(&online, range)) >= 0 && cpus.n < CPUS_MAX) {
		unsigned n = (unsigned)id;

		cpus.items[cpus.n++] = (struct cpu){
			.id = n,
			.package = read_number(sysfs, CPU "topology/physical_package_id", n),
			.core = read_number(sysfs, CPU "topology/core_id", n),
			.book = read_number(sysfs, CPU "topology/book_id", n),
			.drawer = read_number(sysfs, CPU "topology/drawer_id", n),
			.node = -1,
		};
	}
	if (id == -2 || !cpus.n) {
		free(cpus.items);
		return -EBADMSG;
	}
	*ret = cpus;
	return 0;
}

static struct machine_value *add(struct machine *machine, unsigned metric, uint64_t value)
{
	if (machine->n == machine->size) {
		machine->size = machine->size ? machine->size * 2 : 32;
		machine->values =
			xreallocarray(machine->values, machine->size, sizeof(*machine->values));
	}
	struct machine_value *added = &machine->values[machine->n++];
	*added = (struct machine_value){ .metric = metric, .value = value };
	return added;
}

/* Adds to the value of these labels; they are the machine's from now on. */
static void sum(struct machine *machine, unsigned metric, char *labels[MACHINE_LABELS_MAX],
		uint64_t value)
{
	for (size_t i = 0; i < machine->n; i++) {
		struct machine_value *old = &machine->values[i];
		size_t l = 0;

		if (old->metric != metric)
			continue;
		while (l < MACHINE_LABELS_MAX && labels[l] && streq(labels[l], old->labels[l]))
			l++;
		if (l < MACHINE_LABELS_MAX && labels[l])
			continue;
		old->value += value;
		for (l = 0; l < MACHINE_LABELS_MAX; l++)
			free(labels[l]);
		return;
	}
	memcpy(add(machine, metric, value)->labels, labels, MACHINE_LABELS_MAX * sizeof(labels[0]));
}

static int compare_numbers(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* How many different values; 0 when one of them is not known. */
static uint64_t count_distinct(int64_t *values, size_t n)
{
	uint64_t distinct = 0;

	qsort(values, n, sizeof(*values), compare_numbers);
	if (!n || values[0] < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		distinct += i == 0 || values[i] != values[i - 1];
	return distinct;
}

static int64_t core_key(const struct cpu *cpu)
{
	return cpu->package < 0 || cpu->core < 0 ? -1 : cpu->package << 32 | cpu->core;
}

static void add_counts(struct machine *machine, const struct cpus *cpus)
{
	cleanup_free int64_t *values = xcalloc(4 * cpus->n, sizeof(*values));
	static const unsigned rows[] = { MACHINE_CPU_PHYSICAL_CORES, MACHINE_CPU_SOCKETS,
					 MACHINE_CPU_BOOKS, MACHINE_CPU_DRAWERS };

	add(machine, MACHINE_CPU_CORES, cpus->n);
	for (size_t i = 0; i < cpus->n; i++) {
		const struct cpu *cpu = &cpus->items[i];

		values[i] = core_key(cpu);
		values[cpus->n + i] = cpu->package;
		values[2 * cpus->n + i] = cpu->book;
		values[3 * cpus->n + i] = cpu->drawer;
	}
	for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
		uint64_t count = count_distinct(values + r * cpus->n, cpus->n);

		if (count)
			add(machine, rows[r], count);
	}
}

/* Modules that EDAC knows: Documentation/ABI/testing/sysfs-devices-edac. Sizes in MiB. */
static void add_dimms(int sysfs, struct machine *machine)
{
	if (faccessat(sysfs, "devices/system/edac/mc/mc0", F_OK, 0) < 0)
		return;
	for (unsigned mc = 0; mc < 64; mc++) {
		for (unsigned dimm = 0; dimm < 64; dimm++) {
			int64_t mib = read_number(sysfs, DIMM "size", mc, dimm);
			char *type =
				mib > 0 ? read_line(sysfs, DIMM "dimm_mem_type", mc, dimm) : NULL;

			if (!type)
				continue;
			char *count_labels[MACHINE_LABELS_MAX] = { xstrdup(type) };
			char *labels[MACHINE_LABELS_MAX] = { type };
			sum(machine, MACHINE_DIMM_COUNT, count_labels, 1);
			sum(machine, MACHINE_DIMM_CAPACITY, labels, (uint64_t)mib << 20);
		}
	}
}

static void assign_node(int sysfs, struct cpus *cpus, unsigned node)
{
	cleanup_free char *list = read_line(sysfs, NODE "cpulist", node);
	const char *at = list ? list : "";
	unsigned long range[2] = { 0, 0 };
	int64_t id;

	while ((id = list_next(&at, range)) >= 0)
		for (size_t i = 0; i < cpus->n; i++)
			if (cpus->items[i].id == (unsigned)id)
				cpus->items[i].node = (int)node;
}

static void add_hugepages(int sysfs, struct machine *machine, unsigned node)
{
	char path[96];
	struct dirent *entry;

	snprintf(path, sizeof(path), NODE "hugepages", node);
	int fd = openat(sysfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	while (dir && (entry = readdir(dir))) {
		unsigned long kib;

		if (sscanf(entry->d_name, "hugepages-%lukB", &kib) != 1)
			continue;
		int64_t pages = read_number(sysfs, NODE "hugepages/hugepages-%lukB/nr_hugepages",
					    node, kib);
		if (pages < 0)
			continue;
		struct machine_value *value = add(machine, MACHINE_NODE_HUGEPAGES, (uint64_t)pages);
		value->labels[0] = xasprintf("%u", node);
		value->labels[1] = xasprintf("%lu", kib);
	}
}

/* "10 21 31", in the order of the online nodes. */
static void add_distances(int sysfs, struct machine *machine, unsigned node, const char *online)
{
	cleanup_free char *text = read_line(sysfs, NODE "distance", node);
	const char *distance = text ? text : "";
	unsigned long range[2] = { 0, 0 };
	int64_t target;

	while ((target = list_next(&online, range)) >= 0) {
		char *end;
		unsigned long value = strtoul(distance, &end, 10);

		if (end == distance)
			return;
		distance = end;
		struct machine_value *added = add(machine, MACHINE_NODE_DISTANCE, value);
		added->labels[0] = xasprintf("%u", node);
		added->labels[1] = xasprintf("%u", (unsigned)target);
	}
}

static void add_nodes(int sysfs, struct machine *machine, struct cpus *cpus)
{
	cleanup_free char *online = read_line(sysfs, "devices/system/node/online");
	const char *at = online ? online : "";
	unsigned long range[2] = { 0, 0 };
	int64_t id;

	while ((id = list_next(&at, range)) >= 0 && id < NODES_MAX) {
		unsigned node = (unsigned)id;
		char path[96];
		cleanup(buffer_free) struct buffer text = { 0 };
		uint64_t kib;

		assign_node(sysfs, cpus, node);
		snprintf(path, sizeof(path), NODE "meminfo", node);
		if (file_read_at(sysfs, path, 65536, &text) == 0 &&
		    sscanf(text.data, "Node %*u MemTotal: %lu kB", &kib) == 1)
			add(machine, MACHINE_NODE_MEMORY, kib * 1024)->labels[0] =
				xasprintf("%u", node);
		add_hugepages(sysfs, machine, node);
		add_distances(sysfs, machine, node, online);
	}
}

static char *number_label(int64_t number)
{
	return number < 0 ? xstrdup("") : xasprintf("%lld", (long long)number);
}

/* A cache is listed by all processors that share it; the first of them speaks for it. */
static void add_cache(int sysfs, struct machine *machine, const struct cpus *cpus,
		      const struct cpu *cpu, unsigned index)
{
	cleanup_free char *shared =
		read_line(sysfs, CPU "cache/index%u/shared_cpu_list", cpu->id, index);
	cleanup_free char *size = read_line(sysfs, CPU "cache/index%u/size", cpu->id, index);
	int64_t level = read_number(sysfs, CPU "cache/index%u/level", cpu->id, index);
	unsigned long range[2] = { 0, 0 }, kib;
	const char *at = shared;
	bool one_core = true;
	int64_t id;

	if (!shared || !size || level < 0 || sscanf(size, "%luK", &kib) != 1 ||
	    strtoul(shared, NULL, 10) != cpu->id)
		return;
	while ((id = list_next(&at, range)) >= 0)
		for (size_t i = 0; i < cpus->n; i++)
			if (cpus->items[i].id == (unsigned)id)
				one_core &= core_key(&cpus->items[i]) == core_key(cpu);
	char *type = read_line(sysfs, CPU "cache/index%u/type", cpu->id, index);
	if (!type)
		return;
	char *labels[MACHINE_LABELS_MAX] = {
		number_label(cpu->node),
		one_core ? number_label(cpu->core) : xstrdup(""),
		type,
		number_label(level),
	};
	sum(machine, MACHINE_CPU_CACHE, labels, (uint64_t)kib * 1024);
}

static void add_threads(int sysfs, struct machine *machine, const struct cpus *cpus)
{
	for (size_t i = 0; i < cpus->n; i++) {
		const struct cpu *cpu = &cpus->items[i];
		uint64_t siblings = 0;

		for (unsigned index = 0; index < CACHES_MAX; index++)
			add_cache(sysfs, machine, cpus, cpu, index);
		for (size_t other = 0; other < cpus->n; other++)
			siblings += core_key(cpu) == core_key(&cpus->items[other]);
		if (core_key(cpu) < 0)
			continue;
		struct machine_value *value = add(machine, MACHINE_THREAD_SIBLINGS, siblings);
		value->labels[0] = number_label(cpu->node);
		value->labels[1] = number_label(cpu->core);
		value->labels[2] = number_label(cpu->id);
	}
}

int machine_read(int sysfs, const char *online, bool detailed, struct machine *machine)
{
	struct machine read = { 0 };
	struct cpus cpus;
	int err = read_cpus(sysfs, online, &cpus);

	if (err < 0)
		return err;
	add_counts(&read, &cpus);
	add_dimms(sysfs, &read);
	if (detailed) {
		add_nodes(sysfs, &read, &cpus);
		add_threads(sysfs, &read, &cpus);
	}
	free(cpus.items);
	machine_free(machine);
	*machine = read;
	return 0;
}

void machine_free(struct machine *machine)
{
	for (size_t i = 0; i < machine->n; i++)
		for (size_t l = 0; l < MACHINE_LABELS_MAX; l++)
			free(machine->values[i].labels[l]);
	free(machine->values);
	*machine = (struct machine){ 0 };
}
