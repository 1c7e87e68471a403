/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of every source: names, units, labels and help that hold together. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collector/cleanup.h"
#include "collector/source.h"

static const char *const base_labels[] = { "id", "name", "image", "namespace", "pod", "container" };

/* Names of cAdvisor and of client libraries that break a rule and are kept as they are. */
static const char *const counters_without_total[] = {
	"container_memory_failcnt",
	"container_hugetlb_failcnt",
};
static const char *const gauges_with_total[] = {
	"container_fs_inodes_total",	      "container_network_tcp_usage_total",
	"container_network_tcp6_usage_total", "container_network_udp_usage_total",
	"container_network_udp6_usage_total", "container_network_advance_tcp_stats_total",
};
static const char *const words_that_are_units[] = { "bytes", "seconds", "ratio", "cores" };

static bool any(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (streq(name, list[i]))
			return true;
	return false;
}

static bool ends_with(const char *s, const char *end)
{
	size_t length = strlen(s), n = strlen(end);

	return length >= n && streq(s + length - n, end);
}

/* [a-z][a-z0-9_]*: Prometheus allows more, house rules do not. */
static bool is_name(const char *s)
{
	if (!islower((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '_')
			return false;
	return true;
}

/* The first complaint about a row, or NULL. */
static const char *check_name(const struct metric *metric)
{
	bool total = ends_with(metric->name, "_total");

	if (!is_name(metric->name) || strstr(metric->name, "__"))
		return "is no name";
	if (metric->type == METRIC_COUNTER && !total &&
	    !any(metric->name, counters_without_total, ARRAY_SIZE(counters_without_total)))
		return "is a counter without _total";
	if (metric->type != METRIC_COUNTER && total &&
	    !any(metric->name, gauges_with_total, ARRAY_SIZE(gauges_with_total)))
		return "has _total and is no counter";
	if (ends_with(metric->name, "_count") && metric->type != METRIC_GAUGE)
		return "ends like a part of a histogram";
	if (ends_with(metric->name, "_sum") || ends_with(metric->name, "_bucket") ||
	    ends_with(metric->name, "_created"))
		return "ends like a part of another family";
	if (metric->type == METRIC_INFO && !ends_with(metric->name, "_info"))
		return "is an info without _info";
	return NULL;
}

static const char *check_unit(const struct metric *metric)
{
	cleanup_free char *name = strdup(metric->name), *suffix = NULL;

	if (ends_with(name, "_total"))
		name[strlen(name) - strlen("_total")] = '\0';
	if (metric->unit && asprintf(&suffix, "_%s", metric->unit) < 0)
		return "no memory";
	if (suffix && !ends_with(name, suffix) && !streq(metric->name, "container_last_seen"))
		return "does not end with its unit";
	for (size_t i = 0; i < ARRAY_SIZE(words_that_are_units) && !metric->unit; i++) {
		cleanup_free char *end = NULL;

		if (asprintf(&end, "_%s", words_that_are_units[i]) < 0)
			return "no memory";
		if (ends_with(name, end) && !strstr(name, "physical_cores") &&
		    !strstr(name, "cpu_cores"))
			return "ends with a unit that it does not state";
	}
	for (uint64_t scale = metric_scale(metric); scale != 1; scale /= 10)
		if (scale % 10)
			return "has a scale that is no power of ten";
	return NULL;
}

static const char *check_labels(const struct metric *metric)
{
	for (size_t i = 0; i < metric_n_labels(metric); i++) {
		const char *label = metric->labels[i];

		if (!is_name(label) || strncmp(label, "__", 2) == 0)
			return "has a label that is no name";
		if (streq(label, "le") || streq(label, "quantile") || streq(label, "job") ||
		    streq(label, "instance"))
			return "has a reserved label";
		if (metric->scope == SCOPE_WORKLOAD &&
		    any(label, base_labels, ARRAY_SIZE(base_labels)))
			return "has a label that every workload has";
		for (size_t n = 0; n < i; n++)
			if (streq(label, metric->labels[n]))
				return "has a label twice";
	}
	for (size_t i = metric_n_labels(metric); i < METRIC_LABELS_MAX; i++)
		if (metric->labels[i])
			return "has a hole in its labels";
	return NULL;
}

/* The help of a row of cgroup files names its file, and its key where there is one. */
static const char *check_help(const struct metric *metric)
{
	const char *help = metric->help;

	if (!help || strlen(help) < 20 || !ends_with(help, ".") || strstr(help, "  ") ||
	    islower((unsigned char)*help))
		return "has no sentence for help";
	if (strchr(help, '\n'))
		return "has a newline in its help";
	if (metric->from.file && !strstr(help, metric->from.file))
		return "has a help that does not name its file";
	if (metric->from.also && !strstr(help, metric->from.also))
		return "has a help that does not name its second file";
	return NULL;
}

static const char *check_from(const struct source *source, const struct metric *metric)
{
	static const char *const of_cgroup_files[] = { "cpu",  "memory",   "memory_stat", "io",
						       "pids", "pressure", "cpuset",	  "hugetlb",
						       "misc", "rdma",	   "cgroup" };

	if (any(source->name, of_cgroup_files, ARRAY_SIZE(of_cgroup_files)) && !metric->from.file)
		return "does not say from which file it is";
	if (metric->from.line && !metric->from.key)
		return "has a line and no key";
	if ((metric->from.line || metric->from.key) && !metric->from.file)
		return "has a key and no file";
	if (metric->only_in_api && metric->optional)
		return "is only in the API and optional";
	return NULL;
}

static void rows(void **state)
{
	unsigned faults = 0;

	(void)state;
	for (size_t i = 0; i < n_sources; i++) {
		for (size_t m = 0; m < sources[i]->n_metrics; m++) {
			const struct metric *metric = &sources[i]->metrics[m];
			const char *const complaints[] = {
				check_name(metric),
				check_unit(metric),
				check_labels(metric),
				check_help(metric),
				check_from(sources[i], metric),
			};

			for (size_t c = 0; c < ARRAY_SIZE(complaints); c++) {
				if (!complaints[c])
					continue;
				print_error("%s, %s: %s\n", sources[i]->name, metric->name,
					    complaints[c]);
				faults++;
			}
		}
	}
	assert_int_equal(faults, 0);
}

/* One name for one family, whatever suffix a format adds. */
static void unique_names(void **state)
{
	const struct metric *all[4096];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < n_sources; i++)
		for (size_t m = 0; m < sources[i]->n_metrics; m++)
			all[n++] = &sources[i]->metrics[m];
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			size_t length = strlen(all[i]->name), other = strlen(all[k]->name);
			const char *longer = length > other ? all[i]->name : all[k]->name;
			size_t shorter = length > other ? other : length;

			if (strncmp(all[i]->name, all[k]->name, shorter) != 0)
				continue;
			if (length == other || streq(longer + shorter, "_total") ||
			    streq(longer + shorter, "_info"))
				fail_msg("%s and %s are one family to OpenMetrics", all[i]->name,
					 all[k]->name);
		}
	}
	assert_true(n > 100);
}

static void source_list(void **state)
{
	(void)state;
	assert_true(n_sources <= 64); /* bits of options.sources_enabled */
	for (size_t i = 0; i < n_sources; i++) {
		assert_true(is_name(sources[i]->name));
		assert_non_null(sources[i]->help);
		assert_false(ends_with(sources[i]->help, "."));
		assert_non_null(sources[i]->collect);
		if (sources[i]->probe)
			assert_true(!sources[i]->open && !sources[i]->close);
		else
			assert_true(sources[i]->open && sources[i]->close);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(sources[i]->name, sources[k]->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(unique_names),
		cmocka_unit_test(source_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
