/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/inotify.h>

#include "tests/rows_support.h"

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t memory, swap;
		bool has_swap;
	} cases[] = {
		{ "MemTotal:        2034544 kB\nSwapTotal:       0 kB\n", 0, 2083373056, 0, true },
		{ "HighMemTotal: 1 kB\nMemFree: 3 kB\nMemTotal: 7 kB\n", 0, 7168, 0, false },
		{ "MemTotal: 7 kB\nSwapTotal: x kB\n", 0, 7168, 0, false },
		{ "SwapTotal: 7 kB\n", -EBADMSG, 0, 0, false },
		{ "MemTotal: -7 kB\n", -EBADMSG, 0, 0, false },
		{ "MemTotal: 7 MB\n", -EBADMSG, 0, 0, false },
		{ "MemTotal: 7", -EBADMSG, 0, 0, false },
		{ "MemTotal: 18446744073709551615 kB\n", -EBADMSG, 0, 0, false },
		{ "MemTotal: 99999999999999999999 kB\n", -EBADMSG, 0, 0, false },
		{ "MemTotal:\n", -EBADMSG, 0, 0, false },
		{ "", -EBADMSG, 0, 0, false },
	};
	char *tree = tree_new();
	struct options options = options_for_tree(tree);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct collection collection = { .options = &options };
		const struct meminfo *meminfo;

		tree_write(tree, "proc/meminfo", cases[i].text);
		if (meminfo_get(&collection, &meminfo) != cases[i].err)
			fail_msg("\"%s\"", cases[i].text);
		if (cases[i].err)
			continue;
		assert_int_equal(meminfo->memory_bytes, cases[i].memory);
		assert_int_equal(meminfo->swap_bytes, cases[i].swap);
		assert_int_equal(meminfo->has_swap, cases[i].has_swap);
	}
	options_for_tree_free(&options);
	tree_remove(tree);
}

static size_t opens_of(int watcher)
{
	size_t n = 0;
	struct inotify_event event; /* of a watched file: without a name */

	while (read(watcher, &event, sizeof(event)) == sizeof(event))
		n += (event.mask & IN_OPEN) != 0;
	return n;
}

/* All sources together, and all families of one reading agree. */
static void read_once(void **state)
{
	struct scene scene = { .tree = tree_new() };
	cleanup_free char *path = xasprintf("%s/proc/meminfo", scene.tree);
	cleanup_close int watcher = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	const struct sample *sample;

	(void)state;
	tree_write(scene.tree, "cgroup/memory.stat", "anon 1\nfile 2\n");
	tree_write(scene.tree, "sys/devices/system/cpu/online", "0\n");
	tree_write(scene.tree, "proc/meminfo", "MemTotal: 1000 kB\n");
	assert_true(inotify_add_watch(watcher, path, IN_OPEN) >= 0);
	scene.options = options_for_tree(scene.tree);
	for (int i = 0; i < 2; i++) {
		scene_collect(&scene);
		assert_int_equal(opens_of(watcher), 1);
		expect_sample(&scene, "container_spec_memory_limit_bytes", "/", "", 1024000);
		sample = snapshot_family(scene.snapshot, "machine_memory_bytes")->first->samples;
		assert_int_equal(sample->integer, 1024000);
	}
	scene_end(&scene);
}

static void errors_are_told(void **state)
{
	struct scene scene = { .tree = tree_new() };

	(void)state;
	tree_write(scene.tree, "cgroup/cgroup.procs", "");
	tree_write(scene.tree, "sys/devices/system/cpu/online", "0\n");
	tree_write(scene.tree, "proc/meminfo", "garbage\n");
	scene.options = options_for_tree(scene.tree);
	scene_collect(&scene);
	for (size_t i = 0; i < scene.snapshot->n_sources; i++) {
		const struct source_status *status = &scene.snapshot->sources[i];

		if (!streq(status->name, "machine"))
			continue;
		assert_int_equal(status->errors, 1);
		assert_string_equal(status->reason,
				    "meminfo of procfs: not what the kernel writes there");
	}
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(read_once),
		cmocka_unit_test(errors_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
