/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What collecting costs above reading: CPU time of collector_acquire() with all default sources on
 * real cgroups, against a process that only reads the same files with as many descriptors kept. Which
 * files those are is seen by tracing one collection. The two take turns in a process of their own each.
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "bench/support/figure.h"
#include "bench/support/groups.h"
#include "bench/support/reads.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/collect.h"
#include "collector/log.h"
#include "collector/memory.h"
#include "collector/options/options.h"

enum {
	ROUNDS = 11,
	WARM_UPS = 6, /* more than the scrapes in which start times are looked for */
	YOUTH_S = 11, /* of a new group, whose runtime's files are looked for in each scrape */
	SIZES_MAX = 8,
	BAR_PERCENT = 125,
};

/* What a process may be told. */
enum {
	RUN = 'c', /* one collection, or one replay */
	RETRY = 'a', /* the same after forgetting which files were absent, as each group does in its turn */
	QUIT = 'q',
};

struct reply {
	uint64_t cpu_ns;
	uint64_t workloads, samples, kept_files, kept_directories, failed;
};

/* A process that does one thing each time it is told to. */
struct worker {
	pid_t pid;
	int command, reply; /* our ends */
	int reply_there;    /* the number of its own end */
};

struct job {
	const char *path;    /* the collector's root */
	struct reads *reads; /* the control's, NULL for the collector */
};

static void serve_collector(const struct job *job, int command, int reply)
{
	cleanup_free char *root = xasprintf("--path.cgroupfs=%s", job->path);
	char name[] = "bench", level[] = "--log.level=error";
	char *argv[] = { name, root, level, NULL };
	const struct collect_request request = { .sources = ~UINT64_C(0) };
	struct self_counters counters = { 0 };
	struct options options = { 0 };
	struct collector *collector;
	char what;

	hierarchy_raise_fd_limit();
	if (options_parse(&options, 3, argv) != OPTIONS_RUN)
		errx(1, "the exporter's options have changed");
	log_configure(options.log_level, options.log_format);
	if (collector_new(&options, &counters, &collector) != 0)
		errx(1, "cannot open the collector");
	while (read(command, &what, 1) == 1 && what != QUIT) {
		struct hierarchy *hierarchy = collector_hierarchy(collector);
		struct reply r = { 0 };

		if (what == RETRY)
			for_each_group(group, hierarchy)
				group->absent_since_ns = 0;
		uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		const struct snapshot *snapshot = collector_acquire(collector, &request);
		r.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
		r.workloads = snapshot->n_workloads;
		for (size_t i = 0; i < snapshot->n_families; i++)
			r.samples += snapshot->families[i].n_samples;
		r.kept_files = hierarchy->open_fds;
		r.kept_directories = hierarchy->open_dirs;
		snapshot_unref(snapshot);
		if (write(reply, &r, sizeof(r)) != sizeof(r))
			break;
	}
	collector_free(collector);
	options_free(&options);
}

static void serve_control(const struct job *job, int command, int reply)
{
	char what;

	hierarchy_raise_fd_limit();
	size_t missing = reads_prepare(job->reads);
	while (read(command, &what, 1) == 1 && what != QUIT) {
		struct reply r = { 0 };
		uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

		r.failed = reads_replay(job->reads) + missing;
		r.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
		if (write(reply, &r, sizeof(r)) != sizeof(r))
			break;
	}
}

static struct worker worker_start(const struct job *job)
{
	struct worker worker;
	int command[2], reply[2];

	if (pipe2(command, O_CLOEXEC) < 0 || pipe2(reply, O_CLOEXEC) < 0)
		err(1, "pipe");
	worker.pid = fork();
	if (worker.pid < 0)
		err(1, "fork");
	if (worker.pid == 0) {
		close(command[1]);
		close(reply[0]);
		if (job->reads)
			serve_control(job, command[0], reply[1]);
		else
			serve_collector(job, command[0], reply[1]);
		_exit(0);
	}
	close(command[0]);
	close(reply[1]);
	worker.command = command[1];
	worker.reply = reply[0];
	worker.reply_there = reply[1];
	return worker;
}

static struct reply worker_wait(const struct worker *worker)
{
	struct reply reply;

	if (read(worker->reply, &reply, sizeof(reply)) != sizeof(reply))
		errx(1, "a process of the benchmark ended");
	return reply;
}

static struct reply worker_run(const struct worker *worker, char what)
{
	if (write(worker->command, &what, 1) != 1)
		err(1, "write");
	return worker_wait(worker);
}

static void worker_end(const struct worker *worker)
{
	const char quit = QUIT; /* no end of file: the other process holds this pipe too */

	if (write(worker->command, &quit, 1) != 1)
		err(1, "write");
	close(worker->command);
	close(worker->reply);
	waitpid(worker->pid, NULL, 0);
}

static struct reply run_after_work(const struct groups *groups, const struct worker *worker)
{
	groups_dirty(groups);
	return worker_run(worker, RUN);
}

static void print(const char *name, size_t n, double value, const char *unit, double bar,
		  const char *method)
{
	cleanup_free char *full = xasprintf("scrape/%s_%zu", name, n);

	figure_print(&(struct figure){ .name = full,
				       .value = value,
				       .unit = unit,
				       .bar = bar,
				       .runs = ROUNDS,
				       .method = method });
}

static void describe(const struct reads *reads, const struct reply *r, size_t n)
{
	printf("%zu workloads: %.1f files each (%.1f kept, %.1f opened, %.1f listed, %.1f links), "
	       "%zu read more than once, %zu failed opens, %zu system calls, %lu samples, "
	       "%lu files and %lu directories kept open\n",
	       n, (double)reads->n / (double)n, (double)reads->count[READ_KEPT] / (double)n,
	       (double)reads->count[READ_OPEN] / (double)n,
	       (double)reads->count[READ_LIST] / (double)n,
	       (double)reads->count[READ_LINK] / (double)n, reads->repeated, reads->failed,
	       reads->syscalls, r->samples, r->kept_files, r->kept_directories);
}

/* Returns what one collection costs, in microseconds. */
static double compare_rounds(const struct groups *groups, const struct worker *collector,
			     const struct worker *control)
{
	double collected[ROUNDS], read[ROUNDS], ratio[ROUNDS];
	double n = (double)groups->n;
	size_t failed = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct reply a, b;

		if (i % 2) {
			a = run_after_work(groups, collector);
			b = run_after_work(groups, control);
		} else {
			b = run_after_work(groups, control);
			a = run_after_work(groups, collector);
		}
		collected[i] = (double)a.cpu_ns / 1e3;
		read[i] = (double)b.cpu_ns / 1e3;
		ratio[i] = collected[i] / read[i];
		failed += b.failed;
	}
	double cost = median(collected, ROUNDS), control_cost = median(read, ROUNDS);
	double middle = median(ratio, ROUNDS);
	bool barred = groups->n == 1000 || groups->n == 5000;

	print("collect", groups->n, cost / n, "us/workload", 0, "collector_acquire(), CPU time");
	print("control", groups->n, control_cost / n, "us/workload", 0,
	      "the same files, only read");
	print("ratio", groups->n, middle, "ratio", barred ? BAR_PERCENT / 100.0 : 0,
	      "median of interleaved pairs");
	printf("%zu workloads: ratio %.3f, quartiles %.3f to %.3f, all %.3f to %.3f; %zu reads of "
	       "the control failed\n",
	       groups->n, middle, quantile(ratio, ROUNDS, 0.25), quantile(ratio, ROUNDS, 0.75),
	       ratio[0], ratio[ROUNDS - 1], failed);
	return cost;
}

static double bench_size(const struct groups *groups)
{
	struct job job = { .path = groups->path };
	struct worker collector = worker_start(&job);
	struct reply reply = { 0 };

	for (int i = 0; i < WARM_UPS; i++)
		reply = worker_run(&collector, RUN);
	sleep(YOUTH_S);
	worker_run(&collector, RUN);
	job.reads =
		reads_record(collector.pid, collector.command, collector.reply_there, groups->path);
	reply = worker_wait(&collector);
	describe(job.reads, &reply, groups->n);
	struct worker control = worker_start(&job);
	worker_run(&control, RUN);
	double cost = compare_rounds(groups, &collector, &control);
	double again[3];
	for (size_t i = 0; i < ARRAY_SIZE(again); i++)
		again[i] = (double)worker_run(&collector, RETRY).cpu_ns / 1e3;
	print("retry", groups->n, median(again, ARRAY_SIZE(again)) / (double)groups->n,
	      "us/workload", 0,
	      "asking all groups for all absent files: each group every 8 to 15 min");
	worker_end(&collector);
	worker_end(&control);
	return cost;
}

int main(int argc, char **argv)
{
	static const size_t default_sizes[] = { 100, 300, 1000, 2000, 5000 };
	double sizes[SIZES_MAX], costs[SIZES_MAX];
	size_t n = 0;

	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc && n < SIZES_MAX; i++)
		sizes[n++] = strtod(argv[i], NULL);
	for (size_t i = 0; argc == 1 && i < ARRAY_SIZE(default_sizes); i++)
		sizes[n++] = (double)default_sizes[i];
	struct groups *groups = groups_new();
	printf("groups made by %s\n", groups->by_libcgroup
					      ? "libcgroup"
					      : "mkdir: libcgroup makes none without a controller");
	for (size_t i = 0; i < n; i++) {
		groups_grow(groups, (size_t)sizes[i]);
		costs[i] = bench_size(groups);
	}
	groups_free(groups);
	if (n < 3)
		return 0;
	struct line line = line_fit(sizes, costs, n);
	figure_print(
		&(struct figure){ .name = "scrape/fit_slope",
				  .value = line.slope,
				  .unit = "us/workload",
				  .runs = n,
				  .method = "straight line through the medians of all sizes" });
	figure_print(&(struct figure){ .name = "scrape/fit_intercept",
				       .value = line.intercept,
				       .unit = "us",
				       .runs = n,
				       .method = "the same" });
	figure_print(&(struct figure){
		.name = "scrape/fit_r_squared",
		.value = line.r_squared,
		.unit = "",
		.bar = 0.98, /* not 1: where descriptors run out, files are opened anew */
		.higher = true,
		.runs = n,
		.method = "the same: 1 is a straight line" });
	return 0;
}
