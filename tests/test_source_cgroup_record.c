/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a number of a record is in a file, and the comparison of the two: files as the kernel writes them, a
 * record with what it had in mind.
 */
#include "bpf/wire_records.h"
#include "collector/cgroups.h"
#include "collector/record_layout.h"
#include "collector/sources/cgroup_check.h"
#include "collector/sources/cgroup_record.h"
#include "tests/support.h"

enum { PAGE = 4096 };

struct desk {
	char *tree;
	struct options options;
	struct hierarchy *hierarchy;
	struct record_check *check;
	struct wire_record record;
	unsigned compared;
	char *mismatch;
};

static void write_file(const struct desk *desk, const char *name, const char *text)
{
	cleanup_free char *path = xasprintf("cgroup/a/%s", name);

	tree_write(desk->tree, path, text);
}

static struct desk *desk_new(void)
{
	struct desk *desk = xcalloc(1, sizeof(*desk));

	desk->tree = tree_new();
	tree_mkdir(desk->tree, "cgroup/a");
	desk->options = options_for_tree(desk->tree);
	desk->check = record_check_new(&desk->options);
	return desk;
}

static void desk_free(struct desk *desk)
{
	hierarchy_close(desk->hierarchy);
	record_check_free(desk->check);
	options_for_tree_free(&desk->options);
	tree_remove(desk->tree);
	free(desk->mismatch);
	free(desk);
}

static void begin(struct desk *desk)
{
	if (!desk->hierarchy) {
		assert_int_equal(hierarchy_open(&desk->options, &desk->hierarchy), 0);
		assert_int_equal(hierarchy_walk(desk->hierarchy), 0);
	}
	record_check_begin(desk->check, desk->hierarchy);
}

/* The files before, the record, the files after: how many numbers were never right. */
static unsigned try(struct desk *desk, const char *file, const char *after)
{
	record_check_before(desk->check, desk->hierarchy);
	if (file)
		write_file(desk, file, after);
	desk->hierarchy->groups[1]->record = &desk->record;
	free(desk->mismatch);
	desk->mismatch = NULL;
	unsigned wrong =
		record_check_after(desk->check, desk->hierarchy, &desk->compared, &desk->mismatch);
	desk->hierarchy->groups[1]->record = NULL;
	return wrong;
}

static unsigned compare(struct desk *desk, const char *file, const char *after)
{
	begin(desk);
	return try(desk, file, after);
}

static void expect_wrong(struct desk *desk, const char *what)
{
	assert_int_equal(compare(desk, NULL, NULL), 1);
	if (!strstr(desk->mismatch, what))
		fail_msg("%s is not in: %s", what, desk->mismatch);
}

static void times_and_quotas(void **state)
{
	struct desk *desk = desk_new();
	struct wire_record *record = &desk->record;

	(void)state;
	write_file(desk, "cpu.max", "max 100000\n");
	write_file(desk, "cpu.max.burst", "5000\n");
	write_file(desk, "cpu.idle", "0\n");
	write_file(desk, "cpu.weight", "321\n");
	*record = (struct wire_record){
		.filled = RECORD_TIME | RECORD_NICE | RECORD_CPU | RECORD_BURST | RECORD_IDLE |
			  RECORD_SHARES,
		.runtime_ns = 3000001500,
		.user_ns = 2000,
		.system_ns = 1000, /* by ticks: a third */
		.nice_ns = 7999,
		.periods = 10,
		.throttled_periods = 4,
		.throttled_ns = 1234567,
		.burst_periods = 2,
		.burst_ns = 99000,
		.quota_ns = UINT64_MAX,
		.period_ns = 100000000,
		.max_burst_ns = 5000000,
		.shares = UINT64_C(3287) << 10, /* 321 * 1024 / 100, rounded */
	};
	write_file(desk, "cpu.stat",
		   "usage_usec 3000001\nuser_usec 2000001\nsystem_usec 1000000\nnice_usec 7\n"
		   "nr_periods 10\nnr_throttled 4\nthrottled_usec 1234\nnr_bursts 2\n"
		   "burst_usec 99\n");
	if (compare(desk, NULL, NULL))
		fail_msg("%s", desk->mismatch);
	assert_int_equal(desk->compared, 15); /* that there is no force_idle, too */
	/* The tool that looked last was told more system time than a third. */
	record->told_system_ns = 1500000000;
	assert_int_equal(compare(desk, NULL, NULL), 2);
	record->told_system_ns = 0;
	record->quota_ns = 20000000;
	expect_wrong(desk, "cpu.max of /a, key #1 was max, the record has 20000, then it was max");
	record->quota_ns = UINT64_MAX;
	record->shares = 1024 << 10;
	expect_wrong(desk, "cpu.weight of /a was 321, the record has 100");
	/* Without the controller the file has no such lines: it must not be taken for 0. */
	record->filled &= ~(uint64_t)(RECORD_SHARES | RECORD_BURST);
	assert_int_equal(compare(desk, NULL, NULL), 2);
	desk_free(desk);
}

static void memory_and_tasks(void **state)
{
	struct desk *desk = desk_new();
	struct wire_record *record = &desk->record;

	(void)state;
	write_file(desk, "memory.current", "8192\n");
	write_file(desk, "memory.peak", "16384\n");
	write_file(desk, "memory.min", "0\n");
	write_file(desk, "memory.low", "4096\n");
	write_file(desk, "memory.high", "max\n");
	write_file(desk, "memory.max", "1048576\n");
	write_file(desk, "memory.oom.group", "1\n");
	write_file(desk, "memory.events",
		   "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n");
	write_file(desk, "memory.swap.events", "high 7\nmax 8\nfail 9\n");
	write_file(desk, "pids.current", "3\n");
	write_file(desk, "pids.max", "max\n");
	write_file(desk, "pids.peak", "30\n");
	write_file(desk, "pids.events", "max 31\n");
	*record = (struct wire_record){
		.filled = RECORD_MEMORY | RECORD_SWAP | RECORD_PIDS | RECORD_PIDS_PEAK |
			  RECORD_PIDS_EVENTS,
		.memory = { .usage = 2, .watermark = 4, .high = INT64_MAX / PAGE, .max = 256 },
		.memory_low = 1,
		.oom_group = 1,
		.events = { 1, 2, 3, 4, 5, 6, 7, 8, 9 },
		.pids = 3,
		.pids_max = 4194305,
		.pids_peak = 30,
		.pids_events = 31,
	};
	if (compare(desk, NULL, NULL))
		fail_msg("%s", desk->mismatch);
	assert_int_equal(desk->compared, 20); /* no file of swap is there */
	record->pids_max = 4194304;
	expect_wrong(desk, "pids.max of /a was max, the record has 4194304");
	record->pids_max = 4194305;
	record->events[RECORD_SWAP_FAIL] = 10;
	expect_wrong(desk, "memory.swap.events of /a, key fail was 9");
	desk_free(desk);
}

/* What the files had before and after is the measure; gauges that moved are not judged. */
static void between_two_readings(void **state)
{
	struct desk *desk = desk_new();
	struct wire_record *record = &desk->record;

	(void)state;
	write_file(desk, "pids.peak", "30\n");
	write_file(desk, "pids.current", "20\n");
	*record = (struct wire_record){
		.filled = RECORD_PIDS | RECORD_PIDS_PEAK,
		.pids = 20,
		.pids_peak = 32,
	};
	assert_int_equal(compare(desk, "pids.peak", "33\n"), 0);
	assert_int_equal(desk->compared, 2);
	assert_int_equal(compare(desk, "pids.peak", "34\n"), 1); /* 33 before */
	record->pids_peak = 40;
	assert_int_equal(compare(desk, "pids.peak", "39\n"), 1);
	write_file(desk, "pids.current", "5\n");
	record->pids = 50;
	record->pids_peak = 39;
	assert_int_equal(compare(desk, "pids.current", "6\n"), 0);
	assert_int_equal(compare(desk, NULL, NULL), 1); /* it stands still at 6 */
	desk_free(desk);
}

/* Of what moves another number may look wrong each time; what is wrong is so each time. */
static void wrong_each_time(void **state)
{
	struct desk *desk = desk_new();
	struct wire_record *record = &desk->record;

	(void)state;
	write_file(desk, "pids.peak", "30\n");
	write_file(desk, "pids.current", "20\n");
	write_file(desk, "pids.max", "max\n");
	*record = (struct wire_record){
		.filled = RECORD_PIDS | RECORD_PIDS_PEAK,
		.pids = 19,
		.pids_max = 4194305,
		.pids_peak = 31,
	};
	begin(desk);
	assert_int_equal(try(desk, NULL, NULL), 2);
	assert_int_equal(desk->compared, 3);
	record->pids = 20;
	assert_int_equal(try(desk, NULL, NULL), 1); /* still pids.peak */
	assert_int_equal(desk->compared, 2);
	if (!strstr(desk->mismatch, "pids.peak of /a was 30, the record has 31"))
		fail_msg("%s", desk->mismatch);
	/* What was right once may be anything since: it was the file that moved. */
	record->pids = 19;
	record->pids_peak = 30;
	assert_int_equal(try(desk, NULL, NULL), 0);
	assert_int_equal(desk->compared, 1);
	/* With the next beginning it counts again. */
	assert_int_equal(compare(desk, NULL, NULL), 1);
	/* A record that does not stand for the file any more has nothing wrong. */
	record->filled = RECORD_PIDS_PEAK;
	assert_int_equal(try(desk, NULL, NULL), 0);
	desk_free(desk);
}

/* The same number of another group is another number. */
static void wrong_in_each_group(void **state)
{
	struct desk *desk = desk_new();
	struct wire_record right = { .filled = RECORD_PIDS, .pids = 20, .pids_max = 4194305 },
			   wrong = right;

	(void)state;
	wrong.pids = 19;
	tree_mkdir(desk->tree, "cgroup/a/b");
	for (int i = 0; i < 2; i++) {
		write_file(desk, i ? "b/pids.current" : "pids.current", "20\n");
		write_file(desk, i ? "b/pids.max" : "pids.max", "max\n");
	}
	begin(desk);
	for (int i = 0; i < 2; i++) {
		record_check_before(desk->check, desk->hierarchy);
		desk->hierarchy->groups[1]->record = i ? &right : &wrong;
		desk->hierarchy->groups[2]->record = i ? &wrong : &right;
		assert_int_equal(record_check_after(desk->check, desk->hierarchy, &desk->compared,
						    &desk->mismatch),
				 !i);
		free(desk->mismatch);
		desk->mismatch = NULL;
	}
	desk_free(desk);
}

static void set_places(struct record_layout *layout, const char *key, unsigned n, uint8_t first)
{
	for (size_t i = 0; i < n_record_numbers; i++)
		if (streq(record_numbers[i].file, "memory.stat") &&
		    streq(record_numbers[i].key, key)) {
			layout->numbers[i] = (struct record_places){ .n = (uint8_t)n };
			for (unsigned k = 0; k < n; k++)
				layout->numbers[i].places[k] = (uint8_t)(first + k);
			return;
		}
	fail_msg("no %s in records", key);
}

/* In pages, kilobytes and as it is; states below 0 are 0; of what the layout does not have there is nothing. */
static void memory_stat(void **state)
{
	struct desk *desk = desk_new();
	struct wire_record *record = &desk->record;
	struct record_layout layout = { .n_states = 6, .n_counts = 1 };

	(void)state;
	set_places(&layout, "anon", 1, 0);
	set_places(&layout, "kernel_stack", 1, 1);
	set_places(&layout, "slab_reclaimable", 1, 2);
	set_places(&layout, "slab_unreclaimable", 1, 3);
	set_places(&layout, "slab", 2, 2);
	set_places(&layout, "file", 1, 4);
	set_places(&layout, "pgfault", 1, RECORD_STATES_MAX);
	write_file(desk, "memory.stat",
		   "anon 8192\nfile 0\nkernel_stack 16384\nslab_reclaimable 10\n"
		   "slab_unreclaimable 20\nslab 30\nunknown 7\npgfault 18446744073709551615\n");
	*record = (struct wire_record){
		.filled = RECORD_MEMORY_STAT,
		.memory_stat = { 2, 16, 10, 20, (uint64_t)-5, [RECORD_STATES_MAX] = UINT64_MAX }
	};
	begin(desk);
	desk->hierarchy->layout = &layout;
	if (try(desk, NULL, NULL))
		fail_msg("%s", desk->mismatch);
	assert_true(desk->compared > 40); /* that the others are in neither, too */
	record->memory_stat[3] = 21;
	assert_int_equal(compare(desk, NULL, NULL), 2);
	record->memory_stat[3] = 20;
	set_places(&layout, "shmem", 1, 0);
	expect_wrong(desk, "memory.stat of /a, key shmem was nothing, the record has 8192");
	desk_free(desk);
}

/* Of all devices together; one that was not used is in neither. */
static void devices(void **state)
{
	struct desk *desk = desk_new();
	struct wire_record *record = &desk->record;

	(void)state;
	write_file(desk, "io.stat",
		   "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n7:1 \n"
		   "259:3 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n");
	*record = (struct wire_record){
		.filled = RECORD_IO,
		.n_devices = 3,
		.devices = { { 8, 0, { 4096 }, { 1 } },
			     { 7, 1, { 0, 0, 9 }, { 0 } },
			     { 259, 3, { 1, 2, 5 }, { 3, 4, 6 } } },
	};
	if (compare(desk, NULL, NULL))
		fail_msg("%s", desk->mismatch);
	assert_true(desk->compared >= 6);
	record->devices[2].bytes[1] = 3;
	expect_wrong(desk, "io.stat of /a, line *, key wbytes was 2, the record has 3");
	record->n_devices = 0;
	assert_int_equal(compare(desk, NULL, NULL), 6);
	desk_free(desk);
}

/* Where no policy of I/O keeps anything, limits are empty and weights are the default; else the files are read. */
static void limits_of_devices(void **state)
{
	struct desk *desk = desk_new();
	struct wire_record *record = &desk->record;

	(void)state;
	write_file(desk, "io.max", "");
	write_file(desk, "io.latency", "");
	write_file(desk, "io.weight", "default 250\n");
	*record = (struct wire_record){ .filled = RECORD_IO_PLAIN | RECORD_IO_WEIGHT,
					.io_weight = 250 };
	if (compare(desk, NULL, NULL))
		fail_msg("%s", desk->mismatch);
	assert_int_equal(desk->compared, 7);
	record->io_weight = 100;
	expect_wrong(desk, "io.weight of /a, key default was 250, the record has 100");
	record->io_weight = 250;
	write_file(desk, "io.max", "8:0 rbps=1048576\n");
	expect_wrong(desk, "io.max of /a, line *, key rbps was 1048576, the record has nothing");
	record->filled = RECORD_IO_WEIGHT;
	assert_int_equal(compare(desk, NULL, NULL), 0);
	assert_int_equal(desk->compared, 1); /* the default weight */
	desk_free(desk);
}

/* Averages are in a record only where they are 0; totals also without them. */
static void pressure(void **state)
{
	struct desk *desk = desk_new();
	struct wire_record *record = &desk->record;

	(void)state;
	write_file(desk, "io.pressure",
		   "some avg10=0.00 avg60=0.00 avg300=0.00 total=12\n"
		   "full avg10=0.00 avg60=0.00 avg300=0.00 total=11\n");
	*record = (struct wire_record){
		.filled = (RECORD_STALLS | RECORD_AVERAGES) << RECORD_IO_SOME |
			  (RECORD_STALLS | RECORD_AVERAGES) << RECORD_IO_FULL,
		.stalls_ns = { [RECORD_IO_SOME] = 12999, [RECORD_IO_FULL] = 11000 },
	};
	if (compare(desk, NULL, NULL))
		fail_msg("%s", desk->mismatch);
	assert_int_equal(desk->compared, 8);
	record->filled = RECORD_STALLS << RECORD_IO_SOME;
	assert_int_equal(compare(desk, NULL, NULL), 0);
	assert_int_equal(desk->compared, 1);
	record->stalls_ns[RECORD_IO_SOME] = 13000;
	expect_wrong(desk, "io.pressure of /a, line some, key total was 12, the record has 13");
	record->filled = RECORD_TIME;
	assert_int_equal(compare(desk, NULL, NULL), 0);
	assert_int_equal(desk->compared, 0);
	desk_free(desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_and_quotas),
		cmocka_unit_test(memory_and_tasks),
		cmocka_unit_test(between_two_readings),
		cmocka_unit_test(wrong_each_time),
		cmocka_unit_test(wrong_in_each_group),
		cmocka_unit_test(memory_stat),
		cmocka_unit_test(devices),
		cmocka_unit_test(limits_of_devices),
		cmocka_unit_test(pressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
