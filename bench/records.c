/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reading cgroups by records costs: one pass over real cgroups against pread on kept descriptors of just the
 * files that the records stood for, without a look at their text; and a collection of all sources that have
 * no probe, by records and by files. All take turns in one process.
 */
#include <err.h>
#include <fcntl.h>
#include <unistd.h>

#include "bench/support/figure.h"
#include "bench/support/groups.h"
#include "bpf/wire_records.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/collect.h"
#include "collector/fast_path.h"
#include "collector/log.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/source.h"
#include "collector/sources/cgroup_record.h"

enum { ROUNDS = 15, WARM_UPS = 8, GROUPS = 1000, YOUTH_S = 11 };

/* Descriptors of files. */
struct kept {
	int *fds;
	size_t n, size;
};

static void keep(struct kept *kept, const struct groups *groups, size_t group, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s/%s", groups->path, groups->names[group], name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* the kernel has no such file */
	if (kept->n == kept->size) {
		kept->size = kept->size ? kept->size * 2 : 1024;
		kept->fds = xreallocarray(kept->fds, kept->size, sizeof(int));
	}
	kept->fds[kept->n++] = fd;
}

/*
 * Whether a group's record stands for a file in a scrape: all of its numbers that are always there, and that are in metrics,
 * are filled.
 */
static bool stands_for(const struct wire_record *record, const char *file)
{
	for (size_t i = 0; i < n_record_numbers; i++)
		if (streq(record_numbers[i].file, file) && !record_numbers[i].maybe &&
		    record_numbers[i].unit != RECORD_ZERO &&
		    (record->filled & record_numbers[i].filled) != record_numbers[i].filled)
			return false;
	return true;
}

/* Of all groups, the files that the last pass was enough for. */
static struct kept keep_replaced(struct collector *collector, const struct groups *groups)
{
	struct kept kept = { 0 };

	for (size_t i = 0; i < groups->n; i++) {
		const struct wire_record *record = NULL;

		for_each_group(group, collector_hierarchy(collector))
			if (streq(group->name, groups->names[i]))
				record = group->record;
		if (!record)
			errx(1, "a group has no record");
		for (size_t n = 0; n < n_record_numbers; n++)
			if ((n == 0 ||
			     !streq(record_numbers[n].file, record_numbers[n - 1].file)) &&
			    stands_for(record, record_numbers[n].file))
				keep(&kept, groups, i, record_numbers[n].file);
	}
	return kept;
}

static double read_kept(const struct kept *kept)
{
	static char buffer[16384];
	uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	for (size_t i = 0; i < kept->n; i++)
		if (pread(kept->fds[i], buffer, sizeof(buffer), 0) < 0)
			err(1, "pread");
	return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / 1e3;
}

static double run_pass(struct fast_path *fast_path, struct hierarchy *hierarchy)
{
	uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	fast_path_read(fast_path, hierarchy);
	return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / 1e3;
}

static double collect(struct collector *collector)
{
	const struct collect_request request = { .sources = ~UINT64_C(0), .detail = DETAIL_TEXT };
	uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	snapshot_unref(collector_acquire(collector, &request));
	return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / 1e3;
}

static void print(const char *name, double value, const char *unit, double bar, const char *method)
{
	cleanup_free char *full = xasprintf("records/%s_%d", name, GROUPS);

	figure_print(&(struct figure){ .name = full,
				       .value = value,
				       .unit = unit,
				       .bar = bar,
				       .runs = ROUNDS,
				       .method = method });
}

static void compare_pass(const struct groups *groups, struct collector *collector,
			 const struct options *options)
{
	struct hierarchy *hierarchy = collector_hierarchy(collector);
	struct fast_path *fast_path = fast_path_new();
	double pass[ROUNDS], files[ROUNDS], ratio[ROUNDS];

	fast_path_apply(fast_path, options);
	fast_path_read(fast_path, hierarchy);
	if (fast_path_reason(fast_path))
		errx(1, "no records: %s", fast_path_reason(fast_path));
	groups_dirty(groups);
	fast_path_read(fast_path, hierarchy);
	struct kept kept = keep_replaced(collector, groups);
	(void)read_kept(&kept);
	for (int i = 0; i < ROUNDS; i++) {
		for (int turn = 0; turn < 2; turn++) {
			groups_dirty(groups);
			if ((turn + i) % 2)
				pass[i] = run_pass(fast_path, hierarchy);
			else
				files[i] = read_kept(&kept);
		}
		ratio[i] = pass[i] / files[i];
	}
	printf("%.2f files a group are replaced: %zu kept descriptors\n",
	       (double)kept.n / (double)groups->n, kept.n);
	print("pass", median(pass, ROUNDS) / GROUPS, "us/workload", 0, "one pass, CPU time");
	print("pread", median(files, ROUNDS) / GROUPS, "us/workload", 0,
	      "pread on kept descriptors of the files that it replaces, not parsed");
	print("ratio", median(ratio, ROUNDS), "ratio", 0.1, "median of interleaved pairs");
	fast_path_skip(hierarchy);
	fast_path_free(fast_path);
	for (size_t i = 0; i < kept.n; i++)
		close(kept.fds[i]);
	free(kept.fds);
}

static void compare_scrapes(const struct groups *groups, struct collector *by_files,
			    struct collector *by_records)
{
	double files[ROUNDS], records[ROUNDS], ratio[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		for (int turn = 0; turn < 2; turn++) {
			groups_dirty(groups);
			if ((turn + i) % 2)
				records[i] = collect(by_records);
			else
				files[i] = collect(by_files);
		}
		ratio[i] = records[i] / files[i];
	}
	print("scrape_files", median(files, ROUNDS) / GROUPS, "us/workload", 0,
	      "collection of all sources without a probe, CPU time");
	print("scrape", median(records, ROUNDS) / GROUPS, "us/workload", 0, "the same by records");
	print("scrape_ratio", median(ratio, ROUNDS), "ratio", 0, "median of interleaved pairs");
}

static void set_options(struct options *options, const char *path)
{
	cleanup_free char *root = xasprintf("--path.cgroupfs=%s", path);
	char name[] = "bench", level[] = "--log.level=error",
	     shared[] = "--web.min-scrape-interval=0s", fast[] = "--cgroups.fast-path=auto";
	char *argv[] = { name, root, level, shared, fast, NULL };

	if (options_parse(options, 5, argv) != OPTIONS_RUN)
		errx(1, "the exporter's options have changed");
	log_configure(options->log_level, options->log_format);
	for (size_t i = 0; i < n_sources; i++)
		if (sources[i]->probe)
			options->sources_enabled &= ~(UINT64_C(1) << i);
}

int main(void)
{
	struct self_counters counters = { 0 };
	struct options options = { 0 };
	struct collector *by_files, *by_records;
	struct groups *groups = groups_new();

	setvbuf(stdout, NULL, _IOLBF, 0);
	hierarchy_raise_fd_limit();
	groups_grow(groups, GROUPS);
	set_options(&options, groups->path);
	if (collector_new(&options, &counters, &by_files) != 0 ||
	    collector_new(&options, &counters, &by_records) != 0)
		errx(1, "cannot open the collector");
	collector_start_probes(by_records); /* without it files are read */
	for (int i = 0; i < WARM_UPS; i++) {
		if (i == WARM_UPS - 1)
			sleep(YOUTH_S); /* of new groups, whose runtime's files are looked for */
		(void)collect(by_files);
		(void)collect(by_records);
	}
	compare_scrapes(groups, by_files, by_records);
	compare_pass(groups, by_files, &options);
	collector_free(by_files);
	collector_free(by_records);
	options_free(&options);
	groups_free(groups);
	return 0;
}
