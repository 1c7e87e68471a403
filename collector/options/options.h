/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user asked for. Owned by main, const for everyone else. Strings are never NULL unless said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct string_list {
	char **items;
	size_t n;
};

enum fast_path_choice { FAST_PATH_AUTO, FAST_PATH_OFF };

/* A row per option and its defaults: option_rows.c. */
struct options {
	/* --path.*: where to read; a fixture tree or the host's mounts inside a container. */
	char *path_cgroupfs; /* "" = find it (libcgroup, then mountinfo) */
	char *path_procfs;
	char *path_sysfs;
	char *path_rootfs;

	/* --web.* */
	struct string_list web_listen_address;
	char *web_telemetry_path;
	char *web_config_file; /* "" = none */
	uint64_t web_max_requests;
	uint64_t web_min_scrape_interval_ms;
	bool web_systemd_socket;
	bool web_disable_exporter_metrics;

	/* --collector.NAME: bit i is sources[i]. */
	uint64_t sources_enabled;

	/* --cgroups.*: PCRE2, anchored at both ends; empty list = everything. */
	struct string_list cgroups_include_id, cgroups_exclude_id;
	struct string_list cgroups_include_name, cgroups_exclude_name;
	struct string_list cgroups_include_kind, cgroups_exclude_kind;
	bool cgroups_inside_containers;
	uint64_t cgroups_max;	    /* workloads; the rest is dropped and counted */
	unsigned cgroups_fast_path; /* enum fast_path_choice */
	uint64_t labels_max_length; /* bytes of a label value; longer ones end in a hash */

	/* --containers.*; times in seconds */
	struct string_list containers_labels;	   /* PCRE2 on names of labels; empty = none */
	struct string_list containers_environment; /* the same, of environment variables */
	uint64_t containers_remember_s;		   /* how long counters of what is gone are shown */
	uint64_t containers_settle_s;		   /* how long a new counter stands at 0 */

	/* --metrics.* */
	struct string_list metrics_enable; /* optional rows by name */
	bool compat_cadvisor_sentinels;

	/* --filesystem.* */
	uint64_t filesystem_interval_s; /* between two walks of one writable layer */

	/* --probe.* */
	uint64_t probe_budget_percent;	 /* of all CPUs, for all probes; 0 = no limit */
	unsigned probe_syscalls;	 /* enum probe_mode */
	unsigned probe_requests;	 /* 0: PROBE_FULL, 1: PROBE_COUNT */
	uint64_t probe_histogram_schema; /* 0 to 3: native histograms' */
	uint64_t probe_max_memory_mib;	 /* of all maps of all probes */
	uint64_t probe_disturbed_pairs;	 /* series per workload */
	uint64_t probe_text_step;	 /* powers of two between bounds in text */
	uint64_t probe_syscall_names;	 /* series per workload */

	/* --connections.* */
	uint64_t connections_edges;		/* peers that are named per workload */
	struct string_list connections_outside; /* NAME=CIDR */
	bool connections_conntrack;

	/* --requests.* */
	uint64_t requests_slow_ms; /* what is quicker is never told one by one as slow */
	uint64_t requests_routes;  /* that are named per cgroup; 0: none */
	bool requests_traceparent; /* ids of traces are read */

	char *config_file; /* "" = none */
	bool config_check; /* say whether flags and files are right, and return */
	enum log_level log_level;
	enum log_format log_format;
};

/* The first three are exit statuses too: 1 for wrong flags as in kingpin, 2 as Prometheus has it. */
enum options_result { OPTIONS_EXIT_OK, OPTIONS_EXIT_USAGE, OPTIONS_EXIT_CONFIG, OPTIONS_RUN };

/*
 * Reads flags and the file of --config.file (flags win). Prints --help, --version and errors itself;
 * anything but OPTIONS_RUN says that main returns at once. *options is owned by the caller:
 * options_free() also after a failure. May be called again and again (SIGHUP).
 * With --config.check and right flags and file it is OPTIONS_RUN too: main then checks the file of
 * --web.config.file, says what it found, and returns.
 */
enum options_result options_parse(struct options *options, int argc, char **argv);
/*
 * The same without a word: *ret_text is what there is to print (an error, help, or the version; no
 * newline at its end), NULL for OPTIONS_RUN. The caller frees it.
 */
enum options_result options_read(struct options *options, int argc, char **argv, char **ret_text);
void options_free(struct options *options);
/* Whether an optional row was asked for by name. */
bool options_metric_enabled(const struct options *options, const char *name);
