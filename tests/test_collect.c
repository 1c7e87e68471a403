/* SPDX-License-Identifier: Apache-2.0 */
/* Whole collections over a scratch tree, with the real sources. */
#include "collector/collect.h"

#include <sys/resource.h>
#include <time.h>

#include "collector/cgroups.h"
#include "collector/log.h"
#include "collector/source.h"
#include "tests/support.h"

struct world {
	char *tree;
	struct options options;
	struct self_counters counters;
	struct collector *collector;
};

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->tree = tree_new();
	tree_write(w->tree, "cgroup/a.service/cpu.stat",
		   "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n");
	tree_write(w->tree, "cgroup/a.service/cgroup.procs", "41\n42\n0\n");
	tree_write(w->tree, "proc/stat", "cpu 1 2 3\nbtime 1700000000\n");
	tree_write(w->tree, "proc/42/stat",
		   "42 (x) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 1 0 12345 1000 10 0\n");
	w->options = options_for_tree(w->tree);
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
	assert_int_equal(collector_new(&w->options, &w->counters, &w->collector), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	collector_free(w->collector);
	options_for_tree_free(&w->options);
	tree_remove(w->tree);
	free(w);
	return 0;
}

static uint64_t source_bit(const char *name)
{
	for (size_t i = 0; i < n_sources; i++)
		if (streq(sources[i]->name, name))
			return UINT64_C(1) << i;
	fail_msg("no source %s", name);
	return 0;
}

static const struct snapshot *acquire(struct world *w, uint64_t bits, uint64_t deadline_ns,
				      uint64_t max_age_ms)
{
	const struct collect_request request = {
		.sources = bits,
		.deadline_ns = deadline_ns,
		.max_age_ms = max_age_ms,
	};

	return collector_acquire(w->collector, &request);
}

static const struct sample *sample_of(const struct snapshot *s, const char *name, const char *path)
{
	const struct family *family = snapshot_family(s, name);

	assert_non_null(family);
	for_each_sample(sample, family)
		if (!path || (sample->workload && streq(sample->workload->path, path)))
			return sample;
	return NULL;
}

static void tells_who_is_there(void **state)
{
	struct world *w = *state;
	const struct snapshot *s = acquire(w, ~UINT64_C(0), 0, 0);

	assert_true(s->complete);
	assert_int_equal(s->generation, 1);
	const struct sample *seen = sample_of(s, "container_last_seen", "/a.service");
	assert_int_equal(seen->integer, s->time_ms);
	/* btime + 12345 ticks of 1/100 s */
	assert_int_equal(sample_of(s, "container_start_time_seconds", "/a.service")->integer,
			 1700000123450);
	assert_int_equal(sample_of(s, "container_start_time_seconds", "/")->integer, 1700000000000);
	const struct sample *info = sample_of(s, "container_info", "/a.service");
	assert_string_equal(info->labels[0], "service");
	assert_int_equal(sample_of(s, "tallyman_cgroups", NULL)->integer, 2);
	assert_int_equal(sample_of(s, "container_scrape_error", NULL)->integer, 0);
	snapshot_unref(s);
}

/* The start time is computed once per cgroup id: a process that comes later cannot move it. */
static void keeps_the_start_time(void **state)
{
	struct world *w = *state;

	snapshot_unref(acquire(w, ~UINT64_C(0), 0, 0));
	tree_write(w->tree, "proc/41/stat",
		   "41 (y) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 1 0 99 1000 10 0\n");
	const struct snapshot *s = acquire(w, ~UINT64_C(0), 0, 0);
	assert_int_equal(sample_of(s, "container_start_time_seconds", "/a.service")->integer,
			 1700000123450);
	snapshot_unref(s);
}

static void shares_by_set_of_sources(void **state)
{
	struct world *w = *state;
	uint64_t self = source_bit("self"), container = source_bit("container");
	const struct snapshot *all = acquire(w, ~UINT64_C(0), 0, 60000);
	const struct snapshot *again = acquire(w, ~UINT64_C(0), 0, 60000);
	const struct snapshot *some = acquire(w, self, 0, 60000);
	const struct snapshot *fresh = acquire(w, ~UINT64_C(0), 0, 0);

	assert_ptr_equal(all, again);
	assert_ptr_not_equal(all, some);
	assert_ptr_not_equal(all, fresh);
	assert_true(snapshot_family(some, "container_last_seen")->left_out);
	assert_false(snapshot_family(some, "tallyman_cgroups")->left_out);
	assert_int_equal(some->sources_read, self);
	/* More sets in turn than are kept: each is still right. */
	for (uint64_t i = 0; i < 64; i++) {
		uint64_t bits = (i & 1 ? self : 0) | (i & 2 ? container : 0) |
				(i & 4 ? source_bit("exporter") : 0);
		const struct snapshot *s = acquire(w, bits, 0, 60000);

		assert_int_equal(s->sources_read, bits);
		snapshot_unref(s);
	}
	snapshot_unref(all);
	snapshot_unref(again);
	snapshot_unref(some);
	snapshot_unref(fresh);
}

static const struct snapshot *acquire_detail(struct world *w, enum detail detail)
{
	const struct collect_request request = {
		.sources = ~UINT64_C(0),
		.max_age_ms = 60000,
		.detail = detail,
	};

	return collector_acquire(w->collector, &request);
}

static bool has(const struct snapshot *s, const char *name)
{
	return !snapshot_family(s, name)->left_out;
}

/* What nobody asks for is not read; who wants more gets a snapshot of its own, who wants less may share. */
static void reads_what_is_asked_for(void **state)
{
	static const char average[] = "container_pressure_cpu_waiting_ratio";
	static const char total[] = "container_pressure_cpu_waiting_seconds_total";
	static const char by_call[] = "container_syscall_latency_seconds";
	struct world *w = *state;
	const struct snapshot *text = acquire_detail(w, DETAIL_TEXT);
	const struct snapshot *metrics = acquire_detail(w, DETAIL_METRICS);
	const struct snapshot *all = acquire_detail(w, DETAIL_ALL);
	const struct snapshot *shared = acquire_detail(w, DETAIL_TEXT);

	assert_true(has(text, total) && !has(text, average) && !has(text, by_call));
	assert_true(has(metrics, total) && !has(metrics, average) && has(metrics, by_call));
	assert_true(has(all, total) && has(all, average) && has(all, by_call));
	assert_ptr_not_equal(text, metrics);
	assert_ptr_not_equal(metrics, all);
	assert_ptr_equal(all, shared);
	snapshot_unref(text);
	snapshot_unref(metrics);
	snapshot_unref(all);
	snapshot_unref(shared);
}

/* A deadline that has passed leaves families out whole, says so, and is not handed to the next. */
static void honours_the_deadline(void **state)
{
	struct world *w = *state;
	const struct snapshot *late = acquire(w, ~UINT64_C(0), 1, 60000);

	assert_false(late->complete);
	assert_true(snapshot_family(late, "container_last_seen")->left_out);
	assert_int_equal(sample_of(late, "tallyman_scrape_complete", NULL)->integer, 0);
	assert_non_null(sample_of(late, "process_open_fds", NULL));
	const struct snapshot *next = acquire(w, ~UINT64_C(0), 0, 60000);
	assert_ptr_not_equal(late, next);
	assert_true(next->complete);
	assert_int_equal(sample_of(next, "tallyman_scrape_complete", NULL)->integer, 1);
	uint64_t errors = 0;
	for (size_t i = 0; i < next->n_sources; i++)
		if (streq(next->sources[i].name, "container"))
			errors = next->sources[i].errors;
	assert_int_equal(errors, 1);
	snapshot_unref(late);
	snapshot_unref(next);
}

static void follows_changes(void **state)
{
	struct world *w = *state;

	snapshot_unref(acquire(w, ~UINT64_C(0), 0, 0));
	tree_mkdir(w->tree, "cgroup/b.service");
	const struct snapshot *s = acquire(w, ~UINT64_C(0), 0, 0);
	assert_non_null(sample_of(s, "container_last_seen", "/b.service"));
	snapshot_unref(s);
	cleanup_free char *gone = xasprintf("%s/cgroup/b.service", w->tree);
	assert_int_equal(rmdir(gone), 0);
	s = acquire(w, ~UINT64_C(0), 0, 0);
	assert_null(sample_of(s, "container_last_seen", "/b.service"));
	snapshot_unref(s);
}

/* Everything that a source adds stands under a family of its own row, with its labels filled. */
static void fills_all_labels(void **state)
{
	struct world *w = *state;
	const struct snapshot *s = acquire(w, ~UINT64_C(0), 0, 0);

	for (size_t i = 0; i < s->n_families; i++) {
		const struct family *family = &s->families[i];
		size_t n = metric_n_labels(family->metric);

		for_each_sample(sample, family)
			for (size_t l = 0; l < n; l++)
				assert_non_null(sample->labels[l]);
	}
	snapshot_unref(s);
}

static const struct source_status *status_of(const struct snapshot *s, const char *source)
{
	for (size_t i = 0; i < s->n_sources; i++)
		if (streq(s->sources[i].name, source))
			return &s->sources[i];
	fail_msg("no source %s", source);
	return NULL;
}

/* A collector that had descriptors for the hierarchy, but not for all sources; NULL: none can be had. */
static const struct snapshot *start_with_few_descriptors(struct world *w,
							 const struct rlimit *limit)
{
	for (rlim_t n = 4; n < 256; n++) {
		const struct rlimit few = { .rlim_cur = n, .rlim_max = limit->rlim_max };

		collector_free(w->collector);
		w->collector = NULL;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		int err = collector_new(&w->options, &w->counters, &w->collector);
		const struct snapshot *s = err ? NULL : acquire(w, ~UINT64_C(0), 0, 0);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, limit), 0);
		if (s && status_of(s, "machine")->reason &&
		    strstr(status_of(s, "machine")->reason, "Too many open files"))
			return s;
		snapshot_unref(s);
	}
	return NULL;
}

/* What could not open for want of descriptors is opened by a later scrape, without a reload. */
static void opens_again(void **state)
{
	struct world *w = *state;
	struct rlimit limit;

	tree_mkdir(w->tree, "sys");
	tree_write(w->tree, "proc/meminfo", "MemTotal: 7 kB\n");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	const struct snapshot *s = start_with_few_descriptors(w, &limit);
	assert_non_null(s);
	assert_false(status_of(s, "machine")->up);
	assert_null(sample_of(s, "machine_memory_bytes", NULL));
	for (int i = 0; i < 3000 && !status_of(s, "machine")->up; i++) {
		const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };

		nanosleep(&moment, NULL);
		snapshot_unref(s);
		s = acquire(w, ~UINT64_C(0), 0, 0);
	}
	assert_true(status_of(s, "machine")->up);
	assert_null(status_of(s, "machine")->reason);
	assert_int_equal(sample_of(s, "machine_memory_bytes", NULL)->integer, 7168);
	snapshot_unref(s);
}

/* On a hybrid host a source that is up without a series says why. */
static void tells_of_v1(void **state)
{
	struct world *w = *state;

	tree_write(w->tree, "proc/self/mountinfo",
		   "30 25 0:27 / /v1/memory rw - cgroup cgroup rw,memory\n"
		   "31 25 0:28 / /v1/io rw - cgroup cgroup rw,blkio,pids\n");
	collector_free(w->collector);
	assert_int_equal(collector_new(&w->options, &w->counters, &w->collector), 0);
	const struct snapshot *s = acquire(w, ~UINT64_C(0), 0, 0);
	const struct source_status *memory = status_of(s, "memory");

	assert_true(memory->up);
	assert_int_equal(memory->series, 0);
	assert_string_equal(memory->reason, "controller memory is on cgroup v1");
	assert_string_equal(status_of(s, "io")->reason, "controller blkio is on cgroup v1");
	assert_string_equal(status_of(s, "pids")->reason, "controller pids is on cgroup v1");
	assert_null(status_of(s, "cpu")->reason);
	assert_null(status_of(s, "pressure")->reason);
	snapshot_unref(s);
}

/* Each scraper is told, not only the one that comes first. */
static void tells_each_scraper(void **state)
{
	struct world *w = *state;
	cleanup_free char *root = xasprintf("%s/cgroup", w->tree);

	tree_remove(xstrdup(root));
	for (int i = 0; i < 2; i++) {
		const struct snapshot *s = acquire(w, ~UINT64_C(0), 0, 0);

		assert_int_equal(sample_of(s, "container_scrape_error", NULL)->integer, 1);
		snapshot_unref(s);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(tells_who_is_there),
		TEST(keeps_the_start_time),
		TEST(shares_by_set_of_sources),
		TEST(reads_what_is_asked_for),
		TEST(honours_the_deadline),
		TEST(follows_changes),
		TEST(fills_all_labels),
		TEST(opens_again),
		TEST(tells_of_v1),
		TEST(tells_each_scraper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
