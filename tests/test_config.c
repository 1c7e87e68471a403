/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/source.h"

static const struct source cpu = { .name = "cpu", .help = "cpu.stat" };
static const struct source hugetlb = { .name = "hugetlb", .help = "hugetlb.*", .optional = true };
const struct source *const sources[] = { &cpu, &hugetlb };
const size_t n_sources = ARRAY_SIZE(sources);
enum { CPU = 1, HUGETLB = 2 };

struct place {
	char directory[32], file[64];
};

static int place_new(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->directory, "/tmp/test_config.XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->file, sizeof(place->file), "%s/c.yaml", place->directory);
	*state = place;
	return 0;
}

static int place_free(void **state)
{
	struct place *place = *state;

	unlink(place->file);
	rmdir(place->directory);
	free(place);
	return 0;
}

static void write_file(const struct place *place, const void *text, size_t length)
{
	cleanup_close int fd = open(place->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, length), length);
}

/* Reads the file, with one more flag or NULL. */
static enum options_result read_file(const struct place *place, const char *flag,
				     struct options *options, char **ret_text)
{
	cleanup_free char *file = xasprintf("--config.file=%s", place->file);
	cleanup_free char *copy = flag ? xstrdup(flag) : NULL;
	char *argv[] = { (char *)"tallyman", file, copy, NULL };

	return options_read(options, flag ? 3 : 2, argv, ret_text);
}

static struct options read_good(const struct place *place, const char *text, const char *flag)
{
	struct options options;
	cleanup_free char *error = NULL;

	write_file(place, text, strlen(text));
	if (read_file(place, flag, &options, &error) != OPTIONS_RUN)
		fail_msg("%s: %s", text, error);
	assert_null(error);
	return options;
}

static const char everything[] = "# a comment\n"
				 "web:\n"
				 "  listen-address: [\":1\", '[::1]:2']\n"
				 "  max-requests: 5\n"
				 "  min-scrape-interval: 1s\n"
				 "  systemd-socket: true\n"
				 "  config: {file: web.yaml}\n"
				 "collector:\n"
				 "  cpu: false\n"
				 "  hugetlb: true\n"
				 "cgroups:\n"
				 "  include-id:\n"
				 "    - /system[.]slice/.*\n"
				 "    - \"/x\"\n"
				 "  exclude-kind: []\n"
				 "  max: 7\n"
				 "path: {rootfs: /tmp}\n"
				 "log: {level: debug, format: \"json\"}\n";

static void test_everything(void **state)
{
	struct place *place = *state;
	struct options options = read_good(place, everything, NULL);
	cleanup_free char *web = xasprintf("%s/web.yaml", place->directory);

	assert_int_equal(options.web_listen_address.n, 2);
	assert_string_equal(options.web_listen_address.items[0], ":1");
	assert_string_equal(options.web_listen_address.items[1], "[::1]:2");
	assert_int_equal(options.web_max_requests, 5);
	assert_int_equal(options.web_min_scrape_interval_ms, 1000);
	assert_true(options.web_systemd_socket);
	assert_string_equal(options.web_config_file, web); /* beside the file that names it */
	assert_int_equal(options.sources_enabled, HUGETLB);
	assert_int_equal(options.cgroups_include_id.n, 2);
	assert_string_equal(options.cgroups_include_id.items[0], "/system[.]slice/.*");
	assert_int_equal(options.cgroups_exclude_kind.n, 0);
	assert_int_equal(options.cgroups_max, 7);
	assert_string_equal(options.path_rootfs, "/tmp");
	assert_string_equal(options.config_file, place->file);
	assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(options.log_format, LOG_FORMAT_JSON);
	options_free(&options);
}

static void test_flags_win(void **state)
{
	struct options options;

	options = read_good(*state, everything, "--web.max-requests=9");
	assert_int_equal(options.web_max_requests, 9);
	assert_int_equal(options.cgroups_max, 7);
	options_free(&options);
	options = read_good(*state, everything, "--web.listen-address=:9");
	assert_int_equal(options.web_listen_address.n, 1);
	assert_string_equal(options.web_listen_address.items[0], ":9");
	options_free(&options);
	options = read_good(*state, everything, "--no-web.systemd-socket");
	assert_false(options.web_systemd_socket);
	options_free(&options);
	options = read_good(*state, everything, "--collector.cpu");
	assert_int_equal(options.sources_enabled, CPU | HUGETLB);
	options_free(&options);
	options = read_good(*state, everything, "--no-collector.hugetlb");
	assert_int_equal(options.sources_enabled, 0);
	options_free(&options);
	options = read_good(*state, "collector: {disable-defaults: true}", "--config.check");
	assert_int_equal(options.sources_enabled, 0);
	assert_true(options.config_check);
	options_free(&options);
}

/* Nothing said is all defaults. */
static void test_nothing(void **state)
{
	static const char *const files[] = {
		"",   "\n\n",	"# only a comment\n", "---\n",	     "---\n...\n",
		"{}", "web:\n", "web: {}\nlog: ~\n",  "\xef\xbb\xbf"
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct options options = read_good(*state, files[i], NULL);

		assert_int_equal(options.web_max_requests, 40);
		assert_int_equal(options.web_listen_address.n, 1);
		assert_int_equal(options.sources_enabled, CPU);
		options_free(&options);
	}
}

static const struct {
	const char *text, *error; /* behind "FILE:" */
} wrong[] = {
	{ "wbe: {}", "1:1: unknown key \"wbe\", did you mean \"web\"?" },
	{ "zebra: {}", "1:1: unknown key \"zebra\"" },
	{ "web:\n  max-request: 4\n",
	  "2:3: unknown key \"max-request\" in \"web\", did you mean \"max-requests\"?" },
	{ "web: {config: {fle: x}}",
	  "1:16: unknown key \"fle\" in \"web.config\", did you mean \"file\"?" },
	{ "collector: {hugetbl: true}",
	  "1:13: unknown key \"hugetbl\" in \"collector\", did you mean \"hugetlb\"?" },
	{ "web.max-requests: 4", "1:1: unknown key \"web.max-requests\"" },
	{ "config: {file: x}", "1:1: unknown key \"config\"" },
	{ "version: true", "1:1: unknown key \"version\"" },
	{ "help: true", "1:1: unknown key \"help\"" },
	{ "\"\": 1", "1:1: unknown key \"\"" },
	{ "\"a\\nb\\xff\": 1", "1:1: unknown key \"a\\x0ab\xc3\xbf\"" },
	{ "~: 1", "1:1: unknown key \"~\"" },
	{ "[a]: 1", "1:1: a key must be a plain word" },
	{ "web: {max-requests: 1, max-requests: 2}", "1:24: key \"max-requests\" is there twice" },
	{ "web: {}\nlog: {}\nweb: {}\n", "3:1: key \"web\" is there twice" },
	{ "web: 5", "1:6: web: not a mapping of keys" },
	{ "web: [max-requests]", "1:6: web: not a mapping of keys" },
	{ "- web", "1:1: the file is not a mapping of keys" },
	{ "web", "1:1: the file is not a mapping of keys" },
	{ "web: {max-requests: many}", "1:21: web.max-requests: \"many\" is not a whole number" },
	{ "web: {max-requests: \"4\"}", "1:21: web.max-requests: \"4\" is not a whole number" },
	{ "web: {max-requests: 0x10}", "1:21: web.max-requests: \"0x10\" is not a whole number" },
	{ "web: {max-requests: [4]}", "1:21: web.max-requests: a list is not a whole number" },
	{ "web: {max-requests: {a: 4}}",
	  "1:21: web.max-requests: a mapping is not a whole number" },
	{ "web:\n  max-requests:\n",
	  "2:16: web.max-requests: an empty value is not a whole number" },
	{ "cgroups: {max: 0}", "1:16: cgroups.max: \"0\" is not between 1 and 1000000" },
	{ "web: {systemd-socket: yes}", "1:23: web.systemd-socket: \"yes\" is not true or false" },
	{ "web: {systemd-socket: \"true\"}",
	  "1:23: web.systemd-socket: \"true\" is not true or false" },
	{ "collector: {cpu: 1}", "1:18: collector.cpu: \"1\" is not true or false" },
	{ "web: {telemetry-path: ~}", "1:23: web.telemetry-path: an empty value is not a string" },
	{ "web: {telemetry-path: [/x]}", "1:23: web.telemetry-path: a list is not a string" },
	{ "web: {telemetry-path: x}",
	  "1:23: web.telemetry-path: \"x\" does not begin with a slash" },
	{ "web: {telemetry-path: \"/x\\0y\"}",
	  "1:23: web.telemetry-path: \"/x\" goes on behind a zero byte" },
	{ "web: {listen-address: \":1\"}",
	  "1:23: web.listen-address: \":1\" is not a list such as [a, b]" },
	{ "web: {listen-address: []}", "1:24: web.listen-address: the list is empty" },
	{ "web:\n  listen-address:\n  - :1\n  - x\n",
	  "4:5: web.listen-address: \"x\" has no port; write HOST:PORT, [IPV6]:PORT or :PORT" },
	{ "web: {listen-address: [[a]]}", "1:24: web.listen-address: a list is not a string" },
	{ "cgroups: {include-id: [\"(\"]}",
	  "1:24: cgroups.include-id: \"(\" is not a regular expression: missing closing "
	  "parenthesis at offset 1" },
	{ "log: {level: 3}", "1:14: log.level: \"3\" is not one of error, warn, info, debug" },
	{ "web: &a {max-requests: 1}", "1:6: anchors and aliases are not supported" },
	{ "web: *a", "1:6: anchors and aliases are not supported" },
	{ "a: &a [x,x]\nb: &b [*a,*a,*a]\n", "1:1: unknown key \"a\"" },
	{ "web: {listen-address: &a [*a, *a]}", "1:23: anchors and aliases are not supported" },
	{ "web: {max-requests: !!int 4}", "1:21: tags are not supported" },
	{ "{}\n---\n{}\n", "2:1: a second document" },
	{ "web:\n\tmax-requests: 4\n",
	  "2:1: found character that cannot start any token (while scanning for the next token)" },
	{ "web: {", "2:1: did not find expected node content (while parsing a flow node)" },
	{ "web: \"x", "1:8: found unexpected end of stream (while scanning a quoted scalar)" },
	{ "a\x01", "1:2: control characters are not allowed" },
	{ "web: {}\nx: \xff\n", "2:4: invalid leading UTF-8 octet" },
	{ "web: {}\nx: \xc3", "2:4: incomplete UTF-8 octet sequence" },
};

static void test_wrong(void **state)
{
	struct place *place = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct options options;
		cleanup_free char *text = NULL;
		cleanup_free char *expected = xasprintf("%s:%s", place->file, wrong[i].error);

		write_file(place, wrong[i].text, strlen(wrong[i].text));
		assert_int_equal(read_file(place, NULL, &options, &text), OPTIONS_EXIT_CONFIG);
		assert_string_equal(text, expected);
		options_free(&options);
	}
}

/* A flag that would win does not hide a wrong file, and a wrong flag is told before a wrong file. */
static void test_wrong_twice(void **state)
{
	struct place *place = *state;
	struct options options;
	cleanup_free char *text = NULL, *other = NULL;

	write_file(place, "log: {level: x}", strlen("log: {level: x}"));
	assert_int_equal(read_file(place, "--log.level=info", &options, &text),
			 OPTIONS_EXIT_CONFIG);
	assert_int_equal(read_file(place, "--log.level=y", &options, &other), OPTIONS_EXIT_USAGE);
}

static void expect_refusal(const struct place *place, const char *reason)
{
	struct options options;
	cleanup_free char *text = NULL;
	cleanup_free char *expected = xasprintf("%s: %s", place->file, reason);

	assert_int_equal(read_file(place, NULL, &options, &text), OPTIONS_EXIT_CONFIG);
	assert_string_equal(text, expected);
	options_free(&options);
}

static void test_no_regular_file(void **state)
{
	struct place *place = *state;

	expect_refusal(place, "No such file or directory");
	assert_int_equal(mkdir(place->file, 0700), 0);
	expect_refusal(place, "not a regular file");
	assert_int_equal(rmdir(place->file), 0);
	assert_int_equal(mkfifo(place->file, 0600), 0);
	alarm(20); /* without a writer, an open that waits would wait for ever */
	expect_refusal(place, "not a regular file");
	alarm(0);
}

static void test_size(void **state)
{
	struct place *place = *state;
	enum { LIMIT = 1 << 20 };
	static char text[LIMIT + 1];
	struct options options;
	cleanup_free char *error = NULL;

	memset(text, '#', sizeof(text));
	write_file(place, text, LIMIT);
	assert_int_equal(read_file(place, NULL, &options, &error), OPTIONS_RUN);
	options_free(&options);
	write_file(place, text, LIMIT + 1);
	expect_refusal(place, "larger than 1 MiB");
}

/* As deep as a file can be: refused at the first key that is not ours, without recursion. */
static void test_depth(void **state)
{
	struct buffer text = { 0 };
	struct options options;
	cleanup_free char *error = NULL;

	buffer_puts(&text, "web: {listen-address: ");
	for (int i = 0; i < 100000; i++)
		buffer_putc(&text, '[');
	write_file(*state, text.data, text.length);
	assert_int_equal(read_file(*state, NULL, &options, &error), OPTIONS_EXIT_CONFIG);
	assert_non_null(strstr(error, ":1:24: web.listen-address: a list is not a string"));
	buffer_free(&text);
}

/* Reloads, good and bad in turn: LeakSanitizer sees what is left behind. */
static void test_reload(void **state)
{
	struct place *place = *state;

	for (int i = 0; i < 1000; i++) {
		const char *text = i % 2 ? everything : "web: {listen-address: [\":1\", x]}";
		struct options options;
		cleanup_free char *error = NULL;

		write_file(place, text, strlen(text));
		assert_int_equal(
			read_file(place, i % 3 ? NULL : "--cgroups.max=8", &options, &error),
			i % 2 ? OPTIONS_RUN : OPTIONS_EXIT_CONFIG);
		if (i % 2)
			assert_int_equal(options.cgroups_max, i % 3 ? 7 : 8);
		options_free(&options);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_new, place_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_everything), TEST(test_flags_win),   TEST(test_nothing),
		TEST(test_wrong),      TEST(test_wrong_twice), TEST(test_no_regular_file),
		TEST(test_size),       TEST(test_depth),       TEST(test_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
