/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/stages.h"

#include "tests/support.h"

struct found {
	unsigned n;
	enum workload_kind kind;
	char image[32];
	uint64_t count, others;
	double sum;
	const struct histogram *histogram;
};

static void visit(void *context, enum workload_kind kind, const char *image, enum stage stage,
		  const struct histogram *histogram)
{
	struct found *found = context;

	(void)stage;
	found->n++;
	found->kind = kind;
	snprintf(found->image, sizeof(found->image), "%s", image);
	found->count += histogram_count(histogram);
	found->sum += histogram->sum;
	found->histogram = histogram;
	if (streq(image, "other"))
		found->others += histogram_count(histogram);
}

/* A value that is a bound is below it; what is above the last is nowhere but in +Inf. */
static void test_bounds(void **state)
{
	struct snapshot *snapshot = snapshot_new();
	struct stages *stages = stages_new();
	struct found found = { 0 };

	(void)state;
	stages_add(stages, KIND_CONTAINER, "web", STAGE_EXEC, 0);
	stages_add(stages, KIND_CONTAINER, "web", STAGE_EXEC, 1000000000);
	stages_add(stages, KIND_CONTAINER, "web", STAGE_EXEC, 1000000001);
	stages_add(stages, KIND_CONTAINER, "web", STAGE_EXEC, UINT64_C(100000) * 1000000000);
	stages_read(stages, snapshot, visit, &found);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.kind, KIND_CONTAINER);
	assert_string_equal(found.image, "web");
	assert_int_equal(found.count, 4);
	assert_int_equal(found.histogram->zero_count, 1);
	assert_int_equal(found.histogram->overflow, 1);
	assert_int_equal(histogram_cumulative(found.histogram, 0), 2);
	assert_int_equal(histogram_cumulative(found.histogram, 1), 3);
	stages_free(stages);
	snapshot_unref(snapshot);
}

static void test_many_images(void **state)
{
	struct snapshot *snapshot = snapshot_new();
	struct stages *stages = stages_new();
	struct found found = { 0 };

	(void)state;
	for (int i = 0; i < 3 * STAGE_IMAGES_MAX; i++) {
		cleanup_free char *image = xasprintf("image-%d", i);

		stages_add(stages, KIND_CONTAINER, image, STAGE_EXIT, 5000000);
	}
	stages_read(stages, snapshot, visit, &found);
	assert_int_equal(found.count, 3 * STAGE_IMAGES_MAX);
	assert_int_equal(found.others, 2 * STAGE_IMAGES_MAX);
	assert_int_equal(found.n, STAGE_IMAGES_MAX + 1);
	stages_free(stages);
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_many_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
