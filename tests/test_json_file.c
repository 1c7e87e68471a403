/* SPDX-License-Identifier: Apache-2.0 */
/* Files of runtimes that are written while they are read. */
#include "collector/runtimes/json_file.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/support.h"

enum { ROUNDS = 500, LENGTH = 20000 };

struct writer {
	char *path, *fresh;
	atomic_bool stop;
	unsigned written;
};

/* One letter over and over, more than is read at once. */
static void write_file(const char *path, char letter)
{
	cleanup_free char *value = xmalloc(LENGTH + 1);
	cleanup_file FILE *file = fopen(path, "we");

	memset(value, letter, LENGTH);
	value[LENGTH] = '\0';
	if (!file || fprintf(file, "{\"Name\":\"%s\",\"Letter\":\"%c\"}", value, letter) < 0)
		abort();
}

/* As runtimes do it: the new one takes the old one's place. */
static void *replace_files(void *data)
{
	struct writer *w = data;

	while (!w->stop) {
		write_file(w->fresh, (char)('a' + w->written++ % 26));
		if (rename(w->fresh, w->path) < 0)
			abort();
	}
	return NULL;
}

static void *rewrite_files(void *data)
{
	struct writer *w = data;

	while (!w->stop)
		write_file(w->path, (char)('a' + w->written++ % 26));
	return NULL;
}

static unsigned read_often(void *(*write)(void *), bool whole)
{
	char *tree = tree_new();
	struct writer w = { .path = xasprintf("%s/state.json", tree),
			    .fresh = xasprintf("%s/fresh.json", tree) };
	cleanup_close int root = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned read = 0;
	pthread_t thread;

	write_file(w.path, 'z');
	assert_int_equal(pthread_create(&thread, NULL, write, &w), 0);
	for (int i = 0; i < ROUNDS || w.written < 100; i++) {
		struct file_stamp stamp;
		json_t *json;
		int err = json_file_read(root, "state.json", TRUSTED, &json, &stamp);

		if (whole)
			assert_int_equal(err, 0);
		if (err)
			continue;
		cleanup_free char *name = json_string_at(json, "Name", NULL);
		cleanup_free char *letter = json_string_at(json, "Letter", NULL);

		read++;
		if (whole) {
			assert_int_equal(strlen(name), LENGTH);
			assert_int_equal(strspn(name, letter), LENGTH);
		}
		json_decref(json);
	}
	w.stop = true;
	pthread_join(thread, NULL);
	free(w.path);
	free(w.fresh);
	tree_remove(tree);
	return read;
}

static void reads_one_version(void **state)
{
	(void)state;
	assert_true(read_often(replace_files, true) >= ROUNDS);
}

/* Half a file is no JSON, or one that the next look finds changed; nothing worse comes of it. */
static void survives_half_a_file(void **state)
{
	(void)state;
	read_often(rewrite_files, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_one_version),
		cmocka_unit_test(survives_half_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
