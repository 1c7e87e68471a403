/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/values.h"

#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "exporters/api/history.h"

enum { W = IN_WORKLOADS, L = IN_LIMITS };

const struct field fields[N_FIELDS] = {
	[FIELD_CPU_USAGE] = { "cpu", "usage_seconds", "container_cpu_usage_seconds_total",
			      .documents = W },
	[FIELD_CPU_RATE] = { "cpu", "usage_cores", .documents = W | L },
	[FIELD_CPU_OWN_LIMIT] = { "cpu", "own_limit_cores", .documents = L },
	[FIELD_CPU_LIMIT] = { "cpu", "limit_cores", "container_cpu_effective_limit_cores",
			      .documents = W | L },
	[FIELD_CPU_HEADROOM] = { "cpu", "headroom_cores", .documents = L },
	[FIELD_CPU_RATIO] = { "cpu", "ratio", .documents = L },
	[FIELD_CPU_THROTTLED] = { "cpu", "throttled_seconds",
				  "container_cpu_cfs_throttled_seconds_total", .documents = W },
	[FIELD_MEMORY_USAGE] = { "memory", "usage_bytes", "container_memory_usage_bytes",
				 .documents = W | L },
	[FIELD_MEMORY_WORKING_SET] = { "memory", "working_set_bytes",
				       "container_memory_working_set_bytes", .documents = W | L },
	[FIELD_MEMORY_SWAP] = { "memory", "swap_bytes", "container_memory_swap", .documents = W },
	[FIELD_MEMORY_OWN_LIMIT] = { "memory", "own_limit_bytes",
				     "container_spec_memory_limit_bytes", .documents = L,
				     .sentinel = true },
	[FIELD_MEMORY_LIMIT] = { "memory", "limit_bytes", "container_memory_effective_limit_bytes",
				 .documents = W | L },
	[FIELD_MEMORY_HEADROOM] = { "memory", "headroom_bytes", .documents = L },
	[FIELD_MEMORY_RATIO] = { "memory", "ratio", .documents = L },
	[FIELD_PIDS_CURRENT] = { "pids", "current", "container_threads", .documents = W | L },
	[FIELD_PIDS_OWN_LIMIT] = { "pids", "own_limit", "container_threads_max", .documents = L,
				   .sentinel = true },
	[FIELD_PIDS_LIMIT] = { "pids", "limit", "container_pids_effective_limit",
			       .documents = W | L },
	[FIELD_PIDS_HEADROOM] = { "pids", "headroom", .documents = L },
	[FIELD_PIDS_RATIO] = { "pids", "ratio", .documents = L },
	[FIELD_IO_READ] = { "io", "read_bytes", "container_fs_reads_bytes_total", .documents = W },
	[FIELD_IO_WRITTEN] = { "io", "written_bytes", "container_fs_writes_bytes_total",
			       .documents = W },
	[FIELD_IO_READ_RATE] = { "io", "read_bytes_per_second", .documents = W },
	[FIELD_IO_WRITTEN_RATE] = { "io", "written_bytes_per_second", .documents = W },
	[FIELD_NETWORK_RECEIVED] = { "network", "received_bytes",
				     "container_network_receive_bytes_total", .documents = W },
	[FIELD_NETWORK_SENT] = { "network", "sent_bytes", "container_network_transmit_bytes_total",
				 .documents = W },
	[FIELD_NETWORK_RECEIVED_RATE] = { "network", "received_bytes_per_second", .documents = W },
	[FIELD_NETWORK_SENT_RATE] = { "network", "sent_bytes_per_second", .documents = W },
	[FIELD_PRESSURE_CPU] = { "pressure", "cpu_ratio", "container_pressure_cpu_waiting_ratio",
				 .label = "10s", .documents = W },
	[FIELD_PRESSURE_MEMORY] = { "pressure", "memory_ratio",
				    "container_pressure_memory_waiting_ratio", .label = "10s",
				    .documents = W },
	[FIELD_PRESSURE_IO] = { "pressure", "io_ratio", "container_pressure_io_waiting_ratio",
				.label = "10s", .documents = W },
	[FIELD_START_TIME] = { .family = "container_start_time_seconds" },
	[FIELD_CPU_QUOTA] = { .family = "container_spec_cpu_quota", .sentinel = true },
	[FIELD_CPU_PERIOD] = { .family = "container_spec_cpu_period" },
};

/* One resource that can be limited: by the cgroup itself, or by any cgroup above it. */
static const struct limit {
	enum field_id usage, own, effective, headroom, ratio;
} limits[] = {
	{ FIELD_CPU_RATE, FIELD_CPU_OWN_LIMIT, FIELD_CPU_LIMIT, FIELD_CPU_HEADROOM,
	  FIELD_CPU_RATIO },
	{ FIELD_MEMORY_USAGE, FIELD_MEMORY_OWN_LIMIT, FIELD_MEMORY_LIMIT, FIELD_MEMORY_HEADROOM,
	  FIELD_MEMORY_RATIO },
	{ FIELD_PIDS_CURRENT, FIELD_PIDS_OWN_LIMIT, FIELD_PIDS_LIMIT, FIELD_PIDS_HEADROOM,
	  FIELD_PIDS_RATIO },
};

static struct quantity quantity_of_real(double real)
{
	return (struct quantity){ .kind = QUANTITY_REAL, .real = real };
}

/* Sums stay integers as long as they can: a sum over 2^64 goes on as a real number. */
static void quantity_add(struct quantity *sum, const struct metric *metric,
			 const struct sample *sample)
{
	struct quantity add = { .kind = QUANTITY_INTEGER };
	uint64_t total;

	if (metric->value == VALUE_REAL || metric_scale(metric) != 1)
		add = quantity_of_real(sample_value(metric, sample));
	else
		add.integer = sample->integer;
	if (sum->kind == QUANTITY_NONE)
		*sum = add;
	else if (sum->kind == QUANTITY_INTEGER && add.kind == QUANTITY_INTEGER &&
		 !__builtin_add_overflow(sum->integer, add.integer, &total))
		sum->integer = total;
	else
		*sum = quantity_of_real(quantity_real(*sum, 0) + quantity_real(add, 0));
}

static struct quantity *cell(const struct values *values, uint32_t index, enum field_id field)
{
	return &values->cells[(size_t)index * N_FIELDS + field];
}

static void load_field(struct values *values, enum field_id id, bool sentinels)
{
	const struct field *field = &fields[id];
	const struct family *family = snapshot_family(values->snapshot, field->family);

	if (!family || family->left_out || family->metric->scope != SCOPE_WORKLOAD ||
	    family->metric->value == VALUE_HISTOGRAM)
		return;
	for_each_sample(sample, family) {
		if (field->label && !(sample->labels && streq(sample->labels[0], field->label)))
			continue;
		if (field->sentinel && sentinels && sample_value(family->metric, sample) <= 0)
			continue;
		quantity_add(cell(values, sample->workload->index, id), family->metric, sample);
	}
}

static struct quantity quantity_minus(struct quantity from, struct quantity what)
{
	if (from.kind == QUANTITY_NONE || what.kind == QUANTITY_NONE)
		return (struct quantity){ 0 };
	if (from.kind == QUANTITY_INTEGER && what.kind == QUANTITY_INTEGER) {
		from.integer = from.integer > what.integer ? from.integer - what.integer : 0;
		return from;
	}
	double rest = quantity_real(from, 0) - quantity_real(what, 0);

	return quantity_of_real(rest > 0 ? rest : 0);
}

static void quantity_lower(struct quantity *least, struct quantity other)
{
	if (least->kind == QUANTITY_NONE ||
	    (other.kind != QUANTITY_NONE && quantity_real(other, 0) < quantity_real(*least, 0)))
		*least = other;
}

/*
 * What can still be used: siblings share the limit of a cgroup above them, so it is the least that
 * is left on the way to the root. Parents stand before their children.
 */
static void derive_limit(struct values *values, uint32_t i, const struct limit *limit)
{
	uint32_t parent = values->snapshot->workloads[i].parent;
	struct quantity usage = *cell(values, i, limit->usage);
	struct quantity effective = *cell(values, i, limit->effective);
	struct quantity headroom = quantity_minus(effective, usage);

	quantity_lower(&headroom, quantity_minus(*cell(values, i, limit->own), usage));
	if (parent != i)
		quantity_lower(&headroom, *cell(values, parent, limit->headroom));
	*cell(values, i, limit->headroom) = headroom;
	if (usage.kind != QUANTITY_NONE && quantity_real(effective, 0) > 0)
		*cell(values, i, limit->ratio) =
			quantity_of_real(quantity_real(usage, 0) / quantity_real(effective, 0));
}

/* The metrics tell what the machine has as the root's limit; here it is none: nobody set it. */
static void clear_limits(struct values *values, uint32_t i)
{
	for (size_t k = 0; k < ARRAY_SIZE(limits); k++) {
		*cell(values, i, limits[k].own) = (struct quantity){ 0 };
		*cell(values, i, limits[k].effective) = (struct quantity){ 0 };
	}
}

static void derive(struct values *values, uint32_t i)
{
	double quota = quantity_real(*cell(values, i, FIELD_CPU_QUOTA), 0);
	double period = quantity_real(*cell(values, i, FIELD_CPU_PERIOD), 0);

	if (quota > 0 && period > 0)
		*cell(values, i, FIELD_CPU_OWN_LIMIT) = quantity_of_real(quota / period);
	if (values->snapshot->workloads[i].kind == KIND_HOST)
		clear_limits(values, i);
	for (size_t k = 0; k < ARRAY_SIZE(limits); k++)
		derive_limit(values, i, &limits[k]);
}

void values_load(struct values *values, const struct snapshot *snapshot, struct history *history,
		 bool sentinels)
{
	*values = (struct values){
		.snapshot = snapshot,
		.cells = xcalloc((size_t)snapshot->n_workloads * N_FIELDS + 1,
				 sizeof(*values->cells)),
	};
	for (enum field_id id = 0; id < N_FIELDS; id++)
		if (fields[id].family)
			load_field(values, id, sentinels);
	if (history)
		history_apply(history, values);
	for (uint32_t i = 0; i < snapshot->n_workloads; i++)
		derive(values, i);
}

void values_free(struct values *values)
{
	free(values->cells);
	*values = (struct values){ 0 };
}

struct quantity values_get(const struct values *values, const struct workload *workload,
			   enum field_id field)
{
	return *cell(values, workload->index, field);
}
