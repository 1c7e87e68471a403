/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collector/cleanup.h"
#include "collector/log.h"

/* Standard error is a pipe for the length of a test. */
struct capture {
	int saved, read_end;
	char line[2 * PIPE_BUF];
};

static int capture_start(void **state)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	capture->saved = dup(STDERR_FILENO);
	capture->read_end = ends[0];
	assert_return_code(dup2(ends[1], STDERR_FILENO), 0);
	close(ends[1]);
	assert_return_code(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	*state = capture;
	return 0;
}

static int capture_stop(void **state)
{
	struct capture *capture = *state;

	dup2(capture->saved, STDERR_FILENO);
	close(capture->saved);
	close(capture->read_end);
	free(capture);
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	return 0;
}

/* All that was written since the last call; "" for nothing. */
static const char *captured(struct capture *capture)
{
	ssize_t n = read(capture->read_end, capture->line, sizeof(capture->line) - 1);

	capture->line[n > 0 ? n : 0] = '\0';
	return capture->line;
}

static bool matches(const char *text, const char *pattern)
{
	regex_t regex;
	bool match;

	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	match = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return match;
}

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z"

static void test_logfmt(void **state)
{
	const char *line,
		*rest = " level=warn msg=\"source is down\" source=cpu empty=\"\" "
			"quote=\"a\\\"b\\\\c=\" lines=\"1\\n2\\t3\\u0001\\u007f\" "
			"bytes=\"x\xef\xbf\xbdy z\xef\xbf\xbd\" word=gr\xc3\xbc\xc3\x9f\n";

	log_warn("source is down", "source", "cpu", "empty", "", "quote", "a\"b\\c=", "lines",
		 "1\n2\t3\x01\x7f", "bytes", "x\xffy z\xc3", "word", "gr\xc3\xbc\xc3\x9f");
	line = captured(*state);
	assert_true(matches(line, "^time=" TIME " "));
	assert_string_equal(strchr(line, ' '), rest);
}

static void test_json(void **state)
{
	const char *line;
	json_t *object;

	log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	log_debug("a \"message\"", "lines", "1\n2\x01", "bytes", "x\xed\xa0\x80", "null",
		  (char *)NULL);
	line = captured(*state);
	assert_true(matches(line, "^\\{\"time\":\"" TIME "\",\"level\":\"debug\",\"msg\":"));
	assert_int_equal(line[strlen(line) - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(object);
	assert_string_equal(json_string_value(json_object_get(object, "msg")), "a \"message\"");
	assert_string_equal(json_string_value(json_object_get(object, "lines")), "1\n2\x01");
	assert_string_equal(json_string_value(json_object_get(object, "bytes")),
			    "x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(json_string_value(json_object_get(object, "null")), "");
	json_decref(object);
}

static void test_levels(void **state)
{
	struct capture *capture = *state;
	static const enum log_level levels[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
						 LOG_LEVEL_DEBUG };

	for (size_t set = 0; set < ARRAY_SIZE(levels); set++)
		for (size_t said = 0; said < ARRAY_SIZE(levels); said++) {
			log_configure(levels[set], LOG_FORMAT_LOGFMT);
			log_write(levels[said], "x", NULL);
			assert_int_equal(*captured(capture) != '\0', said <= set);
		}
}

/* One line never takes more than a pipe swallows at once, whatever its escapes. */
static void test_long_values(void **state)
{
	static const char fills[] = { 'x', '\n', '"', '\xff' };
	enum { LENGTH = 100000 };
	cleanup_free char *value = calloc(1, LENGTH + 1);

	for (size_t i = 0; i < ARRAY_SIZE(fills); i++)
		for (int format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_JSON; format++) {
			const char *line;

			log_configure(LOG_LEVEL_INFO, (enum log_format)format);
			memset(value, fills[i], LENGTH);
			log_info("long", "before", "1", "value", value, "after", value);
			line = captured(*state);
			assert_in_range(strlen(line), PIPE_BUF / 3, PIPE_BUF);
			assert_int_equal(line[strlen(line) - 1], '\n');
			assert_non_null(strstr(line, "before"));
			if (format == LOG_FORMAT_JSON) {
				json_t *object = json_loads(line, 0, NULL);

				assert_non_null(object);
				json_decref(object);
			}
		}
}

/* A reader that stands still costs lines, never the daemon's time. */
static void test_full_pipe(void **state)
{
	struct capture *capture = *state;
	char page[PIPE_BUF] = { 0 }, *drain;
	int size = fcntl(STDERR_FILENO, F_GETPIPE_SZ);

	assert_true(size > 0);
	drain = malloc((size_t)size);
	for (int filled = 0; filled < size; filled += PIPE_BUF)
		assert_int_equal(write(STDERR_FILENO, page, sizeof(page)), sizeof(page));
	alarm(20); /* a write that waits would wait for ever */
	log_info("lost");
	log_info("lost too");
	alarm(0);
	assert_int_equal(read(capture->read_end, drain, (size_t)size), size);
	log_info("there");
	assert_non_null(strstr(captured(capture), "msg=there log_lines_dropped=2\n"));
	log_info("again");
	assert_null(strstr(captured(capture), "dropped"));
	free(drain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_logfmt, capture_start, capture_stop),
		cmocka_unit_test_setup_teardown(test_json, capture_start, capture_stop),
		cmocka_unit_test_setup_teardown(test_levels, capture_start, capture_stop),
		cmocka_unit_test_setup_teardown(test_long_values, capture_start, capture_stop),
		cmocka_unit_test_setup_teardown(test_full_pipe, capture_start, capture_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
