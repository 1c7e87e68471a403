/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/nearest.h"
#include "collector/options/options.h"
#include "collector/source.h"

/* Three sources of our own in place of the real list. */
static const struct metric metrics[] = { { .name = "container_cpu_usage_seconds_total" },
					 { .name = "container_memory_numa_bytes",
					   .optional = true } };
static const struct source cpu = {
	.name = "cpu", .help = "cpu.stat", .metrics = metrics, .n_metrics = ARRAY_SIZE(metrics)
};
static const struct source memory = { .name = "memory", .help = "memory.*" };
static const struct source hugetlb = { .name = "hugetlb", .help = "hugetlb.*", .optional = true };
const struct source *const sources[] = { &cpu, &memory, &hugetlb };
const size_t n_sources = ARRAY_SIZE(sources);
enum { CPU = 1, MEMORY = 2, HUGETLB = 4 };

/* Flags in one string, parted by blanks; options_free() and free(*ret_text) are the caller's. */
static enum options_result read_flags(struct options *options, const char *flags, char **ret_text)
{
	cleanup_free char *copy = xasprintf("tallyman %s", flags);
	char *argv[64], *rest = NULL;
	int argc = 0;

	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	argv[argc] = NULL;
	return options_read(options, argc, argv, ret_text);
}

static struct options read_good(const char *flags)
{
	struct options options;
	cleanup_free char *text = NULL;
	enum options_result result = read_flags(&options, flags, &text);

	if (result != OPTIONS_RUN)
		fail_msg("%s: %s", flags, text);
	assert_null(text);
	return options;
}

static void test_defaults(void **state)
{
	struct options options = read_good("");

	(void)state;
	assert_int_equal(options.web_listen_address.n, 1);
	assert_string_equal(options.web_listen_address.items[0], "127.0.0.1:10061");
	assert_string_equal(options.web_telemetry_path, "/metrics");
	assert_string_equal(options.web_config_file, "");
	assert_string_equal(options.config_file, "");
	assert_string_equal(options.path_cgroupfs, "");
	assert_string_equal(options.path_procfs, "/proc");
	assert_string_equal(options.path_sysfs, "/sys");
	assert_string_equal(options.path_rootfs, "/");
	assert_int_equal(options.web_max_requests, 40);
	assert_int_equal(options.web_min_scrape_interval_ms, 250);
	assert_int_equal(options.cgroups_max, 10000);
	assert_int_equal(options.labels_max_length, 1024);
	assert_int_equal(options.filesystem_interval_s, 300);
	assert_int_equal(options.log_level, LOG_LEVEL_INFO);
	assert_int_equal(options.log_format, LOG_FORMAT_LOGFMT);
	assert_int_equal(options.sources_enabled, CPU | MEMORY);
	assert_int_equal(options.cgroups_include_id.n, 0);
	assert_false(options.config_check);
	assert_false(options.web_systemd_socket);
	assert_false(options.compat_cadvisor_sentinels);
	options_free(&options);
}

static void test_values(void **state)
{
	struct options options =
		read_good("--web.listen-address=:1 --web.listen-address [::1]:2 "
			  "--web.max-requests 0 --web.min-scrape-interval=1m1s500ms "
			  "--log.level=debug --log.format=json --web.systemd-socket "
			  "--cgroups.inside-containers --no-cgroups.inside-containers "
			  "--cgroups.include-id=/a.* --cgroups.exclude-kind=pod|vm "
			  "--metrics.enable=container_memory_numa_bytes --filesystem.interval=1h "
			  "--web.telemetry-path=/m/x --config.check --path.rootfs=/tmp "
			  "--cgroups.max=3 --cgroups.max=7");

	(void)state;
	assert_int_equal(options.web_listen_address.n, 2);
	assert_string_equal(options.web_listen_address.items[0], ":1");
	assert_string_equal(options.web_listen_address.items[1], "[::1]:2");
	assert_int_equal(options.web_max_requests, 0);
	assert_int_equal(options.web_min_scrape_interval_ms, 61500);
	assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(options.log_format, LOG_FORMAT_JSON);
	assert_true(options.web_systemd_socket);
	assert_false(options.cgroups_inside_containers);
	assert_string_equal(options.cgroups_include_id.items[0], "/a.*");
	assert_string_equal(options.cgroups_exclude_kind.items[0], "pod|vm");
	assert_true(options_metric_enabled(&options, "container_memory_numa_bytes"));
	assert_false(options_metric_enabled(&options, "container_cpu_usage_seconds_total"));
	assert_int_equal(options.filesystem_interval_s, 3600);
	assert_string_equal(options.web_telemetry_path, "/m/x");
	assert_string_equal(options.path_rootfs, "/tmp");
	assert_true(options.config_check);
	assert_int_equal(options.cgroups_max, 7);
	options_free(&options);
}

static void test_sources(void **state)
{
	static const struct {
		const char *flags;
		uint64_t enabled;
	} cases[] = {
		{ "--no-collector.cpu", MEMORY },
		{ "--collector.hugetlb", CPU | MEMORY | HUGETLB },
		{ "--collector.disable-defaults", 0 },
		{ "--collector.disable-defaults --collector.memory", MEMORY },
		{ "--collector.memory --collector.disable-defaults", MEMORY },
		{ "--collector.disable-defaults --no-collector.disable-defaults", CPU | MEMORY },
		{ "--collector.hugetlb --no-collector.hugetlb", CPU | MEMORY },
		{ "--no-collector.cpu --collector.cpu", CPU | MEMORY },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct options options = read_good(cases[i].flags);

		assert_int_equal(options.sources_enabled, cases[i].enabled);
		options_free(&options);
	}
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} cases[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "1ms", 1 },
		{ "1s", 1000 },
		{ "2m", 120000 },
		{ "1h", 3600000 },
		{ "59m59s999ms", 3599999 },
		{ "0d1s", 1000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *flag = xasprintf("--web.min-scrape-interval=%s", cases[i].text);
		struct options options = read_good(flag);

		assert_int_equal(options.web_min_scrape_interval_ms, cases[i].ms);
		options_free(&options);
	}
}

static const struct {
	const char *flags, *error;
} wrong[] = {
	{ "--web.listen-adress=:1",
	  "unknown flag \"--web.listen-adress=:1\", did you mean --web.listen-address?" },
	{ "--collector.huge-tlb",
	  "unknown flag \"--collector.huge-tlb\", did you mean --collector.hugetlb?" },
	{ "--no-collector.memroy",
	  "unknown flag \"--no-collector.memroy\", did you mean --no-collector.memory?" },
	{ "--frobnicate-it", "unknown flag \"--frobnicate-it\", try --help" },
	{ "--web.max", "unknown flag \"--web.max\", try --help" }, /* no abbreviations */
	{ "--web.max-request=1",
	  "unknown flag \"--web.max-request=1\", did you mean --web.max-requests?" },
	{ "--no-web.max-requests",
	  "unknown flag \"--no-web.max-requests\", did you mean --web.max-requests?" },
	{ "-x", "unknown flag \"-x\", try --help" },
	{ "--=x", "unknown flag \"--=x\", try --help" },
	{ "metrics", "unexpected argument \"metrics\"" },
	{ "--config.check x --log.level=debug", "unexpected argument \"x\"" },
	{ "--web.max-requests", "--web.max-requests: needs a value" },
	{ "--config.check=yes", "--config.check: takes no value" },
	{ "--no-collector.cpu=1", "--no-collector.cpu: takes no value" },
	{ "--web.max-requests=abc", "--web.max-requests: \"abc\" is not a whole number" },
	{ "--web.max-requests=", "--web.max-requests: \"\" is not a whole number" },
	{ "--web.max-requests=-1", "--web.max-requests: \"-1\" is not a whole number" },
	{ "--web.max-requests=4.5", "--web.max-requests: \"4.5\" is not a whole number" },
	{ "--web.max-requests=99999999999999999999",
	  "--web.max-requests: \"99999999999999999999\" is too large" },
	{ "--cgroups.max=0", "--cgroups.max: \"0\" is not between 1 and 1000000" },
	{ "--labels.max-length=63", "--labels.max-length: \"63\" is not between 64 and 65536" },
	{ "--web.min-scrape-interval=250",
	  "--web.min-scrape-interval: \"250\" is not a duration such as 250ms, 30s or 1h30m" },
	{ "--web.min-scrape-interval=1s1m",
	  "--web.min-scrape-interval: \"1s1m\" is not a duration such as 250ms, 30s or 1h30m" },
	{ "--web.min-scrape-interval=1s1s",
	  "--web.min-scrape-interval: \"1s1s\" is not a duration such as 250ms, 30s or 1h30m" },
	{ "--web.min-scrape-interval=1.5s",
	  "--web.min-scrape-interval: \"1.5s\" is not a duration such as 250ms, 30s or 1h30m" },
	{ "--web.min-scrape-interval=18446744073709551615y",
	  "--web.min-scrape-interval: \"18446744073709551615y\" is not a duration such as 250ms, "
	  "30s or 1h30m" },
	{ "--web.min-scrape-interval=2h",
	  "--web.min-scrape-interval: \"2h\" is not between 0s and 1h" },
	{ "--filesystem.interval=1s500ms",
	  "--filesystem.interval: \"1s500ms\" is not a whole number of seconds" },
	{ "--filesystem.interval=2w", "--filesystem.interval: \"2w\" is not between 0s and 1w" },
	{ "--log.level=loud", "--log.level: \"loud\" is not one of error, warn, info, debug" },
	{ "--log.format=xml", "--log.format: \"xml\" is not one of logfmt, json" },
	{ "--web.listen-address=10061", "--web.listen-address: \"10061\" has no port; write "
					"HOST:PORT, [IPV6]:PORT or :PORT" },
	{ "--web.listen-address=[::1]", "--web.listen-address: \"[::1]\" has no port; write "
					"HOST:PORT, [IPV6]:PORT or :PORT" },
	{ "--web.listen-address=:65536",
	  "--web.listen-address: \":65536\" has no port number from 0 to 65535 after the last "
	  "colon" },
	{ "--web.listen-address=::1:80",
	  "--web.listen-address: \"::1:80\" needs brackets around its IPv6 address, as in "
	  "[::1]:10061" },
	{ "--web.listen-address=[::g]:80",
	  "--web.listen-address: \"[::g]:80\" has no IPv6 address between the brackets" },
	{ "--web.listen-address=a/b:80",
	  "--web.listen-address: \"a/b:80\" has no valid host name before the port" },
	{ "--web.telemetry-path=metrics",
	  "--web.telemetry-path: \"metrics\" does not begin with a slash" },
	{ "--web.telemetry-path=/", "--web.telemetry-path: \"/\" is the landing page" },
	{ "--web.telemetry-path=/a?b",
	  "--web.telemetry-path: \"/a?b\" may hold only letters, digits "
	  "and the characters / - . _ ~" },
	{ "--web.telemetry-path=/api/x",
	  "--web.telemetry-path: \"/api/x\" is taken: /api/ is used for other pages" },
	{ "--cgroups.include-id=(", "--cgroups.include-id: \"(\" is not a regular expression: "
				    "missing closing parenthesis at offset 1" },
	{ "--path.procfs=/nowhere",
	  "--path.procfs: \"/nowhere\" cannot be used: No such file or directory" },
	{ "--path.cgroupfs=/proc", "--path.cgroupfs: \"/proc\" is not cgroup2: it has no file "
				   "cgroup.controllers" },
	{ "--cgroups.exclude-kind=conteiner",
	  "--cgroups.exclude-kind: \"conteiner\" matches no kind; there are host, slice, service, "
	  "scope, container, pod, vm, machine and other" },
	{ "--path.procfs=", "--path.procfs: \"\" is no directory" },
	{ "--path.rootfs=/proc/version", "--path.rootfs: \"/proc/version\" is not a directory" },
	{ "--metrics.enable=container_memory_numa_byte",
	  "--metrics.enable: \"container_memory_numa_byte\" is not a metric, did you mean "
	  "\"container_memory_numa_bytes\"?" },
	{ "--metrics.enable=zzz",
	  "--metrics.enable: \"zzz\" is not a metric; METRICS.md lists them" },
	{ "--log.level=a\n\"\\\xff",
	  "--log.level: \"a\\x0a\\\"\\\\\\xff\" is not one of error, warn, info, debug" },
	/* The first mistake is the one that is told. */
	{ "--log.level=x --log.format=y",
	  "--log.level: \"x\" is not one of error, warn, info, debug" },
	{ "--log.level=x --help", "--log.level: \"x\" is not one of error, warn, info, debug" },
};

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct options options;
		cleanup_free char *text = NULL;

		assert_int_equal(read_flags(&options, wrong[i].flags, &text), OPTIONS_EXIT_USAGE);
		assert_string_equal(text, wrong[i].error);
		assert_null(options.path_procfs);
		options_free(&options);
	}
}

/* Every flag of the table is in --help once, and --help tells its default. */
static void test_help(void **state)
{
	struct options options;
	cleanup_free char *text = NULL, *again = NULL, *markdown = NULL, *man = NULL;

	(void)state;
	assert_int_equal(read_flags(&options, "--log.level=debug --help --bogus", &text),
			 OPTIONS_EXIT_OK);
	assert_int_equal(read_flags(&options, "-h", &again), OPTIONS_EXIT_OK);
	assert_string_equal(text, again);
	assert_non_null(strstr(text, "--[no-]collector.hugetlb"));
	assert_non_null(strstr(text, "Hugetlb.*. (default off)"));
	assert_non_null(strstr(text, "(default 127.0.0.1:10061)"));
	assert_null(strstr(text, "help-markdown"));
	for (const char *line = text; line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		assert_in_range(strcspn(line, "\n"), 0, 96);
	assert_int_equal(read_flags(&options, "--help-markdown", &markdown), OPTIONS_EXIT_OK);
	assert_non_null(strstr(markdown, "| `--web.max-requests=N` | `web: {max-requests: N}` |"));
	assert_int_equal(read_flags(&options, "--help-man", &man), OPTIONS_EXIT_OK);
	assert_non_null(strstr(man, ".B \\-\\-web.max\\-requests=N\n"));
}

static void test_version(void **state)
{
	struct options options;
	cleanup_free char *text = NULL;

	(void)state;
	assert_int_equal(read_flags(&options, "--version", &text), OPTIONS_EXIT_OK);
	assert_memory_equal(text, "tallyman, version ", strlen("tallyman, version "));
	assert_non_null(strstr(text, "(revision: "));
}

static void test_nearest(void **state)
{
	static const struct {
		const char *word, *known;
		size_t distance; /* 99: not near */
	} cases[] = {
		{ "listen", "listen", 0 },  { "lisetn", "listen", 1 }, { "liste", "listen", 1 },
		{ "listenn", "listen", 1 }, { "mixten", "listen", 2 }, { "abcdef", "listen", 99 },
		{ "web", "bwe", 99 },	    { "", "web", 99 },	       { "a", "b", 99 },
		{ "ab", "ac", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nearest nearest = { .word = cases[i].word };

		nearest_offer(&nearest, cases[i].known);
		if (cases[i].distance == 99) {
			assert_null(nearest.best);
			continue;
		}
		assert_ptr_equal(nearest.best, cases[i].known);
		assert_int_equal(nearest.distance, cases[i].distance);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
		cmocka_unit_test(test_sources),	 cmocka_unit_test(test_durations),
		cmocka_unit_test(test_wrong),	 cmocka_unit_test(test_help),
		cmocka_unit_test(test_version),	 cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
