/* SPDX-License-Identifier: Apache-2.0 */
/* The files that `make docs` writes are as the table says, and the example is a right file. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/source.h"

static char *says(const char *flag)
{
	struct options options;
	char *argv[] = { (char *)"tallyman", (char *)flag, NULL }, *text;

	assert_int_equal(options_read(&options, 2, argv, &text), OPTIONS_EXIT_OK);
	return text;
}

static void read_all(const char *path, struct buffer *ret)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	while ((n = read(fd, buffer_reserve(ret, 4096), 4096)) > 0)
		ret->length += (size_t)n;
	buffer_putc(ret, '\0');
}

static void test_files(void **state)
{
	static const struct {
		const char *flag, *path;
	} files[] = {
		{ "--help-markdown", "docs/options.md" },
		{ "--help-yaml", "deploy/tallyman.example.yaml" },
		{ "--help-man", "deploy/tallyman.8" },
		{ "--help-metrics", "METRICS.md" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_free char *text = says(files[i].flag);
		struct buffer file = { 0 };

		read_all(files[i].path, &file);
		assert_int_equal(file.data[file.length - 2], '\n');
		file.data[file.length - 2] = '\0';
		if (!streq(text, file.data))
			fail_msg("%s is behind the tables: run `make docs`", files[i].path);
		buffer_free(&file);
	}
}

static void expect_same_lists(const struct string_list *a, const struct string_list *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_string_equal(a->items[i], b->items[i]);
}

/* With every value switched on, the example says nothing but the defaults. */
static void test_example_is_defaults(void **state)
{
	char path[] = "/tmp/test_option_help.XXXXXX", flag[64];
	char *argv[] = { (char *)"tallyman", flag, NULL };
	cleanup_close int fd = mkstemp(path);
	cleanup_free char *yaml = says("--help-yaml"), *error = NULL;
	struct options plain, read;
	size_t on = 0;

	(void)state;
	for (char *line = yaml; (line = strstr(line, "\n  #")); line++)
		if (line[4] != ' ') {
			line[3] = ' ';
			on++;
		}
	for (char *hash = yaml; (hash = strstr(hash, "\n   ")); hash++)
		memmove(hash + 3, hash + 4, strlen(hash + 4) + 1);
	assert_in_range(on, 20, 1000);
	assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
	snprintf(flag, sizeof(flag), "--config.file=%s", path);
	if (options_read(&read, 2, argv, &error) != OPTIONS_RUN)
		fail_msg("%s", error);
	assert_int_equal(options_read(&plain, 1, argv, &error), OPTIONS_RUN);
	expect_same_lists(&read.web_listen_address, &plain.web_listen_address);
	expect_same_lists(&read.cgroups_include_id, &plain.cgroups_include_id);
	expect_same_lists(&read.metrics_enable, &plain.metrics_enable);
	assert_string_equal(read.web_telemetry_path, plain.web_telemetry_path);
	assert_string_equal(read.web_config_file, plain.web_config_file);
	assert_string_equal(read.path_procfs, plain.path_procfs);
	assert_int_equal(read.web_max_requests, plain.web_max_requests);
	assert_int_equal(read.web_min_scrape_interval_ms, plain.web_min_scrape_interval_ms);
	assert_int_equal(read.filesystem_interval_s, plain.filesystem_interval_s);
	assert_int_equal(read.sources_enabled, plain.sources_enabled);
	assert_int_equal(read.log_level, plain.log_level);
	assert_int_equal(read.log_format, plain.log_format);
	options_free(&read);
	options_free(&plain);
	unlink(path);
}

/* Each source has a bit and a switch, and each optional metric can be asked for. */
static void test_real_sources(void **state)
{
	(void)state;
	assert_in_range(n_sources, 1, 64);
	for (size_t i = 0; i < n_sources; i++) {
		cleanup_free char *off = xasprintf("--no-collector.%s", sources[i]->name);

		for (size_t j = 0; j < sources[i]->n_metrics; j++) {
			const char *name = sources[i]->metrics[j].name;
			cleanup_free char *enable = xasprintf("--metrics.enable=%s", name);
			char *argv[] = { (char *)"tallyman", off, enable, NULL }, *error = NULL;
			struct options options;

			if (options_read(&options, 3, argv, &error) != OPTIONS_RUN)
				fail_msg("%s", error);
			assert_int_equal(options.sources_enabled >> i & 1, 0);
			assert_true(options_metric_enabled(&options, name));
			options_free(&options);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_example_is_defaults),
		cmocka_unit_test(test_real_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
