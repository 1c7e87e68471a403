/* SPDX-License-Identifier: Apache-2.0 */
/* Rows over real cgroups of this kernel, quiet ones, so that their files stand still. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "collector/cgroups.h"
#include "collector/workloads/containers.h"
#include "tests/rows_support.h"

enum { TEXT_MAX = 4096 };

struct place {
	struct scene scene;
	char *directory; /* of the group */
	char *path;	 /* its label id */
	char *pattern;
	char *include[1];
};

/* One group of our own, and a filter that leaves only it. */
static struct place *place_new(const char *name)
{
	const char *root = own_groups_root();
	struct place *place = xcalloc(1, sizeof(*place));

	place->directory = own_group_new(name);
	place->path = xstrdup(place->directory + strlen(root));
	place->pattern = xstrdup(place->path);
	place->include[0] = place->pattern;
	place->scene.options = options_for_tree("");
	free(place->scene.options.path_cgroupfs);
	place->scene.options.path_cgroupfs = xstrdup(root);
	place->scene.options.cgroups_include_id = (struct string_list){ place->include, 1 };
	return place;
}

static void place_free(struct place *place)
{
	rmdir(place->directory);
	scene_end(&place->scene);
	free(place->directory);
	free(place->path);
	free(place->pattern);
	free(place);
}

/* A process that burns CPU in the group and is gone when this returns. */
static void burn(const struct place *place)
{
	cleanup_free char *procs = xasprintf("%s/cgroup.procs", place->directory);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		FILE *file = fopen(procs, "we");

		if (!file || fprintf(file, "0\n") < 0 || fclose(file) != 0)
			_exit(1);
		while (clock() < CLOCKS_PER_SEC / 20)
			;
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void read_text(const struct place *place, const char *name, char text[TEXT_MAX])
{
	cleanup_free char *path = xasprintf("%s/%s", place->directory, name);
	cleanup_file FILE *file = fopen(path, "re");

	assert_non_null(file);
	text[fread(text, 1, TEXT_MAX - 1, file)] = '\0';
}

/* The number behind the first `word` of a file of the group. */
static uint64_t number_behind(const struct place *place, const char *name, const char *word)
{
	char text[TEXT_MAX];
	const char *found;
	uint64_t value = 0;

	read_text(place, name, text);
	found = strstr(text, word);
	if (!found || sscanf(found + strlen(word), "%" SCNu64, &value) != 1)
		fail_msg("no %s in %s: %s", word, name, text);
	return value;
}

static void files_of_this_kernel(void **state)
{
	struct place *place = place_new("rows");
	struct scene *scene = &place->scene;

	(void)state;
	burn(place);
	scene_collect(scene);
	expect_sample(scene, "container_cpu_usage_seconds_total", place->path, "cpu=total",
		      number_behind(place, "cpu.stat", "usage_usec "));
	expect_sample(scene, "container_cpu_user_seconds_total", place->path, "",
		      number_behind(place, "cpu.stat", "user_usec "));
	assert_true(number_behind(place, "cpu.stat", "usage_usec ") > 10000);
	expect_sample(scene, "container_cgroup_populated", place->path, "", 0);
	expect_sample(scene, "container_cgroup_frozen", place->path, "", 0);
	expect_sample(scene, "container_cgroup_descendants", place->path, "", 0);
	expect_sample(scene, "container_pressure_cpu_waiting_seconds_total", place->path, "",
		      number_behind(place, "cpu.pressure", "total="));
	expect_sample(scene, "container_pressure_memory_waiting_seconds_total", place->path, "",
		      number_behind(place, "memory.pressure", "total="));
	place_free(place);
}

/* Counters go on in a second collection through kept descriptors, and end with the group. */
static void second_reading_and_removal(void **state)
{
	struct place *place = place_new("rows-again");
	struct scene *scene = &place->scene;
	const char *name = "container_cpu_usage_seconds_total";
	uint64_t first;

	(void)state;
	burn(place);
	scene_collect(scene);
	first = scene_sample(scene, name, place->path, "cpu=total")->integer;
	burn(place);
	scene_collect(scene);
	expect_sample(scene, name, place->path, "cpu=total",
		      number_behind(place, "cpu.stat", "usage_usec "));
	assert_true(scene_sample(scene, name, place->path, "cpu=total")->integer > first);
	assert_int_equal(rmdir(place->directory), 0);
	scene_collect(scene);
	expect_absent(scene, name, place->path, "cpu=total");
	place_free(place);
}

/* One source over groups that are gone: no error and no sample. */
static void expect_nothing(const struct source *source, struct collection *collection)
{
	struct family *families = xcalloc(source->n_metrics, sizeof(*families));
	const char *reason = NULL;
	void *source_state = NULL;

	for (size_t m = 0; m < source->n_metrics; m++)
		families[m].metric = &source->metrics[m];
	assert_int_equal(source->open(collection->options, &source_state, &reason), 0);
	assert_int_equal(source->collect(source_state, collection, families), 0);
	for (size_t m = 0; m < source->n_metrics; m++)
		assert_int_equal(families[m].n_samples, 0);
	source->close(source_state);
	free(families);
}

static void keep_open(struct hierarchy *hierarchy, const char *name)
{
	const char *text;

	for_each_group(group, hierarchy) {
		if (group->workload)
			assert_true(group_read(hierarchy, group, hierarchy_file(hierarchy, name),
					       &text) > 0);
	}
}

/* Gone between the walk and the reading, with descriptors kept and without. */
static void vanishes_before_it_is_read(void **state)
{
	static const char *const names[] = { "cpu", "cgroup", "pressure" };

	(void)state;
	for (int kept = 0; kept < 2; kept++) {
		struct place *place = place_new("rows-gone");
		struct hierarchy *hierarchy;
		struct containers *containers;
		struct snapshot *snapshot = snapshot_new();
		cleanup_free char *error = NULL;

		assert_int_equal(hierarchy_open(&place->scene.options, &hierarchy), 0);
		assert_int_equal(containers_new(&place->scene.options, &containers, &error), 0);
		assert_int_equal(hierarchy_walk(hierarchy), 0);
		containers_discover(containers, hierarchy, snapshot, &place->scene.counters);
		assert_int_equal(snapshot->n_workloads, 1);
		if (kept)
			keep_open(hierarchy, "cpu.stat");
		assert_int_equal(rmdir(place->directory), 0);
		struct collection collection = { .options = &place->scene.options,
						 .hierarchy = hierarchy,
						 .snapshot = snapshot };
		for (size_t i = 0; i < n_sources; i++)
			for (size_t n = 0; n < ARRAY_SIZE(names); n++)
				if (streq(sources[i]->name, names[n]))
					expect_nothing(sources[i], &collection);
		snapshot_unref(snapshot);
		containers_free(containers);
		hierarchy_close(hierarchy);
		place_free(place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_this_kernel),
		cmocka_unit_test(second_reading_and_removal),
		cmocka_unit_test(vanishes_before_it_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
