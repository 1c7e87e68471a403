/* SPDX-License-Identifier: Apache-2.0 */
/* Latency and errors of block I/O, from bpf/blkio.bpf.c. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bpf/wire_waits.h"
#include "collector/procfs/blockdevice.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/probes/attachment.h"
#include "collector/probes/histograms.h"
#include "collector/probes/probes.h"
#include "collector/probes/slots.h"
#include "collector/probes/tallies.h"
#include "collector/source.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/blkio.skel.h"
#pragma GCC diagnostic pop

/* Disks that are told apart, the rest is "other": fewer where there is room for many cgroups. */
enum { DEVICES_MIN = 4, DEVICES_MAX = 16 };

enum { DURATION, BYTES, ERRORS };

static const struct metric metrics[] = {
	[DURATION] = {
		.name = "container_blkio_duration_seconds",
		.help = "Time that block requests took, charged to the cgroup whose data it was, also "
			"when the kernel wrote it back later. Stage queue: until the disk was given "
			"the request; high values: more I/O than the disk takes at a time. Stage "
			"device: until the disk had done it; high values: the disk is slow. A flush "
			"has stage device alone. Not in it: what io.max held back before there was a "
			"request. In text the stage device of reads and writes alone, all with "
			"--metrics.enable.",
		.unit = "seconds",
		.labels = { "device", "operation", "stage" },
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[BYTES] = {
		.name = "container_blkio_bytes_total",
		.help = "Bytes of block requests that the disk has done. By the count of "
			"container_blkio_duration_seconds: the mean size of a request. The bytes of "
			"io.stat (container_fs_reads_bytes_total) were asked for, and may be waiting. "
			"High values: see whether the disk takes more; then durations are long.",
		.unit = "bytes",
		.labels = { "device", "operation" },
		.type = METRIC_COUNTER,
	},
	[ERRORS] = {
		.name = "container_blkio_errors_total",
		.help = "Block requests, or parts of one, that failed, after the driver's own repeats. "
			"Any at all: the disk is failing, full (thin volumes), or gone.",
		.labels = { "device", "operation" },
		.type = METRIC_COUNTER,
	},
};

static const char *const operations[] = {
	[WIRE_BLKIO_READ] = "read",
	[WIRE_BLKIO_WRITE] = "write",
	[WIRE_BLKIO_DISCARD] = "discard",
	[WIRE_BLKIO_FLUSH] = "flush",
};

static const char *const stages[] = {
	[WIRE_BLKIO_QUEUE] = "queue",
	[WIRE_BLKIO_DEVICE] = "device",
};

struct state {
	struct probe_parts parts;
	struct blkio *skeleton;
	uint32_t n_devices; /* 0 is "other" */
	uint64_t *devices;  /* mapped: device_owners */
	uint64_t *strays;   /* mapped */
	size_t devices_size, strays_size;
};

static void blkio_close(void *opened)
{
	struct state *state = opened;

	if (state->devices)
		munmap(state->devices, state->devices_size);
	if (state->strays)
		munmap(state->strays, state->strays_size);
	blkio__destroy(state->skeleton);
}

/* Each cgroup has a row of indexes and counters for all disks, used or not. */
static uint32_t number_of_devices(const struct probe_setup *setup, uint64_t memory)
{
	const uint64_t pair = (WIRE_BLKIO_STAGES + WIRE_BLKIO_TALLIES) * sizeof(uint64_t);
	const uint64_t device = slots_number(setup->slots) * WIRE_BLKIO_OPERATIONS * pair;
	uint32_t n = DEVICES_MAX;

	while (n > DEVICES_MIN && (n + 1) * device > memory)
		n--;
	return n + 1;
}

static int prepare_devices(struct state *state)
{
	struct bpf_object *object = state->skeleton->obj;
	int err = bpf_map__set_max_entries(object_map(object, "devices"), state->n_devices);

	err = err ? err
		  : bpf_map__set_max_entries(object_map(object, "free_devices"), state->n_devices);
	return err ? err
		   : bpf_map__set_max_entries(object_map(object, "device_owners"),
					      state->n_devices);
}

/* Whether the tracepoint has the queue before the request, as until 5.11. */
static bool issue_has_queue(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *type;
	bool has = false;
	int id;

	if (!btf)
		return false;
	id = btf__find_by_name_kind(btf, "btf_trace_block_rq_issue", BTF_KIND_TYPEDEF);
	type = id < 0 ? NULL : btf__type_by_id(btf, (unsigned)id);
	type = type ? btf__type_by_id(btf, type->type) : NULL;
	type = type ? btf__type_by_id(btf, type->type) : NULL;
	/* The first one is the tracepoint's own. */
	has = type && btf_is_func_proto(type) && btf_vlen(type) == 3;
	btf__free(btf);
	return has;
}

static int blkio_prepare(const struct probe_setup *setup, void *preparing,
			 struct bpf_object **ret_object)
{
	struct state *state = preparing;
	const uint64_t memory = probe_memory(setup) / 8;
	const bool has_queue = issue_has_queue();

	state->skeleton = blkio__open();
	if (!state->skeleton)
		return -errno;
	*ret_object = state->skeleton->obj;
	state->n_devices = number_of_devices(setup, memory / 2);
	const uint32_t keys = state->n_devices * WIRE_BLKIO_OPERATIONS;
	const struct histograms_size histograms = {
		.keys = keys * WIRE_BLKIO_STAGES,
		.wanted = slots_number(setup->slots) * 2 * WIRE_BLKIO_STAGES,
		.memory = memory / 2,
		.interrupts = true,
	};
	const struct tallies_size tallies = {
		.keys = keys * WIRE_BLKIO_TALLIES,
		.memory = memory / 4,
		.interrupts = true,
	};
	int err = histograms_prepare(setup, state->skeleton->obj, &histograms,
				     &state->parts.histograms);

	err = err ? err
		  : tallies_prepare(setup, state->skeleton->obj, &tallies, &state->parts.tallies);
	err = err ? err
		  : object_set_constant(state->skeleton->obj, "issue_has_queue", &has_queue,
					sizeof(has_queue));
	return err ? err : prepare_devices(state);
}

static int blkio_start(void *opened)
{
	struct state *state = opened;
	struct bpf_object *object = state->skeleton->obj;
	int fd = bpf_map__fd(object_map(object, "free_devices"));

	state->devices = map_memory(object_map(object, "device_owners"), &state->devices_size);
	if (!state->devices)
		return -errno;
	state->strays = map_memory(object_map(object, "strays"), &state->strays_size);
	if (!state->strays)
		return -errno;
	for (uint32_t number = 1; number < state->n_devices; number++)
		if (bpf_map_update_elem(fd, NULL, &number, BPF_ANY) < 0)
			return -errno;
	return 0;
}

static unsigned blkio_losses(const void *opened, struct probe_loss losses[PROBE_LOSSES_MAX])
{
	static const char *const reasons[] = {
		[WIRE_BLKIO_V1] = "v1",
		[WIRE_BLKIO_NO_CGROUP] = "no_cgroup",
		[WIRE_BLKIO_UNTIMED] = "untimed",
	};
	const struct state *state = opened;
	unsigned n = 0;

	for (; n < WIRE_BLKIO_STRAYS; n++)
		losses[n] = (struct probe_loss){
			.reason = reasons[n],
			.n = __atomic_load_n(&state->strays[n], __ATOMIC_RELAXED),
			.outside = n != WIRE_BLKIO_UNTIMED,
		};
	return n;
}

struct adding {
	const struct state *state;
	struct charging charging;
	struct snapshot *snapshot;
	struct family *families;
	bool all_in_text;
	const char *devices[DEVICES_MAX + 1]; /* by number; NULL: none has it */
};

/* Numbers of devices are used again, so their names are asked for each time. */
static void name_devices(struct adding *adding, const char *path_sysfs)
{
	char name[BLOCKDEVICE_NAME_MAX];

	adding->devices[0] = "other";
	for (uint32_t i = 1; i < adding->state->n_devices; i++) {
		uint64_t device = __atomic_load_n(&adding->state->devices[i], __ATOMIC_RELAXED);

		if (!device)
			continue;
		blockdevice_name(path_sysfs, (unsigned)(device >> 32), (unsigned)device, name);
		adding->devices[i] = arena_strdup(&adding->snapshot->arena, name);
	}
}

static const struct probe probe = {
	.state_size = sizeof(struct state),
	.prepare = blkio_prepare,
	.start = blkio_start,
	.close = blkio_close,
	.losses = blkio_losses,
	.usual_run_ns = 300,
};

static void add_duration(void *context, const struct histogram_reading *reading)
{
	struct adding *adding = context;
	const uint32_t pair = reading->key / WIRE_BLKIO_STAGES;
	const uint32_t operation = pair % WIRE_BLKIO_OPERATIONS;
	const uint32_t stage = reading->key % WIRE_BLKIO_STAGES;
	const char *const labels[] = {
		adding->devices[pair / WIRE_BLKIO_OPERATIONS],
		operations[operation],
		stages[stage],
	};
	/* Each disk has up to seven of these. */
	const bool in_text = adding->all_in_text ||
			     (stage == WIRE_BLKIO_DEVICE &&
			      (operation == WIRE_BLKIO_READ || operation == WIRE_BLKIO_WRITE));

	/* First seen by the kernel after the names were asked for: next time. */
	if (!labels[0])
		return;
	if (stage == WIRE_BLKIO_DEVICE)
		charging_add(&adding->charging, reading->workload, reading->count);
	family_add_histogram(adding->snapshot, &adding->families[DURATION], reading->workload,
			     snapshot_labels(adding->snapshot, ARRAY_SIZE(labels), labels),
			     (in_text ? histograms_make : histograms_make_native)(
				     adding->state->parts.histograms, adding->snapshot, reading));
}

/* Errors stand there as 0 from the first request of a kind on. */
static void add_tallies(void *context, const struct workload *workload, const uint64_t values[])
{
	struct adding *adding = context;

	for (uint32_t pair = 0; pair < adding->state->n_devices * WIRE_BLKIO_OPERATIONS; pair++) {
		const uint64_t *pair_values = &values[pair * WIRE_BLKIO_TALLIES];
		const uint64_t volume = pair_values[WIRE_BLKIO_VOLUME];
		const uint64_t errors = pair_values[WIRE_BLKIO_ERRORS];
		const uint32_t operation = pair % WIRE_BLKIO_OPERATIONS;
		const char *const values_of_labels[] = {
			adding->devices[pair / WIRE_BLKIO_OPERATIONS], operations[operation]
		};

		if ((!volume && !errors) || !values_of_labels[0])
			continue;
		const char *const *labels = snapshot_labels(
			adding->snapshot, ARRAY_SIZE(values_of_labels), values_of_labels);
		if (operation != WIRE_BLKIO_FLUSH)
			family_add_integer(adding->snapshot, &adding->families[BYTES], workload,
					   labels, volume);
		family_add_integer(adding->snapshot, &adding->families[ERRORS], workload, labels,
				   errors);
	}
}

static int blkio_collect(void *opened, struct collection *collection, struct family families[])
{
	struct state *state = opened;
	struct adding adding = {
		.state = state,
		.charging = { .probes = collection->probes, .probe = &probe },
		.snapshot = collection->snapshot,
		.families = families,
		.all_in_text = options_metric_enabled(collection->options, metrics[DURATION].name),
	};

	name_devices(&adding, collection->options->path_sysfs);
	histograms_read(state->parts.histograms, add_duration, &adding);
	charging_end(&adding.charging);
	tallies_read(state->parts.tallies, add_tallies, &adding);
	return 0;
}

const struct source source_blkio = {
	.name = "blkio",
	.help = "latency and errors of block I/O, by programs on requests",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.collect = blkio_collect,
	.probe = &probe,
};
