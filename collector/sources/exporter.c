/* SPDX-License-Identifier: Apache-2.0 */
/* This process and its web server: process_*, tallyman_http_*. --web.disable-exporter-metrics. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/cleanup.h"
#include "collector/collect.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/procfs/proc_stat.h"
#include "collector/source.h"

enum {
	CPU,
	RESIDENT,
	VIRTUAL,
	VIRTUAL_MAX,
	THREADS,
	OPEN_FDS,
	MAX_FDS,
	START_TIME,
	HTTP_REQUESTS,
	HTTP_IN_FLIGHT,
	HTTP_REJECTED,
};

static const struct metric metrics[] = {
	[CPU] = {
		.name = "process_cpu_seconds_total",
		.help = "User and system CPU time of the exporter, from getrusage(2).",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
		.scale = SCALE_MICROSECONDS,
	},
	[RESIDENT] = {
		.name = "process_resident_memory_bytes",
		.help = "Resident memory of the exporter, from /proc/self/stat.",
		.unit = "bytes",
		.scope = SCOPE_HOST,
	},
	[VIRTUAL] = {
		.name = "process_virtual_memory_bytes",
		.help = "Virtual memory of the exporter, from /proc/self/stat.",
		.unit = "bytes",
		.scope = SCOPE_HOST,
	},
	[VIRTUAL_MAX] = {
		.name = "process_virtual_memory_max_bytes",
		.help = "RLIMIT_AS of the exporter; absent when unlimited.",
		.unit = "bytes",
		.scope = SCOPE_HOST,
	},
	[THREADS] = {
		.name = "process_threads",
		.help = "Threads of the exporter, from /proc/self/stat.",
		.scope = SCOPE_HOST,
	},
	[OPEN_FDS] = {
		.name = "process_open_fds",
		.help = "Open file descriptors of the exporter, from /proc/self/fd.",
		.scope = SCOPE_HOST,
	},
	[MAX_FDS] = {
		.name = "process_max_fds",
		.help = "RLIMIT_NOFILE of the exporter.",
		.scope = SCOPE_HOST,
	},
	[START_TIME] = {
		.name = "process_start_time_seconds",
		.help = "Unix time of the exporter's start, from /proc/self/stat.",
		.unit = "seconds",
		.scope = SCOPE_HOST,
		.scale = SCALE_MILLISECONDS,
	},
	[HTTP_REQUESTS] = {
		.name = "tallyman_http_requests_total",
		.help = "HTTP requests that were answered, by status code. What libmicrohttpd itself "
			"refuses (no HTTP, too long: 400, 413, 414, 431) is not in it.",
		.labels = { "code" },
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
	[HTTP_IN_FLIGHT] = {
		.name = "tallyman_http_requests_in_flight",
		.help = "HTTP requests that are being answered now, this one included.",
		.scope = SCOPE_HOST,
	},
	[HTTP_REJECTED] = {
		.name = "tallyman_http_requests_rejected_total",
		.help = "HTTP requests that were refused because of --web.max-requests.",
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
};

/* What we tell of ourselves is always from the real one, whatever --path.procfs says. */
static const char own_procfs[] = "/proc";

/* Read once: /proc/stat is long on large machines, and clock corrections move its btime. */
struct state {
	int64_t boot_ms;
};

static void add(struct snapshot *snapshot, struct family *family, uint64_t value)
{
	family_add_integer(snapshot, family, NULL, NULL, value);
}

static void add_limit(struct snapshot *snapshot, struct family *family, int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		add(snapshot, family, limit.rlim_cur);
}

/* Since kernel 6.2 the size of /proc/PID/fd is the number of open descriptors: proc_pid_fd(5). */
static void add_open_fds(struct snapshot *snapshot, struct family *family)
{
	struct stat st;
	uint64_t n = 0;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0) {
		add(snapshot, family, (uint64_t)st.st_size);
		return;
	}
	cleanup_dir DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return;
	for (const struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	add(snapshot, family, n - 1); /* the directory's own one */
}

static void add_process(const struct state *state, struct snapshot *snapshot,
			struct family families[])
{
	struct proc_stat stat;
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		add(snapshot, &families[CPU],
		    (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
			    (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
	add_limit(snapshot, &families[VIRTUAL_MAX], RLIMIT_AS);
	add_limit(snapshot, &families[MAX_FDS], RLIMIT_NOFILE);
	add_open_fds(snapshot, &families[OPEN_FDS]);
	if (proc_stat_read(own_procfs, "self", &stat) != 0)
		return;
	add(snapshot, &families[RESIDENT], stat.rss_pages * (uint64_t)sysconf(_SC_PAGESIZE));
	add(snapshot, &families[VIRTUAL], stat.vsize);
	add(snapshot, &families[THREADS], stat.threads);
	if (state->boot_ms)
		add(snapshot, &families[START_TIME],
		    (uint64_t)state->boot_ms +
			    stat.starttime * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void add_http(struct snapshot *snapshot, struct family families[],
		     const struct self_counters *counters)
{
	for (size_t code = 100; code < ARRAY_SIZE(counters->http_requests); code++) {
		if (!counters->http_requests[code])
			continue;
		cleanup_free char *text = xasprintf("%zu", code);
		const char *label = arena_strdup(&snapshot->arena, text);

		family_add_integer(snapshot, &families[HTTP_REQUESTS], NULL,
				   snapshot_labels(snapshot, 1, &label),
				   counters->http_requests[code]);
	}
	add(snapshot, &families[HTTP_IN_FLIGHT], counters->http_in_flight);
	add(snapshot, &families[HTTP_REJECTED], counters->http_rejected);
}

static int exporter_open(const struct options *options, void **ret_state, const char **ret_reason)
{
	struct state *state;

	if (options->web_disable_exporter_metrics) {
		*ret_reason = "--web.disable-exporter-metrics";
		return -ECANCELED;
	}
	state = xcalloc(1, sizeof(*state));
	state->boot_ms = proc_boot_time_ms(own_procfs);
	*ret_state = state;
	return 0;
}

static int exporter_collect(void *opened, struct collection *collection, struct family families[])
{
	add_process(opened, collection->snapshot, families);
	add_http(collection->snapshot, families, collection->counters);
	return 0;
}

static void exporter_close(void *opened)
{
	free(opened);
}

const struct source source_exporter = {
	.name = "exporter",
	.help = "this process and its web server",
	.always = true,
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = exporter_open,
	.collect = exporter_collect,
	.close = exporter_close,
};
