/* SPDX-License-Identifier: Apache-2.0 */
/* The bucket table against a search over all bounds, as the programs use it. */
#include <math.h>

#include "collector/probes/histograms.h"
#include "tests/support.h"

static uint64_t bound_ns(unsigned cell)
{
	return (uint64_t)floorl(exp2l(((long double)cell / 8) - 20) * 1e9L);
}

/* bpf/histograms.h's cell_of(), but for its way to find the highest bit. */
static uint64_t cell_of(const struct wire_bucket *buckets, uint64_t ns)
{
	if (ns <= WIRE_LOWEST_NS)
		return 0;
	uint64_t e = 63 - (uint64_t)__builtin_clzll(ns);
	const struct wire_bucket *bucket = &buckets[e << 4 | (ns >> (e - 4) & 15)];

	return bucket->cell + (ns > bucket->threshold_ns);
}

static void every_bound_is_exact(void **state)
{
	struct wire_bucket buckets[WIRE_BUCKET_ROWS];

	(void)state;
	histograms_fill_buckets(buckets);
	for (unsigned cell = 0; cell <= WIRE_BUCKETS_MAX; cell++) {
		assert_int_equal(cell_of(buckets, bound_ns(cell)), cell);
		assert_int_equal(cell_of(buckets, bound_ns(cell) + 1), cell + 1);
	}
	assert_int_equal(bound_ns(160), 1000000000); /* one second */
	assert_int_equal(cell_of(buckets, 0), 0);
	assert_int_equal(cell_of(buckets, 1), 0);
	assert_int_equal(cell_of(buckets, UINT64_MAX), WIRE_BUCKETS_MAX + 1);
}

static void values_between_bounds_are_right(void **state)
{
	struct wire_bucket buckets[WIRE_BUCKET_ROWS];
	uint64_t ns = 1;
	unsigned cell = 0;

	(void)state;
	histograms_fill_buckets(buckets);
	for (unsigned i = 0; i < 2000000; i++) {
		while (cell <= WIRE_BUCKETS_MAX && ns > bound_ns(cell))
			cell++;
		assert_int_equal(cell_of(buckets, ns), cell);
		ns += 1 + ns / 60000;
	}
	assert_true(ns > bound_ns(WIRE_BUCKETS_MAX)); /* all were passed */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bound_is_exact),
		cmocka_unit_test(values_between_bounds_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
