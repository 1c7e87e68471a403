/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the probes add to what they see, against programs that do nothing, or read the clock, on the
 * same hooks (bench/support/added.h). BENCH_PEERS=1 measures system calls beside syscount and bpftrace
 * instead (bench/peers); BENCH_LAYOUTS=1 measures nothing and says how the maps are laid out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/support/added.h"
#include "bench/support/layouts.h"
#include "bench/support/work.h"
#include "collector/memory.h"

typedef double added_ns[ADDED_VARIANTS_MAX][ADDED_ROUNDS];

enum { CONTROL_OF_CALLS = CLOCK_ENTER | CLOCK_EXIT | EMPTY_SWITCH };

/* Fewer bursts of what takes longer. */
enum { BURSTS = 150, BURSTS_SLOW = 60 };

static int bench_syscalls(const struct bench *bench)
{
	enum { NONE, ENTER, CONTROL, FULL, SAMPLED, COUNT, ALL, N };
	static const struct variant variants[N] = {
		[NONE] = { .name = "none" },
		[ENTER] = { .name = "empty_enter", .controls = EMPTY_ENTER },
		[CONTROL] = { .name = "control", .controls = CONTROL_OF_CALLS },
		[FULL] = { .name = "full", .source = "syscalls" },
		[SAMPLED] = { .name = "sampled", .source = "syscalls", .mode = PROBE_SAMPLED },
		[COUNT] = { .name = "count", .source = "syscalls", .mode = PROBE_COUNT },
		[ALL] = { .name = "all", .source = "*" },
	};
	const struct subject subject = { "syscall", work_getppid, NULL, BURSTS };
	added_ns added;

	if (bench_rounds(bench, &subject, variants, N, added) < 0)
		return -ENODATA;
	bench_ratio(&subject, "full", added[FULL], added[CONTROL], 1.15);
	bench_ratio(&subject, "all", added[ALL], added[CONTROL], 1.4);
	bench_ratio(&subject, "sampled", added[SAMPLED], added[CONTROL], 0);
	bench_ratio(&subject, "count", added[COUNT], added[ENTER], 1.3);
	return 0;
}

/* On hosts with more CPUs maps have more shards, or are counted in atomically. */
static int bench_syscall_layouts(const struct bench *bench)
{
	enum { NONE, CONTROL, FULL_8, FULL_64, ALL_8, ALL_64, N };
	static const struct variant variants[N] = {
		[NONE] = { .name = "none" },
		[CONTROL] = { .name = "control", .controls = CONTROL_OF_CALLS },
		[FULL_8] = { .name = "full_8", .source = "syscalls", .n_cpus = 8 },
		[FULL_64] = { .name = "full_64", .source = "syscalls", .n_cpus = 64 },
		[ALL_8] = { .name = "all_8", .source = "*", .n_cpus = 8 },
		[ALL_64] = { .name = "all_64", .source = "*", .n_cpus = 64 },
	};
	const struct subject subject = { "layout", work_getppid, NULL, BURSTS };
	added_ns added;

	if (bench_rounds(bench, &subject, variants, N, added) < 0)
		return -ENODATA;
	bench_ratio(&subject, "full_8", added[FULL_8], added[CONTROL], 0);
	bench_ratio(&subject, "full_64", added[FULL_64], added[CONTROL], 0);
	bench_ratio(&subject, "all_8", added[ALL_8], added[CONTROL], 0);
	bench_ratio(&subject, "all_64", added[ALL_64], added[CONTROL], 0);
	return 0;
}

/* What it costs when two CPUs count in the same cells at once, as they may where there are more than two. */
static int bench_shared_cells(const struct bench *bench)
{
	enum { NONE, CONTROL, OWN, SHARED, N };
	enum { FOR_ONE_SHARD = 32 };
	static const struct variant variants[N] = {
		[NONE] = { .name = "none" },
		[CONTROL] = { .name = "control", .controls = CONTROL_OF_CALLS },
		[OWN] = { .name = "own_cells", .source = "syscalls" },
		[SHARED] = { .name = "shared_cells",
			     .source = "syscalls",
			     .memory_mib = FOR_ONE_SHARD },
	};
	const struct subject subject = { "beside", work_getppid_beside, NULL, 1 };
	added_ns added;
	pid_t neighbour;
	int err = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? neighbour_start(&neighbour) : -EOPNOTSUPP;

	if (err < 0) {
		printf("cells of two CPUs cannot be measured here: %s\n", strerror(-err));
		return 0;
	}
	err = bench_rounds(bench, &subject, variants, N, added);
	neighbour_stop(neighbour);
	if (err < 0)
		return err;
	bench_ratio(&subject, "own_cells", added[OWN], added[CONTROL], 0);
	bench_ratio(&subject, "shared_cells", added[SHARED], added[CONTROL], 0);
	return 0;
}

static int bench_switches(const struct bench *bench)
{
	enum { NONE, CONTROL, RUNQUEUE, RUNQUEUE_64, N };
	static const struct variant variants[N] = {
		[NONE] = { .name = "none" },
		[CONTROL] = { .name = "control",
			      .controls = EMPTY_SWITCH | EMPTY_WAKEUP | EMPTY_WAKEUP_NEW },
		[RUNQUEUE] = { .name = "runqueue", .source = "runqueue" },
		[RUNQUEUE_64] = { .name = "runqueue_64", .source = "runqueue", .n_cpus = 64 },
	};
	struct pipes pipes;
	const struct subject subject = { "switch", work_pingpong, &pipes, BURSTS };
	added_ns added;
	int err = pipes_open(&pipes);

	if (err < 0)
		return err;
	err = bench_rounds(bench, &subject, variants, N, added);
	pipes_close(&pipes);
	if (err < 0)
		return err;
	bench_ratio(&subject, "runqueue", added[RUNQUEUE], added[CONTROL], 1.3);
	bench_ratio(&subject, "runqueue_64", added[RUNQUEUE_64], added[CONTROL], 0);
	return 0;
}

static int bench_requests(const struct bench *bench)
{
	enum { NONE, CONTROL, BLKIO, N };
	static const struct variant variants[N] = {
		[NONE] = { .name = "none" },
		[CONTROL] = { .name = "control", .controls = CLOCK_ISSUE | CLOCK_COMPLETE },
		[BLKIO] = { .name = "blkio", .source = "blkio" },
	};
	int fd;
	const struct subject subject = { "request", work_read, &fd, BURSTS_SLOW };
	added_ns added;
	int err = disk_open(&fd);

	if (err < 0) {
		printf("block requests cannot be measured here: %s\n", strerror(-err));
		return 0;
	}
	err = bench_rounds(bench, &subject, variants, N, added);
	close(fd);
	if (err == 0)
		bench_ratio(&subject, "blkio", added[BLKIO], added[CONTROL], 2);
	return err;
}

/* What has no bar: events that are some thousand a second at most. */
static int bench_seldom(const struct bench *bench)
{
	enum { NONE, CONTROL, PROBE, N };
	static const struct variant connections[N] = {
		[NONE] = { .name = "none" },
		[CONTROL] = { .name = "control", .controls = EMPTY_STATE },
		[PROBE] = { .name = "connections", .source = "connections" },
	};
	static const struct variant signals[N] = {
		[NONE] = { .name = "none" },
		[CONTROL] = { .name = "control", .controls = EMPTY_SIGNAL },
		[PROBE] = { .name = "lifetime", .source = "lifetime" },
	};
	struct listener listener;
	const struct subject connecting = { "connection", work_connect, &listener, BURSTS_SLOW };
	const struct subject signalling = { "signal", work_signal, NULL, BURSTS };
	added_ns added;
	int err = listener_open(&listener);

	if (err == 0)
		err = bench_rounds(bench, &connecting, connections, N, added);
	if (err < 0)
		return err;
	close(listener.fd);
	return bench_rounds(bench, &signalling, signals, N, added);
}

/* What two well-known tools add to a system call for the same histogram, beside ours. */
static int bench_peers(const struct bench *bench)
{
	enum { NONE, CONTROL, FULL, ALL, SYSCOUNT, BPFTRACE, N };
	static const char *const syscount[] = { "syscount", "-L", NULL };
	static const char *const bpftrace[] = {
		"bpftrace", "-e",
		"tracepoint:raw_syscalls:sys_enter { @s[tid] = nsecs; } "
		"tracepoint:raw_syscalls:sys_exit /@s[tid]/ "
		"{ @[cgroup, args->id] = hist(nsecs - @s[tid]); delete(@s[tid]); }",
		NULL
	};
	static const struct variant variants[N] = {
		[NONE] = { .name = "none" },
		[CONTROL] = { .name = "control", .controls = CONTROL_OF_CALLS },
		[FULL] = { .name = "full", .source = "syscalls" },
		[ALL] = { .name = "all", .source = "*" },
		[SYSCOUNT] = { .name = "syscount", .command = syscount },
		[BPFTRACE] = { .name = "bpftrace", .command = bpftrace },
	};
	const struct subject subject = { "peers", work_getppid, NULL, BURSTS };
	added_ns added;

	if (bench_rounds(bench, &subject, variants, N, added) < 0)
		return -ENODATA;
	bench_ratio(&subject, "full_to_syscount", added[FULL], added[SYSCOUNT], 0.6);
	bench_ratio(&subject, "full_to_bpftrace", added[FULL], added[BPFTRACE], 0.4);
	bench_ratio(&subject, "all_to_syscount", added[ALL], added[SYSCOUNT], 0);
	bench_ratio(&subject, "all_to_bpftrace", added[ALL], added[BPFTRACE], 0);
	return 0;
}

static int bench_all(const struct bench *bench)
{
	int err = bench_syscalls(bench);

	err = err ? err : bench_syscall_layouts(bench);
	err = err ? err : bench_shared_cells(bench);
	err = err ? err : bench_switches(bench);
	err = err ? err : bench_requests(bench);
	return err ? err : bench_seldom(bench);
}

static int measure(const struct options *options)
{
	int err = getenv("BENCH_PEERS") ? 0 : layouts_print(options);

	if (err < 0 || getenv("BENCH_LAYOUTS"))
		return err;
	struct bench *bench = bench_new(options);
	err = getenv("BENCH_PEERS") ? bench_peers(bench) : bench_all(bench);
	bench_free(bench);
	return err;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };

	if (options_parse(&options, argc, argv) != OPTIONS_RUN)
		return EXIT_FAILURE;
	int err = measure(&options);
	if (err < 0)
		printf("cannot measure: %s\n", strerror(-err));
	options_free(&options);
	return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
