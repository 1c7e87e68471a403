/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/text_file.h"

#include "tests/support.h"

static void reads_it_all(void **state)
{
	char *tree = tree_new();
	cleanup_free char *path = xasprintf("%s/file", tree), *text = xmalloc(50001);
	cleanup(buffer_free) struct buffer buffer = { 0 };
	const char *reason = NULL;

	(void)state;
	tree_write(tree, "file", "");
	assert_int_equal(text_file_read(path, &buffer, &reason), 0);
	assert_int_equal(buffer.length, 0);
	assert_string_equal(buffer.data, "");
	memset(text, 'x', 50000);
	text[50000] = '\0';
	tree_write(tree, "file", text);
	assert_int_equal(text_file_read(path, &buffer, &reason), 0);
	assert_int_equal(buffer.length, 50000);
	assert_string_equal(buffer.data, text);
	tree_remove(tree);
}

static void refuses_what_is_no_file(void **state)
{
	char *tree = tree_new();
	cleanup_free char *fifo = xasprintf("%s/fifo", tree), *file = xasprintf("%s/file", tree);
	cleanup(buffer_free) struct buffer buffer = { 0 };
	const char *reason = NULL;

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(text_file_read(fifo, &buffer, &reason), -EINVAL);
	assert_string_equal(reason, "not a regular file");
	assert_int_equal(text_file_read(tree, &buffer, &reason), -EINVAL);
	assert_int_equal(text_file_read("/dev/zero", &buffer, &reason), -EINVAL);
	assert_int_equal(text_file_read(file, &buffer, &reason), -ENOENT);
	assert_string_equal(reason, strerror(ENOENT));
	tree_write(tree, "file", "");
	assert_int_equal(truncate(file, (1 << 20) + 1), 0);
	assert_int_equal(text_file_read(file, &buffer, &reason), -EFBIG);
	assert_int_equal(truncate(file, 1 << 20), 0);
	assert_int_equal(text_file_read(file, &buffer, &reason), 0);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_it_all),
		cmocka_unit_test(refuses_what_is_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
