/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which numbers of which files a record has, and what they are there. Each is as the kernel prints it, or is
 * not here: the rest stays with the files.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/wire_records.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/record_layout.h"
#include "collector/sources/cgroup_engine.h"

#define NUMBER(file_, key_, part, field, ...)                                                      \
	{                                                                                          \
		.file = (file_), .key = (key_), .filled = (part),                                  \
		.offset = offsetof(struct wire_record, field), __VA_ARGS__                         \
	}
#define GAUGE(file, key, part, field, unit_) NUMBER(file, key, part, field, .unit = (unit_))
#define COUNTER(file, key, part, field, unit_)                                                     \
	NUMBER(file, key, part, field, .unit = (unit_), .counter = true)
#define MAYBE(file, key, part, field, unit_)                                                       \
	NUMBER(file, key, part, field, .unit = (unit_), .counter = true, .maybe = true)

#define EVENTS(file, field)                                                                        \
	COUNTER(file, "low", RECORD_MEMORY, field[RECORD_LOW], RECORD_AS_IS),                      \
		COUNTER(file, "high", RECORD_MEMORY, field[RECORD_HIGH], RECORD_AS_IS),            \
		COUNTER(file, "max", RECORD_MEMORY, field[RECORD_MAX], RECORD_AS_IS),              \
		COUNTER(file, "oom", RECORD_MEMORY, field[RECORD_OOM], RECORD_AS_IS),              \
		COUNTER(file, "oom_kill", RECORD_MEMORY, field[RECORD_OOM_KILL], RECORD_AS_IS),    \
		COUNTER(file, "oom_group_kill", RECORD_MEMORY, field[RECORD_OOM_GROUP_KILL],       \
			RECORD_AS_IS)

#define STALL(file_, line_, stall, key_, part, unit_, is_counter)                                  \
	{                                                                                          \
		.file = (file_), .line = (line_), .key = (key_),                                   \
		.filled = (uint64_t)(part) << (stall),                                             \
		.offset = offsetof(struct wire_record, stalls_ns[stall]), .unit = (unit_),         \
		.counter = (is_counter),                                                           \
	}
#define AVERAGE(file, line, stall, key)                                                            \
	STALL(file, line, stall, key, RECORD_AVERAGES, RECORD_ZERO, false)
#define PRESSURE(file, line, stall)                                                                \
	STALL(file, line, stall, "total", RECORD_STALLS, RECORD_STALL, true),                      \
		AVERAGE(file, line, stall, "avg10"), AVERAGE(file, line, stall, "avg60"),          \
		AVERAGE(file, line, stall, "avg300")

#define IN_STATES(key_, state_, unit_, ...)                                                        \
	{                                                                                          \
		.file = "memory.stat", .key = (key_), .filled = RECORD_MEMORY_STAT,                \
		.state = (state_), .unit = (unit_), __VA_ARGS__                                    \
	}
#define STATE(key, state, unit, is_counter) IN_STATES(key, state, unit, .counter = (is_counter))
#define SUM(key, is_counter)                                                                       \
	IN_STATES(key, NULL, RECORD_STATE, .counter = (is_counter), .sum = true)

#define DEVICE(key_, field)                                                                        \
	{                                                                                          \
		.file = "io.stat", .line = "*", .key = (key_), .filled = RECORD_IO,                \
		.offset = offsetof(struct wire_device, field), .unit = RECORD_DEVICE,              \
		.counter = true,                                                                   \
	}
#define NO_DEVICE(file_, line_, key_, part, is_counter)                                            \
	{                                                                                          \
		.file = (file_), .line = (line_), .key = (key_), .filled = (part),                 \
		.unit = RECORD_NO_DEVICE, .counter = (is_counter),                                 \
	}
#define NO_COST(key)		  NO_DEVICE("io.stat", "*", key, RECORD_IO, true)
#define NO_LIMIT(file, line, key) NO_DEVICE(file, line, key, RECORD_IO_PLAIN, false)

const struct record_number record_numbers[] = {
	GAUGE("cgroup.events", "populated", RECORD_GROUP, populated, RECORD_AS_IS),
	GAUGE("cgroup.events", "frozen", RECORD_GROUP, frozen, RECORD_AS_IS),
	GAUGE("cgroup.stat", "nr_descendants", RECORD_GROUP, descendants, RECORD_AS_IS),
	GAUGE("cgroup.stat", "nr_dying_descendants", RECORD_GROUP, dying_descendants, RECORD_AS_IS),

	COUNTER("cpu.stat", "usage_usec", RECORD_TIME, runtime_ns, RECORD_NANOSECONDS),
	COUNTER("cpu.stat", "user_usec", RECORD_TIME, user_ns, RECORD_USER_TIME),
	COUNTER("cpu.stat", "system_usec", RECORD_TIME, system_ns, RECORD_SYSTEM_TIME),
	MAYBE("cpu.stat", "nice_usec", RECORD_NICE, nice_ns, RECORD_NANOSECONDS),
	MAYBE("cpu.stat", "core_sched.force_idle_usec", RECORD_FORCE_IDLE, force_idle_ns,
	      RECORD_NANOSECONDS),
	MAYBE("cpu.stat", "nr_periods", RECORD_CPU, periods, RECORD_AS_IS),
	MAYBE("cpu.stat", "nr_throttled", RECORD_CPU, throttled_periods, RECORD_AS_IS),
	MAYBE("cpu.stat", "throttled_usec", RECORD_CPU, throttled_ns, RECORD_NANOSECONDS),
	MAYBE("cpu.stat", "nr_bursts", RECORD_BURST, burst_periods, RECORD_AS_IS),
	MAYBE("cpu.stat", "burst_usec", RECORD_BURST, burst_ns, RECORD_NANOSECONDS),
	GAUGE("cpu.max", "#1", RECORD_CPU, quota_ns, RECORD_QUOTA),
	GAUGE("cpu.max", "#2", RECORD_CPU, period_ns, RECORD_NANOSECONDS),
	GAUGE("cpu.max.burst", NULL, RECORD_BURST, max_burst_ns, RECORD_NANOSECONDS),
	GAUGE("cpu.idle", NULL, RECORD_IDLE, idle, RECORD_AS_IS),
	GAUGE("cpu.weight", NULL, RECORD_SHARES, shares, RECORD_WEIGHT),

	GAUGE("memory.current", NULL, RECORD_MEMORY, memory.usage, RECORD_PAGES),
	COUNTER("memory.peak", NULL, RECORD_MEMORY, memory.watermark, RECORD_PAGES),
	GAUGE("memory.min", NULL, RECORD_MEMORY, memory_min, RECORD_PAGES_LIMIT),
	GAUGE("memory.low", NULL, RECORD_MEMORY, memory_low, RECORD_PAGES_LIMIT),
	GAUGE("memory.high", NULL, RECORD_MEMORY, memory.high, RECORD_PAGES_LIMIT),
	GAUGE("memory.max", NULL, RECORD_MEMORY, memory.max, RECORD_PAGES_LIMIT),
	GAUGE("memory.oom.group", NULL, RECORD_MEMORY, oom_group, RECORD_AS_IS),
	EVENTS("memory.events", events),
	EVENTS("memory.events.local", local_events),
	GAUGE("memory.swap.current", NULL, RECORD_SWAP, swap.usage, RECORD_PAGES),
	COUNTER("memory.swap.peak", NULL, RECORD_SWAP, swap.watermark, RECORD_PAGES),
	GAUGE("memory.swap.high", NULL, RECORD_SWAP, swap.high, RECORD_PAGES_LIMIT),
	GAUGE("memory.swap.max", NULL, RECORD_SWAP, swap.max, RECORD_PAGES_LIMIT),
	COUNTER("memory.swap.events", "high", RECORD_MEMORY, events[RECORD_SWAP_HIGH],
		RECORD_AS_IS),
	COUNTER("memory.swap.events", "max", RECORD_MEMORY, events[RECORD_SWAP_MAX], RECORD_AS_IS),
	COUNTER("memory.swap.events", "fail", RECORD_MEMORY, events[RECORD_SWAP_FAIL],
		RECORD_AS_IS),
	GAUGE("memory.zswap.max", NULL, RECORD_ZSWAP, zswap_max, RECORD_PAGES_LIMIT),

	STATE("anon", "NR_ANON_MAPPED", RECORD_STATE_PAGES, false),
	STATE("file", "NR_FILE_PAGES", RECORD_STATE_PAGES, false),
	STATE("kernel", "MEMCG_KMEM", RECORD_STATE_PAGES, false),
	STATE("kernel_stack", "NR_KERNEL_STACK_KB", RECORD_STATE_KIB, false),
	STATE("pagetables", "NR_PAGETABLE", RECORD_STATE_PAGES, false),
	STATE("sec_pagetables", "NR_SECONDARY_PAGETABLE", RECORD_STATE_PAGES, false),
	STATE("percpu", "MEMCG_PERCPU_B", RECORD_STATE, false),
	STATE("sock", "MEMCG_SOCK", RECORD_STATE_PAGES, false),
	STATE("shmem", "NR_SHMEM", RECORD_STATE_PAGES, false),
	STATE("zswapped", "MEMCG_ZSWAPPED", RECORD_STATE_PAGES, false),
	STATE("file_mapped", "NR_FILE_MAPPED", RECORD_STATE_PAGES, false),
	STATE("file_dirty", "NR_FILE_DIRTY", RECORD_STATE_PAGES, false),
	STATE("file_writeback", "NR_WRITEBACK", RECORD_STATE_PAGES, false),
	STATE("swapcached", "NR_SWAPCACHE", RECORD_STATE_PAGES, false),
	STATE("anon_thp", "NR_ANON_THPS", RECORD_STATE_PAGES, false),
	STATE("file_thp", "NR_FILE_THPS", RECORD_STATE_PAGES, false),
	STATE("shmem_thp", "NR_SHMEM_THPS", RECORD_STATE_PAGES, false),
	STATE("inactive_anon", "NR_INACTIVE_ANON", RECORD_STATE_PAGES, false),
	STATE("active_anon", "NR_ACTIVE_ANON", RECORD_STATE_PAGES, false),
	STATE("inactive_file", "NR_INACTIVE_FILE", RECORD_STATE_PAGES, false),
	STATE("active_file", "NR_ACTIVE_FILE", RECORD_STATE_PAGES, false),
	STATE("unevictable", "NR_UNEVICTABLE", RECORD_STATE_PAGES, false),
	STATE("slab_reclaimable", "NR_SLAB_RECLAIMABLE_B", RECORD_STATE, false),
	STATE("slab_unreclaimable", "NR_SLAB_UNRECLAIMABLE_B", RECORD_STATE, false),
	STATE("hugetlb", "NR_HUGETLB", RECORD_STATE_PAGES, false),
	STATE("vmalloc", "NR_VMALLOC", RECORD_STATE_PAGES, false),
	SUM("slab", false),
	STATE("workingset_refault_anon", "WORKINGSET_REFAULT_ANON", RECORD_STATE, true),
	STATE("workingset_refault_file", "WORKINGSET_REFAULT_FILE", RECORD_STATE, true),
	STATE("workingset_activate_anon", "WORKINGSET_ACTIVATE_ANON", RECORD_STATE, true),
	STATE("workingset_activate_file", "WORKINGSET_ACTIVATE_FILE", RECORD_STATE, true),
	STATE("workingset_restore_anon", "WORKINGSET_RESTORE_ANON", RECORD_STATE, true),
	STATE("workingset_restore_file", "WORKINGSET_RESTORE_FILE", RECORD_STATE, true),
	STATE("workingset_nodereclaim", "WORKINGSET_NODERECLAIM", RECORD_STATE, true),
	STATE("pgdemote_kswapd", "PGDEMOTE_KSWAPD", RECORD_STATE, true),
	STATE("pgdemote_direct", "PGDEMOTE_DIRECT", RECORD_STATE, true),
	STATE("pgdemote_khugepaged", "PGDEMOTE_KHUGEPAGED", RECORD_STATE, true),
	STATE("pgdemote_proactive", "PGDEMOTE_PROACTIVE", RECORD_STATE, true),
	STATE("pgpromote_success", "PGPROMOTE_SUCCESS", RECORD_STATE, true),
	STATE("pgscan_kswapd", "PGSCAN_KSWAPD", RECORD_STATE, true),
	STATE("pgscan_direct", "PGSCAN_DIRECT", RECORD_STATE, true),
	STATE("pgscan_khugepaged", "PGSCAN_KHUGEPAGED", RECORD_STATE, true),
	STATE("pgscan_proactive", "PGSCAN_PROACTIVE", RECORD_STATE, true),
	STATE("pgsteal_kswapd", "PGSTEAL_KSWAPD", RECORD_STATE, true),
	STATE("pgsteal_direct", "PGSTEAL_DIRECT", RECORD_STATE, true),
	STATE("pgsteal_khugepaged", "PGSTEAL_KHUGEPAGED", RECORD_STATE, true),
	STATE("pgsteal_proactive", "PGSTEAL_PROACTIVE", RECORD_STATE, true),
	STATE("pgrefill", "PGREFILL", RECORD_STATE, true),
	SUM("pgscan", true),
	SUM("pgsteal", true),
	STATE("pgfault", NULL, RECORD_STATE, true),
	STATE("pgmajfault", NULL, RECORD_STATE, true),
	STATE("pgactivate", NULL, RECORD_STATE, true),
	STATE("pgdeactivate", NULL, RECORD_STATE, true),
	STATE("pglazyfree", NULL, RECORD_STATE, true),
	STATE("pglazyfreed", NULL, RECORD_STATE, true),
	STATE("pswpin", NULL, RECORD_STATE, true),
	STATE("pswpout", NULL, RECORD_STATE, true),
	STATE("swpin_zero", NULL, RECORD_STATE, true),
	STATE("swpout_zero", NULL, RECORD_STATE, true),
	STATE("zswpin", NULL, RECORD_STATE, true),
	STATE("zswpout", NULL, RECORD_STATE, true),
	STATE("zswpwb", NULL, RECORD_STATE, true),
	STATE("thp_fault_alloc", NULL, RECORD_STATE, true),
	STATE("thp_collapse_alloc", NULL, RECORD_STATE, true),
	STATE("thp_swpout", NULL, RECORD_STATE, true),
	STATE("thp_swpout_fallback", NULL, RECORD_STATE, true),
	STATE("numa_pages_migrated", NULL, RECORD_STATE, true),
	STATE("numa_pte_updates", NULL, RECORD_STATE, true),
	STATE("numa_hint_faults", NULL, RECORD_STATE, true),
	STATE("numa_task_migrated", NULL, RECORD_STATE, true),
	STATE("numa_task_swapped", NULL, RECORD_STATE, true),

	DEVICE("rbytes", bytes[0]),
	DEVICE("wbytes", bytes[1]),
	DEVICE("rios", operations[0]),
	DEVICE("wios", operations[1]),
	DEVICE("dbytes", bytes[2]),
	DEVICE("dios", operations[2]),
	NO_COST("cost.usage"),
	NO_COST("cost.wait"),
	NO_COST("cost.indebt"),
	NO_COST("cost.indelay"),
	NO_COST("cost.vrate"),
	NO_LIMIT("io.max", "*", "rbps"),
	NO_LIMIT("io.max", "*", "wbps"),
	NO_LIMIT("io.max", "*", "riops"),
	NO_LIMIT("io.max", "*", "wiops"),
	NO_LIMIT("io.latency", "*", "target"),
	GAUGE("io.weight", "default", RECORD_IO_WEIGHT, io_weight, RECORD_AS_IS),
	NO_LIMIT("io.weight", NULL, "*"),

	GAUGE("pids.current", NULL, RECORD_PIDS, pids, RECORD_AS_IS),
	GAUGE("pids.max", NULL, RECORD_PIDS, pids_max, RECORD_PIDS_LIMIT),
	COUNTER("pids.peak", NULL, RECORD_PIDS_PEAK, pids_peak, RECORD_AS_IS),
	COUNTER("pids.events", "max", RECORD_PIDS_EVENTS, pids_events, RECORD_AS_IS),
	COUNTER("pids.events.local", "max", RECORD_PIDS_EVENTS_LOCAL, pids_events_local,
		RECORD_AS_IS),

	PRESSURE("cpu.pressure", "some", RECORD_CPU_SOME),
	PRESSURE("cpu.pressure", "full", RECORD_CPU_FULL),
	PRESSURE("memory.pressure", "some", RECORD_MEMORY_SOME),
	PRESSURE("memory.pressure", "full", RECORD_MEMORY_FULL),
	PRESSURE("io.pressure", "some", RECORD_IO_SOME),
	PRESSURE("io.pressure", "full", RECORD_IO_FULL),
	PRESSURE("irq.pressure", "full", RECORD_IRQ_FULL),
};

const size_t n_record_numbers = ARRAY_SIZE(record_numbers);

_Static_assert(ARRAY_SIZE(record_numbers) <= RECORD_NUMBERS_MAX, "too many for a layout");

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && streq(a, b));
}

static const struct record_number *find_number(const char *file, const struct rows_cell *cell)
{
	for (size_t i = 0; i < n_record_numbers; i++) {
		const struct record_number *number = &record_numbers[i];

		if (streq(number->file, file) && is_same(number->line, cell->line) &&
		    is_same(number->key, cell->key))
			return number;
	}
	return NULL;
}

/* Whether all that wants this number is in the API alone: metrics can do without. */
static bool is_only_in_api(const struct rows *rows, const struct rows_cell *cell)
{
	for (unsigned i = 0; i < cell->n_targets; i++)
		if (!rows->table.metrics[cell->targets[i].row].only_in_api)
			return false;
	return cell->n_targets > 0;
}

/* The parts of a record that stand for all cells of a file; 0: one of them is not in records. */
static void bind_file(const struct rows *rows, struct rows_file *file)
{
	bool all = true;

	file->record_parts = file->metrics_parts = 0;
	for (unsigned n = 0; n < file->n_cells; n++) {
		struct rows_cell *cell = &file->cells[n];

		cell->in_record = find_number(file->name, cell);
		all &= cell->in_record != NULL;
		if (!cell->in_record || cell->in_record->maybe)
			continue;
		file->record_parts |= cell->in_record->filled;
		if (!is_only_in_api(rows, cell))
			file->metrics_parts |= cell->in_record->filled;
	}
	if (!all)
		file->record_parts = file->metrics_parts = 0;
}

void rows_bind_record(struct rows *rows)
{
	for (unsigned i = 0; i < rows->n_files; i++)
		bind_file(rows, &rows->files[i]);
}

/* The run time in nanoseconds, divided as cpu.stat does: cputime_adjust(), kernel/sched/cputime.c. */
static void divide_time(const struct wire_record *record, uint64_t *ret_user, uint64_t *ret_system)
{
	uint64_t total = record->runtime_ns, ticks = record->user_ns + record->system_ns;
	uint64_t system = total;

	*ret_user = record->told_user_ns;
	*ret_system = record->told_system_ns;
	if (record->told_user_ns + record->told_system_ns >= total)
		return;
	if (record->system_ns == 0)
		system = 0;
	else if (record->user_ns != 0)
		system = (uint64_t)((unsigned __int128)record->system_ns * total / ticks);
	if (system < record->told_system_ns)
		system = record->told_system_ns;
	if (total - system < record->told_user_ns)
		system = total - record->told_user_ns;
	*ret_user = total - system;
	*ret_system = system;
}

/* PAGE_COUNTER_MAX, PIDS_MAX */
static uint64_t pages_max(uint64_t page)
{
	return (uint64_t)LONG_MAX / page;
}

static const uint64_t pids_max = UINT64_C(4) * 1024 * 1024 + 1;

/* scale_load_down(), and the weight of cgroups from that of the scheduler. */
static uint64_t weight_of(uint64_t shares)
{
	uint64_t weight = shares >> 10;

	if (shares && weight < 2)
		weight = 2;
	return (weight * 100 + 512) / 1024;
}

/* memory.stat shows no state below 0: they are kept per CPU, and may be for a moment. */
static struct rows_number convert_states(const struct wire_record *record,
					 const struct record_number *number,
					 const struct record_places *places, uint64_t page)
{
	struct rows_number result = { places->n ? NUMBER_VALUE : NUMBER_ABSENT, 0 };

	for (unsigned i = 0; i < places->n; i++) {
		uint64_t value = record->memory_stat[places->places[i]];

		if (places->places[i] >= RECORD_STATES_MAX || value <= INT64_MAX)
			result.value += value;
	}
	if (number->unit == RECORD_STATE_PAGES)
		result.value *= page;
	else if (number->unit == RECORD_STATE_KIB)
		result.value *= 1024;
	return result;
}

static struct rows_number convert(const struct wire_record *record,
				  const struct record_number *number,
				  const struct record_layout *layout)
{
	struct rows_number result = { NUMBER_VALUE, 0 };
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), user, system, limit = UINT64_MAX;

	if (number->filled == RECORD_MEMORY_STAT)
		return convert_states(record, number, &layout->numbers[number - record_numbers],
				      page);
	memcpy(&result.value, (const char *)record + number->offset, sizeof(result.value));
	switch (number->unit) {
	case RECORD_AS_IS:
	case RECORD_STATE:
	case RECORD_STATE_PAGES:
	case RECORD_STATE_KIB:
	case RECORD_DEVICE:
		break;
	case RECORD_NO_DEVICE:
		result.state = NUMBER_ABSENT;
		break;
	case RECORD_QUOTA:
		if (result.value == limit)
			result.state = NUMBER_MAX;
		result.value /= 1000;
		break;
	case RECORD_NANOSECONDS:
	case RECORD_STALL:
		result.value /= 1000;
		break;
	case RECORD_PAGES_LIMIT:
		if (result.value >= pages_max(page))
			result.state = NUMBER_MAX;
		result.value *= page;
		break;
	case RECORD_PAGES:
		result.value *= page;
		break;
	case RECORD_PIDS_LIMIT:
		if (result.value >= pids_max)
			result.state = NUMBER_MAX;
		break;
	case RECORD_WEIGHT:
		result.value = weight_of(result.value);
		break;
	case RECORD_USER_TIME:
	case RECORD_SYSTEM_TIME:
		divide_time(record, &user, &system);
		result.value = (number->unit == RECORD_USER_TIME ? user : system) / 1000;
		break;
	case RECORD_ZERO:
		result.value = 0;
		break;
	}
	return result;
}

/* Of a device that was not read from and not written to there is a line, with nothing in it. */
static bool is_unused(const struct wire_device *device)
{
	return !(device->bytes[0] | device->bytes[1] | device->operations[0] |
		 device->operations[1]);
}

static void put_devices(struct rows *rows, struct rows_file *file, const struct wire_record *record)
{
	for (uint64_t n = 0; n < record->n_devices && n < RECORD_DEVICES_MAX; n++) {
		const struct wire_device *device = &record->devices[n];
		struct rows_word *word;
		char text[32];
		int length = snprintf(text, sizeof(text), "%u:%u", device->major, device->minor);

		if (is_unused(device) || rows_word(rows, text, (size_t)length, &word) < 0)
			continue;
		for (unsigned i = 0; i < file->n_cells; i++) {
			struct rows_cell *cell = &file->cells[i];
			struct rows_number number = { NUMBER_VALUE, 0 };

			if (cell->in_record->unit != RECORD_DEVICE)
				continue;
			memcpy(&number.value, (const char *)device + cell->in_record->offset,
			       sizeof(number.value));
			rows_put(rows, cell, word, number);
		}
	}
}

/* Whether a record stands for a file: for all that is wanted of it, or, to compare them, for some. */
static bool stands_for(const struct rows *rows, const struct wire_record *record,
		       const struct rows_file *file)
{
	uint64_t wanted = rows->detail >= DETAIL_METRICS ? file->metrics_parts : file->record_parts;

	if (rows->compares)
		return record->filled & file->record_parts;
	return wanted && (record->filled & wanted) == wanted;
}

/*
 * Whether the kernel gives this file to groups. What files there are of a controller is the same for all groups that
 * have the controller, but for the root: cgroup_addrm_files(), kernel/cgroup/cgroup.c. Files of pressure may be
 * hidden from one group, which has none in its record then.
 */
static bool is_given(const struct hierarchy *hierarchy, const struct rows_file *file)
{
	return hierarchy->readable[file->number / 64] >> (file->number % 64) & 1;
}

int rows_read_record(struct rows *rows, struct group *group, struct rows_file *file)
{
	const struct wire_record *record = group->record;

	if (!record || !is_given(rows->collection->hierarchy, file) ||
	    !stands_for(rows, record, file))
		return -EAGAIN;
	rows_begin_reading(rows, group, true);
	rows->reading.since = ++rows->stamp;
	rows->malformed = false;
	if (file->record_parts & RECORD_IO) {
		put_devices(rows, file, record);
		return 0;
	}
	for (unsigned i = 0; i < file->n_cells; i++) {
		struct rows_cell *cell = &file->cells[i];

		if (!(record->filled & cell->in_record->filled))
			continue;
		struct rows_number number =
			convert(record, cell->in_record, rows->collection->hierarchy->layout);
		if (number.state != NUMBER_ABSENT)
			rows_put(rows, cell, NULL, number);
	}
	return 0;
}
