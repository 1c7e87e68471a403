/* SPDX-License-Identifier: Apache-2.0 */
/* The model: snapshot, arena, buffer, histogram, proc_stat. */
#include "collector/snapshot.h"

#include "collector/buffer.h"
#include "collector/procfs/proc_stat.h"
#include "tests/support.h"

#include <sys/mman.h>

static const struct metric gauge = { .name = "g", .scale = SCALE_MICROSECONDS };
static const struct metric labelled = { .name = "l", .labels = { "device" }, .value = VALUE_REAL };
static const struct metric host = { .name = "h", .scope = SCOPE_HOST };

static void keeps_samples_in_order(void **state)
{
	struct snapshot *s = snapshot_new();
	struct workload w = { .path = "/" };
	struct family families[] = { { .metric = &gauge },
				     { .metric = &labelled },
				     { .metric = &host } };
	uint64_t expected = 0;

	(void)state;
	for (uint64_t i = 0; i < 5000; i++)
		family_add_integer(s, &families[0], &w, NULL, i);
	const char *device = "sda";
	family_add_real(s, &families[1], &w, snapshot_labels(s, 1, &device), 0.5);
	family_add_integer(s, &families[2], NULL, NULL, UINT64_MAX);
	for_each_sample(sample, &families[0])
		assert_int_equal(sample->integer, expected++);
	assert_int_equal(expected, 5000);
	assert_int_equal(families[0].n_samples, 5000);
	assert_string_equal(families[1].first->samples[0].labels[0], "sda");
	assert_true(sample_value(&labelled, &families[1].first->samples[0]) == 0.5);
	assert_true(sample_value(&gauge, &families[0].first->samples[7]) == 7 / 1e6);
	s->families = families;
	s->n_families = ARRAY_SIZE(families);
	assert_ptr_equal(snapshot_family(s, "l"), &families[1]);
	assert_null(snapshot_family(s, "nothing"));
	const struct snapshot *second = snapshot_ref(s);
	snapshot_unref(s);
	assert_int_equal(second->references, 1);
	snapshot_unref(second);
	snapshot_unref(NULL);
}

static void arena_hands_out_zeroed_memory(void **state)
{
	struct arena arena = { 0 };

	(void)state;
	for (size_t size = 1; size < 300000; size = size * 3 + 1) {
		char *p = arena_alloc(&arena, size);

		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xaa, size);
	}
	assert_string_equal(arena_strndup(&arena, "container", 4), "cont");
	assert_string_equal(arena_strdup(&arena, ""), "");
	assert_true(arena.bytes > 300000);
	arena_free(&arena);
	assert_int_equal(arena.bytes, 0);
}

static bool is_mapped(const void *p)
{
	unsigned char there;
	uintptr_t page = (uintptr_t)p & ~(uintptr_t)4095;

	return mincore((void *)page, 1, &there) == 0;
}

static void memory_of_a_snapshot_is_used_again(void **state)
{
	enum { LARGE = 1000000 };
	struct snapshot *old = snapshot_new(), *next = snapshot_new();
	struct arena spare = { 0 };

	(void)state;
	char *small = memset(arena_alloc(&old->arena, 100), 'x', 100);
	char *large = memset(arena_alloc(&old->arena, LARGE), 'x', LARGE);
	const struct snapshot *reader = snapshot_ref(old);
	size_t bytes = old->arena.bytes;
	snapshot_recycle(old, &spare);
	assert_null(spare.spare); /* somebody still reads it */
	snapshot_recycle(reader, &spare);
	assert_non_null(spare.spare);
	arena_reuse(&next->arena, &spare);
	assert_null(spare.spare);
	assert_int_equal(next->arena.bytes, 0);
	char *first = arena_alloc(&next->arena, LARGE);
	assert_ptr_equal(first, large);
	for (size_t i = 0; i < LARGE; i++)
		assert_int_equal(first[i], 0);
	char *second = arena_alloc(&next->arena, 50000);
	assert_true(next->arena.bytes == bytes);
	for (size_t i = 0; i < 50000; i++)
		assert_int_equal(second[i], 0);
	assert_true(is_mapped(small));
	arena_free(&next->arena);
	assert_false(is_mapped(large));
	/* What is not used is given back. */
	old = snapshot_new();
	small = arena_alloc(&old->arena, 100);
	snapshot_recycle(old, &spare);
	arena_reuse(&next->arena, &spare);
	assert_true(is_mapped(small));
	arena_trim(&next->arena);
	assert_false(is_mapped(small));
	snapshot_recycle(NULL, &spare);
	snapshot_unref(next);
}

static void buffer_grows_and_shrinks(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	for (int i = 0; i < 10000; i++)
		buffer_printf(&b, "%04d", i);
	assert_int_equal(b.length, 40000);
	buffer_consume(&b, 39996);
	buffer_putc(&b, '!');
	assert_memory_equal(b.data, "9999!", 5);
	buffer_consume(&b, 5);
	assert_int_equal(b.length, 0);
	buffer_puts(&b, "again");
	assert_int_equal(b.length, 5);
	buffer_free(&b);
}

static void histogram_adds_up(void **state)
{
	const uint64_t counts[] = { 1, 0, 4 };
	const struct histogram h = {
		.schema = 0, .zero_count = 2, .first = -1, .n = 3, .counts = counts, .overflow = 7
	};

	(void)state;
	assert_int_equal(histogram_count(&h), 14);
	assert_int_equal(histogram_cumulative(&h, -2), 2);
	assert_int_equal(histogram_cumulative(&h, -1), 3);
	assert_int_equal(histogram_cumulative(&h, 1), 7);
	assert_true(histogram_bound(0, 3) == 8);
	assert_true(histogram_bound(-1, 2) == 16);
	assert_true(histogram_bound(3, 8) == 2);
	assert_true(histogram_bound(3, -24) == 0.125);
}

static void parses_process_lines(void **state)
{
	struct proc_stat st = { 0 };

	(void)state;
	assert_int_equal(
		proc_stat_parse("12 (a) b) R 1 12 12 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 3 0 "
				"777 8192000 250 18446744073709551615 1 1\n",
				&st),
		0);
	assert_string_equal(st.comm, "a) b");
	assert_int_equal(st.state, 'R');
	assert_int_equal(st.ppid, 1);
	assert_int_equal(st.utime, 50);
	assert_int_equal(st.stime, 60);
	assert_int_equal(st.threads, 3);
	assert_int_equal(st.starttime, 777);
	assert_int_equal(st.vsize, 8192000);
	assert_int_equal(st.rss_pages, 250);
	static const char *const bad[] = { "",		"12",	   "12 (x",
					   "12 x) R",	"12 (x) ", "12 (x) R 1 2 3",
					   "12 (x)R 1", ")(" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(proc_stat_parse(bad[i], &st), -EINVAL);
	assert_int_equal(proc_stat_read("/proc", "self", &st), 0);
	assert_int_equal(st.ppid, getppid());
	assert_true(proc_boot_time_ms("/proc") > INT64_C(1600000000000));
	assert_int_equal(proc_boot_time_ms("/nowhere"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_samples_in_order),
		cmocka_unit_test(arena_hands_out_zeroed_memory),
		cmocka_unit_test(memory_of_a_snapshot_is_used_again),
		cmocka_unit_test(buffer_grows_and_shrinks),
		cmocka_unit_test(histogram_adds_up),
		cmocka_unit_test(parses_process_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
