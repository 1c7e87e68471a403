/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that no kernel writes: nothing crashes, no series comes twice, and what is whole is served.
 * The mutations are the same in every run.
 */
#include <dirent.h>

#include "tests/rows_support.h"

#define CGROUP                                                                                     \
	"tests/fixtures/debian-6.12/cgroup/system.slice/"                                          \
	"docker-7d93842c697bb619f52fa5706052e4c827080d96c9bfd66165dad90a5eb1ae42.scope"
#define VICTIM "cgroup/victim.service"

enum { FILES_MAX = 96, TEXT_MAX = 16384, ROUNDS = 150, LINES = 20000, DEVICES = 6000 };

struct file {
	char name[256];
	char text[TEXT_MAX];
	size_t length;
};

static int set_up(void **state)
{
	struct scene *scene = xcalloc(1, sizeof(*scene));

	scene->tree = tree_new();
	tree_mkdir(scene->tree, VICTIM);
	tree_write(scene->tree, "cgroup/whole.service/pids.current", "7\n");
	scene->options = options_for_tree(scene->tree);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	scene_end(scene);
	free(scene);
	return 0;
}

static void write_bytes(const struct scene *scene, const char *name, const char *text,
			size_t length)
{
	cleanup_free char *path = xasprintf("%s/" VICTIM "/%s", scene->tree, name);
	cleanup_file FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All series of one family, sorted, differ from each other. */
static void expect_unique(const struct family *family)
{
	char **keys = xcalloc(family->n_samples + 1, sizeof(*keys));
	size_t n = 0;

	for_each_sample(sample, family) {
		cleanup_free char *labels = sample_labels(family->metric, sample);

		keys[n++] =
			xasprintf("%s %s", sample->workload ? sample->workload->path : "", labels);
	}
	qsort(keys, n, sizeof(*keys), compare_strings);
	for (size_t i = 1; i < n; i++)
		if (streq(keys[i - 1], keys[i]))
			fail_msg("%s %s comes twice", family->metric->name, keys[i]);
	for (size_t i = 0; i < n; i++)
		free(keys[i]);
	free(keys);
}

static void collect_and_check(struct scene *scene)
{
	scene_collect(scene);
	for (size_t i = 0; i < scene->snapshot->n_families; i++)
		expect_unique(&scene->snapshot->families[i]);
	expect_sample(scene, "container_threads", "/whole.service", "", 7);
}

static size_t load(struct file *files)
{
	cleanup_dir DIR *dir = opendir(CGROUP);
	const struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		cleanup_free char *path = xasprintf(CGROUP "/%s", entry->d_name);
		cleanup_file FILE *in = fopen(path, "re");

		if (entry->d_name[0] == '.' || !in)
			continue;
		assert_true(n < FILES_MAX);
		snprintf(files[n].name, sizeof(files[n].name), "%s", entry->d_name);
		files[n].length = fread(files[n].text, 1, TEXT_MAX, in);
		n++;
	}
	return n;
}

/* A generator of our own, so that a failure can be repeated anywhere. */
static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void mutate(struct file *file, uint32_t *seed)
{
	static const char bytes[] = "\n \t=:*#0129max.-\0\xff";
	size_t at = file->length ? next_random(seed) % file->length : 0;

	switch (next_random(seed) % 4) {
	case 0: /* cut off */
		file->length = at;
		break;
	case 1: /* another byte */
		if (file->length)
			file->text[at] = bytes[next_random(seed) % (sizeof(bytes) - 1)];
		break;
	case 2: /* a part twice */
		if (file->length * 2 - at <= TEXT_MAX) {
			memcpy(file->text + file->length, file->text + at, file->length - at);
			file->length += file->length - at;
		}
		break;
	default: /* a part gone */
		memmove(file->text, file->text + at, file->length - at);
		file->length -= at;
	}
}

static void mutated_files(void **state)
{
	struct scene *scene = *state;
	struct file *files = xcalloc(FILES_MAX, sizeof(*files)), *copy = xmalloc(sizeof(*copy));
	size_t n = load(files);
	uint32_t seed = 1;

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < n; i++) {
			*copy = files[i];
			for (uint32_t times = next_random(&seed) % 4; times; times--)
				mutate(copy, &seed);
			write_bytes(scene, files[i].name, copy->text, copy->length);
		}
		collect_and_check(scene);
	}
	free(copy);
	free(files);
}

static void many_lines(void **state)
{
	struct scene *scene = *state;
	char *text = xmalloc((size_t)LINES * 32);
	size_t length = 0;

	for (int i = 0; i < LINES; i++)
		length += (size_t)sprintf(text + length, "key%d %d\n", i, i);
	length += (size_t)sprintf(text + length, "anon 5\n");
	write_bytes(scene, "memory.stat", text, length);
	collect_and_check(scene);
	expect_sample(scene, "container_memory_rss", "/victim.service", "", 5);
	free(text);
}

static uint64_t errors_of(const struct scene *scene, const char *source)
{
	for (size_t i = 0; i < scene->snapshot->n_sources; i++)
		if (streq(scene->snapshot->sources[i].name, source))
			return scene->snapshot->sources[i].errors;
	fail_msg("no source %s", source);
	return 0;
}

/* More devices than are kept: the rest is missing, which is an error, and room comes back in the next collection. */
static void many_devices(void **state)
{
	struct scene *scene = *state;
	char *text = xmalloc((size_t)DEVICES * 32);
	const char *reads = "container_fs_reads_bytes_total";

	for (int round = 0; round < 3; round++) {
		size_t length = 0;

		for (int i = 0; i < DEVICES; i++)
			length += (size_t)sprintf(text + length, "%d:%d rbytes=%d\n", round + 1, i,
						  i);
		write_bytes(scene, "io.stat", text, length);
		collect_and_check(scene);
		assert_in_range(snapshot_family(scene->snapshot, reads)->n_samples, 4000, 5000);
		assert_int_equal(errors_of(scene, "io"), round + 1);
	}
	free(text);
}

static void long_words(void **state)
{
	struct scene *scene = *state;
	char *text = xmalloc(TEXT_MAX);

	memset(text, 'a', TEXT_MAX);
	write_bytes(scene, "memory.stat", text, TEXT_MAX);
	write_bytes(scene, "io.stat", text, TEXT_MAX);
	write_bytes(scene, "pids.current", text, TEXT_MAX);
	write_bytes(scene, "cpu.max", text, TEXT_MAX);
	collect_and_check(scene);
	text[100] = ' ';
	memcpy(text + 200, "=5 rbytes=1\n", 12);
	write_bytes(scene, "io.stat", text, TEXT_MAX);
	memset(text, '9', TEXT_MAX);
	write_bytes(scene, "pids.current", text, TEXT_MAX);
	collect_and_check(scene);
	expect_absent(scene, "container_threads", "/victim.service", "");
	free(text);
}

/* A file that is too large, or no file, is an error of its source; the others are served. */
static void unreadable_file(void **state)
{
	struct scene *scene = *state;
	size_t huge = 3 << 20;
	char *text = xmalloc(huge);

	memset(text, '\n', huge);
	write_bytes(scene, "memory.stat", text, huge);
	write_bytes(scene, "pids.max", "5\n", 2);
	tree_mkdir(scene->tree, VICTIM "/pids.peak");
	collect_and_check(scene);
	expect_sample(scene, "container_threads_max", "/victim.service", "", 5);
	assert_int_equal(errors_of(scene, "memory"), 1);
	assert_int_equal(errors_of(scene, "pids"), 1);
	assert_int_equal(errors_of(scene, "cpu"), 0);
	free(text);
}

/* The error says where it is, and there is one although two files are wrong. */
static void no_number(void **state)
{
	struct scene *scene = *state;
	const struct source_status *pids = NULL;

	write_bytes(scene, "pids.current", "", 0);
	write_bytes(scene, "pids.max", "18446744073709551616\n", 21);
	write_bytes(scene, "pids.peak", "garbage\n", 8);
	collect_and_check(scene);
	expect_absent(scene, "container_threads", "/victim.service", "");
	expect_absent(scene, "container_threads_max", "/victim.service", "");
	for (size_t i = 0; i < scene->snapshot->n_sources; i++)
		if (streq(scene->snapshot->sources[i].name, "pids"))
			pids = &scene->snapshot->sources[i];
	assert_non_null(pids);
	assert_int_equal(pids->errors, 1);
	assert_string_equal(pids->reason,
			    "pids.current of /victim.service: not what the kernel writes there");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(mutated_files), CASE(many_lines),	    CASE(many_devices),
		CASE(long_words),    CASE(unreadable_file), CASE(no_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
