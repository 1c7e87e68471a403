/* SPDX-License-Identifier: Apache-2.0 */
/* What the host has: processors, memory, NUMA nodes. cAdvisor's machine_* families and labels. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/procfs/machine.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/procfs/procfs.h"
#include "collector/source.h"
#include "collector/utf8.h"

#define IDENTITY "machine_id", "system_uuid", "boot_id"
enum { N_IDENTITY = 3, IDENTITY_MAX = 128 };

static const struct metric metrics[N_MACHINE_METRICS] = {
	[MACHINE_CPU_CORES] = {
		.name = "machine_cpu_cores",
		.help = "Online logical processors, from devices/system/cpu/online.",
		.labels = { IDENTITY },
		.scope = SCOPE_HOST,
	},
	[MACHINE_CPU_PHYSICAL_CORES] = {
		.name = "machine_cpu_physical_cores",
		.help = "Physical cores with an online processor, from cpuN/topology.",
		.labels = { IDENTITY },
		.scope = SCOPE_HOST,
	},
	[MACHINE_CPU_SOCKETS] = {
		.name = "machine_cpu_sockets",
		.help = "Processor packages with an online processor, from cpuN/topology.",
		.labels = { IDENTITY },
		.scope = SCOPE_HOST,
	},
	[MACHINE_CPU_BOOKS] = {
		.name = "machine_cpu_books",
		.help = "Books with an online processor (s390), from cpuN/topology/book_id.",
		.labels = { IDENTITY },
		.scope = SCOPE_HOST,
	},
	[MACHINE_CPU_DRAWERS] = {
		.name = "machine_cpu_drawers",
		.help = "Drawers with an online processor (s390), from cpuN/topology/drawer_id.",
		.labels = { IDENTITY },
		.scope = SCOPE_HOST,
	},
	[MACHINE_MEMORY] = {
		.name = "machine_memory_bytes",
		.help = "Memory that the kernel can use, from MemTotal of meminfo.",
		.unit = "bytes",
		.labels = { IDENTITY },
		.scope = SCOPE_HOST,
	},
	[MACHINE_SWAP] = {
		.name = "machine_swap_bytes",
		.help = "Swap space, from SwapTotal of meminfo.",
		.unit = "bytes",
		.labels = { IDENTITY },
		.scope = SCOPE_HOST,
	},
	[MACHINE_DIMM_COUNT] = {
		.name = "machine_dimm_count",
		.help = "Memory modules by type, from EDAC (devices/system/edac/mc).",
		.labels = { IDENTITY, "type" },
		.scope = SCOPE_HOST,
	},
	[MACHINE_DIMM_CAPACITY] = {
		.name = "machine_dimm_capacity_bytes",
		.help = "Capacity of the memory modules by type, from EDAC (devices/system/edac/mc).",
		.unit = "bytes",
		.labels = { IDENTITY, "type" },
		.scope = SCOPE_HOST,
	},
	[MACHINE_SCRAPE_ERROR] = {
		.name = "machine_scrape_error",
		.help = "1 if the processors or the memory of the machine could not be read, else 0.",
		.scope = SCOPE_HOST,
	},
	[MACHINE_CPU_CACHE] = {
		.name = "machine_cpu_cache_capacity_bytes",
		.help = "Processor caches, from cpuN/cache: those of one core by core, those that cores "
			"share summed by node, with an empty core_id.",
		.unit = "bytes",
		.labels = { IDENTITY, "node_id", "core_id", "type", "level" },
		.scope = SCOPE_HOST,
		.optional = true,
	},
	[MACHINE_THREAD_SIBLINGS] = {
		.name = "machine_thread_siblings_count",
		.help = "Online logical processors of the core that a processor belongs to.",
		.labels = { IDENTITY, "node_id", "core_id", "thread_id" },
		.scope = SCOPE_HOST,
		.optional = true,
	},
	[MACHINE_NODE_MEMORY] = {
		.name = "machine_node_memory_capacity_bytes",
		.help = "Memory of a NUMA node, from nodeN/meminfo.",
		.unit = "bytes",
		.labels = { IDENTITY, "node_id" },
		.scope = SCOPE_HOST,
		.optional = true,
	},
	[MACHINE_NODE_HUGEPAGES] = {
		.name = "machine_node_hugepages_count",
		.help = "Huge pages of a NUMA node by size in KiB, from nodeN/hugepages.",
		.labels = { IDENTITY, "node_id", "page_size" },
		.scope = SCOPE_HOST,
		.optional = true,
	},
	[MACHINE_NODE_DISTANCE] = {
		.name = "machine_node_distance",
		.help = "Distance between NUMA nodes, from nodeN/distance.",
		.labels = { IDENTITY, "node_id", "target_node_id" },
		.scope = SCOPE_HOST,
		.optional = true,
	},
};

/* Hardware rarely changes: it is read anew when processors come or go, and now and then. */
#define REFRESH_NS (UINT64_C(300) * 1000000000)

struct state {
	int sysfs;
	char *identity[N_IDENTITY]; /* NULL: not known */
	struct buffer text, online;
	struct machine machine;
	uint64_t read_ns;
};

/* The first of the files that has a line, cleaned; NULL when none has. */
static char *read_identity(int dirfd, const char *const *paths)
{
	cleanup(buffer_free) struct buffer text = { 0 };

	for (; *paths; paths++) {
		if (file_read_at(dirfd, *paths, 4096, &text) < 0)
			continue;
		size_t length = strcspn(text.data, "\n");
		if (length)
			return utf8_clean(text.data, length, IDENTITY_MAX, NULL);
	}
	return NULL;
}

static int machine_open(const struct options *options, void **ret_state, const char **ret_reason)
{
	static const char *const machine_id[] = { "etc/machine-id", "var/lib/dbus/machine-id",
						  NULL };
	static const char *const system_uuid[] = { "class/dmi/id/product_uuid", NULL };
	static const char *const tree_uuid[] = { "device-tree/vm,uuid", "device-tree/system-id",
						 NULL };
	static const char *const boot_id[] = { "sys/kernel/random/boot_id", NULL };
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	cleanup_close int procfs = open(options->path_procfs, flags);
	cleanup_close int sysfs = open(options->path_sysfs, flags);
	cleanup_close int rootfs = open(options->path_rootfs, flags);

	if (procfs < 0 || sysfs < 0) {
		*ret_reason = "the process file system or sysfs cannot be opened";
		return -errno;
	}
	struct state *state = xcalloc(1, sizeof(*state));
	state->identity[0] = read_identity(rootfs, machine_id);
	state->identity[1] = read_identity(sysfs, system_uuid);
	if (!state->identity[1])
		state->identity[1] = read_identity(procfs, tree_uuid);
	state->identity[2] = read_identity(procfs, boot_id);
	state->sysfs = sysfs;
	sysfs = -1;
	*ret_state = state;
	return 0;
}

static void machine_close(void *opened)
{
	struct state *state = opened;

	for (size_t i = 0; i < N_IDENTITY; i++)
		free(state->identity[i]);
	machine_free(&state->machine);
	buffer_free(&state->text);
	buffer_free(&state->online);
	close(state->sysfs);
	free(state);
}

/* Reads the hardware if that is due. 0 or -errno. */
static int refresh(struct state *state, const struct family families[])
{
	uint64_t now = clock_monotonic_ns();
	bool detailed = false;

	int err = file_read_at(state->sysfs, "devices/system/cpu/online", 65536, &state->text);
	if (err < 0)
		return err;
	if (state->read_ns && now - state->read_ns < REFRESH_NS && state->online.length &&
	    streq(state->text.data, state->online.data))
		return 0;
	for (size_t i = MACHINE_CPU_CACHE; i < N_MACHINE_METRICS; i++)
		detailed |= !families[i].left_out;
	err = machine_read(state->sysfs, state->text.data, detailed, &state->machine);
	if (err < 0)
		return err;
	state->online.length = 0;
	buffer_append(&state->online, state->text.data, state->text.length + 1);
	state->read_ns = now;
	return 0;
}

static const char *const *add_identity(const struct state *state, struct snapshot *snapshot,
				       const struct machine_value *value)
{
	const char *labels[METRIC_LABELS_MAX];
	size_t n = 0;

	for (; n < N_IDENTITY; n++)
		labels[n] = state->identity[n] ? arena_strdup(&snapshot->arena, state->identity[n])
					       : NULL;
	for (size_t i = 0; value && i < MACHINE_LABELS_MAX && value->labels[i]; i++)
		labels[n++] = arena_strdup(&snapshot->arena, value->labels[i]);
	return snapshot_labels(snapshot, n, labels);
}

static int add_memory(struct collection *collection, struct family families[],
		      const char *const *identity)
{
	struct snapshot *snapshot = collection->snapshot;
	const struct meminfo *meminfo;
	int err = meminfo_get(collection, &meminfo);

	if (err)
		return err;
	family_add_integer(snapshot, &families[MACHINE_MEMORY], NULL, identity,
			   meminfo->memory_bytes);
	if (meminfo->has_swap)
		family_add_integer(snapshot, &families[MACHINE_SWAP], NULL, identity,
				   meminfo->swap_bytes);
	return 0;
}

static int machine_collect(void *opened, struct collection *collection, struct family families[])
{
	struct snapshot *snapshot = collection->snapshot;
	struct state *state = opened;
	const char *const *identity = add_identity(state, snapshot, NULL);
	int hardware_err = refresh(state, families);
	int memory_err = add_memory(collection, families, identity);

	for (size_t i = 0; !hardware_err && i < state->machine.n; i++) {
		const struct machine_value *value = &state->machine.values[i];

		family_add_integer(snapshot, &families[value->metric], NULL,
				   value->labels[0] ? add_identity(state, snapshot, value)
						    : identity,
				   value->value);
	}
	family_add_integer(snapshot, &families[MACHINE_SCRAPE_ERROR], NULL, NULL,
			   hardware_err || memory_err);
	if (hardware_err && !is_absent(hardware_err)) {
		collection->place = "the list of processors of sysfs";
		return hardware_err;
	}
	if (memory_err && !is_absent(memory_err)) {
		collection->place = "meminfo of procfs";
		return memory_err;
	}
	return 0;
}

const struct source source_machine = {
	.name = "machine",
	.help = "processors, memory and NUMA nodes of the host, from /sys and /proc/meminfo",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = machine_open,
	.collect = machine_collect,
	.close = machine_close,
};
