/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/options/option_rows.h"

#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/option_checks.h"
#include "collector/probes/outside.h"
#include "collector/source.h"

#define AT(field) offsetof(struct option_values, options.field)

static const char *const request_modes[] = { "full", "count", NULL };
static const char *const probe_modes[] = { "full", "sampled", "count", "off", NULL };
static const char *const fast_path_choices[] = {
	[FAST_PATH_AUTO] = "auto",
	[FAST_PATH_OFF] = "off",
	NULL,
};
static const char *const log_levels[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
	NULL,
};
static const char *const log_formats[] = {
	[LOG_FORMAT_LOGFMT] = "logfmt",
	[LOG_FORMAT_JSON] = "json",
	NULL,
};

static const char general[] = "General", web[] = "Web", path[] = "Where to read",
		  collector[] = "Sources", cgroups[] = "Which cgroups", containers[] = "Containers",
		  metrics[] = "Which metrics", probes[] = "Kernel probes", logging[] = "Logging";

static const struct option_row static_rows[] = {
	{ .name = "help",
	  .type = OPTION_ACTION,
	  .offset = ACTION_HELP,
	  .group = general,
	  .help = "Show this help and exit." },
	{ .name = "version",
	  .type = OPTION_ACTION,
	  .offset = ACTION_VERSION,
	  .group = general,
	  .help = "Show the version and exit." },
	{ .name = "help-markdown",
	  .type = OPTION_ACTION,
	  .offset = ACTION_MARKDOWN,
	  .group = general,
	  .hidden = true,
	  .help = "Show docs/options.md and exit." },
	{ .name = "help-man",
	  .type = OPTION_ACTION,
	  .offset = ACTION_MAN,
	  .group = general,
	  .hidden = true,
	  .help = "Show the manual page's source and exit." },
	{ .name = "help-yaml",
	  .type = OPTION_ACTION,
	  .offset = ACTION_YAML,
	  .group = general,
	  .hidden = true,
	  .help = "Show deploy/tallyman.example.yaml and exit." },
	{ .name = "help-metrics",
	  .type = OPTION_ACTION,
	  .offset = ACTION_METRICS,
	  .group = general,
	  .hidden = true,
	  .help = "Show METRICS.md and exit." },
	{ .name = "config.file",
	  .type = OPTION_PATH,
	  .offset = AT(config_file),
	  .value = "",
	  .placeholder = "FILE",
	  .group = general,
	  .flag_only = true,
	  .help = "YAML file with these options, nested by the dots of their names. Flags win over "
		  "it. Read again on SIGHUP." },
	{ .name = "config.check",
	  .type = OPTION_BOOL,
	  .offset = AT(config_check),
	  .group = general,
	  .flag_only = true,
	  .help = "Check the flags, --config.file and --web.config.file, then exit: 0 when all is "
		  "right, 1 for a wrong flag, 2 for a wrong file." },

	{ .name = "web.listen-address",
	  .type = OPTION_LIST,
	  .offset = AT(web_listen_address),
	  .value = "127.0.0.1:10061",
	  .min = 1,
	  .placeholder = "ADDRESS",
	  .group = web,
	  .check = option_check_address,
	  .help = "Address to serve on: HOST:PORT, [IPV6]:PORT, or :PORT for all addresses. "
		  "Repeatable." },
	{ .name = "web.telemetry-path",
	  .type = OPTION_STRING,
	  .offset = AT(web_telemetry_path),
	  .value = "/metrics",
	  .placeholder = "PATH",
	  .group = web,
	  .check = option_check_telemetry_path,
	  .help = "Path under which the metrics are." },
	{ .name = "web.config.file",
	  .type = OPTION_PATH,
	  .offset = AT(web_config_file),
	  .value = "",
	  .placeholder = "FILE",
	  .group = web,
	  .help = "TLS, client certificates, users and headers, in the format of Prometheus' "
		  "exporter-toolkit." },
	{ .name = "web.max-requests",
	  .type = OPTION_NUMBER,
	  .offset = AT(web_max_requests),
	  .value = "40",
	  .max = 100000,
	  .placeholder = "N",
	  .group = web,
	  .help = "Requests that may be in progress at once; more are answered with 503. 0 is no "
		  "limit." },
	{ .name = "web.min-scrape-interval",
	  .type = OPTION_MILLISECONDS,
	  .offset = AT(web_min_scrape_interval_ms),
	  .value = "250ms",
	  .max = 3600000,
	  .placeholder = "DURATION",
	  .group = web,
	  .help = "Scrapes that follow each other within this time share one reading of the "
		  "kernel." },
	{ .name = "web.systemd-socket",
	  .type = OPTION_BOOL,
	  .offset = AT(web_systemd_socket),
	  .group = web,
	  .help = "Serve on the sockets that systemd hands over, not on --web.listen-address." },
	{ .name = "web.disable-exporter-metrics",
	  .type = OPTION_BOOL,
	  .offset = AT(web_disable_exporter_metrics),
	  .group = web,
	  .help = "Leave out the metrics about this process and its web server: process_*, "
		  "tallyman_http_*." },

	{ .name = "path.cgroupfs",
	  .type = OPTION_PATH,
	  .offset = AT(path_cgroupfs),
	  .value = "",
	  .placeholder = "DIRECTORY",
	  .group = path,
	  .check = option_check_cgroupfs_or_empty,
	  .help = "Mount point of cgroup2; found when not given." },
	{ .name = "path.procfs",
	  .type = OPTION_PATH,
	  .offset = AT(path_procfs),
	  .value = "/proc",
	  .placeholder = "DIRECTORY",
	  .group = path,
	  .check = option_check_directory,
	  .help = "Mount point of procfs." },
	{ .name = "path.sysfs",
	  .type = OPTION_PATH,
	  .offset = AT(path_sysfs),
	  .value = "/sys",
	  .placeholder = "DIRECTORY",
	  .group = path,
	  .check = option_check_directory,
	  .help = "Mount point of sysfs." },
	{ .name = "path.rootfs",
	  .type = OPTION_PATH,
	  .offset = AT(path_rootfs),
	  .value = "/",
	  .placeholder = "DIRECTORY",
	  .group = path,
	  .check = option_check_directory,
	  .help = "The host's root directory, as this process sees it." },

	{ .name = "cgroups.include-id",
	  .type = OPTION_LIST,
	  .offset = AT(cgroups_include_id),
	  .placeholder = "REGEX",
	  .group = cgroups,
	  .check = option_check_regex,
	  .help = "Export only cgroups whose path matches one of these PCRE2 expressions, anchored "
		  "at both ends. Repeatable, as are all below." },
	{ .name = "cgroups.exclude-id",
	  .type = OPTION_LIST,
	  .offset = AT(cgroups_exclude_id),
	  .placeholder = "REGEX",
	  .group = cgroups,
	  .check = option_check_regex,
	  .help = "Do not export cgroups whose path matches; wins over all includes." },
	{ .name = "cgroups.include-name",
	  .type = OPTION_LIST,
	  .offset = AT(cgroups_include_name),
	  .placeholder = "REGEX",
	  .group = cgroups,
	  .check = option_check_regex,
	  .help = "Export only cgroups whose name matches." },
	{ .name = "cgroups.exclude-name",
	  .type = OPTION_LIST,
	  .offset = AT(cgroups_exclude_name),
	  .placeholder = "REGEX",
	  .group = cgroups,
	  .check = option_check_regex,
	  .help = "Do not export cgroups whose name matches." },
	{ .name = "cgroups.include-kind",
	  .type = OPTION_LIST,
	  .offset = AT(cgroups_include_kind),
	  .placeholder = "REGEX",
	  .group = cgroups,
	  .check = option_check_kind_regex,
	  .help = "Export only cgroups whose kind matches: host, slice, service, scope, "
		  "container, pod, vm, machine, other." },
	{ .name = "cgroups.exclude-kind",
	  .type = OPTION_LIST,
	  .offset = AT(cgroups_exclude_kind),
	  .placeholder = "REGEX",
	  .group = cgroups,
	  .check = option_check_kind_regex,
	  .help = "Do not export cgroups whose kind matches." },
	{ .name = "cgroups.inside-containers",
	  .type = OPTION_BOOL,
	  .offset = AT(cgroups_inside_containers),
	  .group = cgroups,
	  .help = "Export also the cgroups within containers, machines and VMs." },
	{ .name = "cgroups.max",
	  .type = OPTION_NUMBER,
	  .offset = AT(cgroups_max),
	  .value = "10000",
	  .min = 1,
	  .max = 1000000,
	  .placeholder = "N",
	  .group = cgroups,
	  .help = "Cgroups to export at most; the rest is dropped and counted." },
	{ .name = "cgroups.fast-path",
	  .type = OPTION_CHOICE,
	  .offset = AT(cgroups_fast_path),
	  .value = "auto",
	  .choices = fast_path_choices,
	  .placeholder = "MODE",
	  .group = cgroups,
	  .help = "auto: read the numbers of all cgroups in one pass of a program in the kernel, "
		  "where "
		  "there is such a pass (Linux 6.1 and later) and it says what the files say, "
		  "which is "
		  "looked at every minute. off: read files." },

	{ .name = "containers.environment",
	  .type = OPTION_LIST,
	  .offset = AT(containers_environment),
	  .placeholder = "REGEX",
	  .group = containers,
	  .check = option_check_regex,
	  .help = "Export the environment variables that containers are started with and whose "
		  "name matches one of these PCRE2 expressions, anchored at both ends, as "
		  "container_environment_info: whoever may scrape reads them. None by default. "
		  "Repeatable." },
	{ .name = "containers.labels",
	  .type = OPTION_LIST,
	  .offset = AT(containers_labels),
	  .placeholder = "REGEX",
	  .group = containers,
	  .check = option_check_regex,
	  .help = "Export the labels of containers whose name matches one of these PCRE2 "
		  "expressions, anchored at both ends, as container_label_info. None by default. "
		  "Repeatable." },
	{ .name = "containers.remember",
	  .type = OPTION_SECONDS,
	  .offset = AT(containers_remember_s),
	  .value = "1h",
	  .max = 604800,
	  .placeholder = "DURATION",
	  .group = containers,
	  .help = "Time for which OOM kills, restarts, exit codes and events of a container that "
		  "is "
		  "gone are shown." },
	{ .name = "containers.settle",
	  .type = OPTION_SECONDS,
	  .offset = AT(containers_settle_s),
	  .value = "1m",
	  .max = 3600,
	  .placeholder = "DURATION",
	  .group = containers,
	  .help = "Time for which a counter that outlives containers stands at 0 when it is new, "
		  "so "
		  "that increase() counts also what happened before the first scrape. Not below "
		  "the "
		  "longest scrape interval." },

	{ .name = "labels.max-length",
	  .type = OPTION_NUMBER,
	  .offset = AT(labels_max_length),
	  .value = "1024",
	  .min = 64,
	  .max = 65536,
	  .placeholder = "BYTES",
	  .group = metrics,
	  .help = "Bytes of a label value; longer ones are cut and end in a hash." },
	{ .name = "metrics.enable",
	  .type = OPTION_LIST,
	  .offset = AT(metrics_enable),
	  .placeholder = "NAME",
	  .group = metrics,
	  .check = option_check_metric,
	  .help = "Export also this metric, which is off by default (METRICS.md lists them). "
		  "Repeatable." },
	{ .name = "compat.cadvisor-sentinels",
	  .type = OPTION_BOOL,
	  .offset = AT(compat_cadvisor_sentinels),
	  .group = metrics,
	  .help = "Say \"no limit\" as cAdvisor does, with 0 or -1, where the series is otherwise "
		  "absent." },
	{ .name = "filesystem.interval",
	  .type = OPTION_SECONDS,
	  .offset = AT(filesystem_interval_s),
	  .value = "5m",
	  .max = 604800,
	  .placeholder = "DURATION",
	  .group = metrics,
	  .help = "Time between two measurements of one writable layer's size; 0 measures none." },

	{ .name = "probe.budget",
	  .type = OPTION_NUMBER,
	  .offset = AT(probe_budget_percent),
	  .value = "2",
	  .max = 100,
	  .placeholder = "PERCENT",
	  .group = probes,
	  .help = "Share of all CPUs that the programs of all probes may take, on average over 30 "
		  "s. "
		  "Beyond it the dearest of these does less: that of system calls samples, then it "
		  "counts only; that of requests counts bytes only. 0 is no limit." },
	{ .name = "probe.max-memory",
	  .type = OPTION_NUMBER,
	  .offset = AT(probe_max_memory_mib),
	  .value = "64",
	  .min = 4,
	  .max = 65536,
	  .placeholder = "MIB",
	  .group = probes,
	  .help = "Kernel memory that the maps of all probes may take together. With less there "
		  "are fewer histograms, and what finds no place is counted." },
	{ .name = "probe.syscalls",
	  .type = OPTION_CHOICE,
	  .offset = AT(probe_syscalls),
	  .value = "full",
	  .choices = probe_modes,
	  .placeholder = "MODE",
	  .group = probes,
	  .help = "What the probe syscalls does with each call: time and count it; time one in 16 "
		  "on average, which stands for 16 in the histograms, and count all; only count, "
		  "without errors; or nothing." },
	{ .name = "probe.requests",
	  .type = OPTION_CHOICE,
	  .offset = AT(probe_requests),
	  .value = "full",
	  .choices = request_modes,
	  .placeholder = "MODE",
	  .group = probes,
	  .help = "What the probe requests does: all, or only count the bytes of connections, as "
		  "not understood." },
	{ .name = "probe.histogram-schema",
	  .type = OPTION_NUMBER,
	  .offset = AT(probe_histogram_schema),
	  .value = "3",
	  .max = 3,
	  .placeholder = "N",
	  .group = probes,
	  .help = "Buckets of the probes' histograms: 2 to the N per power of two, as in "
		  "Prometheus' native histograms. A smaller one takes less memory." },
	{ .name = "probe.disturbed-pairs",
	  .type = OPTION_NUMBER,
	  .offset = AT(probe_disturbed_pairs),
	  .value = "5",
	  .max = 50,
	  .placeholder = "N",
	  .group = probes,
	  .help = "How many workloads are named per workload that had to wait for a CPU while "
		  "they ran; the rest is one sum." },
	{ .name = "probe.syscall-names",
	  .type = OPTION_NUMBER,
	  .offset = AT(probe_syscall_names),
	  .value = "4",
	  .max = 40,
	  .placeholder = "N",
	  .group = probes,
	  .help = "How many system calls are named per workload at most: half of them at first, "
		  "the other half when others become the busiest. The rest is one sum." },
	{ .name = "probe.text-step",
	  .type = OPTION_NUMBER,
	  .offset = AT(probe_text_step),
	  .value = "4",
	  .min = 1,
	  .max = 8,
	  .placeholder = "N",
	  .group = probes,
	  .help = "Powers of two from bucket to bucket of the probes' histograms in text: 4 are "
		  "buckets up to 1 ms, 16 ms and 250 ms, 2 are six of them, 1 twelve. "
		  "Native histograms have all in any case." },

	{ .name = "connections.edges",
	  .type = OPTION_NUMBER,
	  .offset = AT(connections_edges),
	  .value = "5",
	  .max = 100,
	  .placeholder = "N",
	  .group = probes,
	  .help = "How many workloads are named per workload that is connected with them over "
		  "TCP; the rest is one sum. Groups of addresses outside are named in any case." },
	{ .name = "connections.outside",
	  .type = OPTION_LIST,
	  .offset = AT(connections_outside),
	  .placeholder = "NAME=CIDR",
	  .group = probes,
	  .check = outside_check,
	  .help = "Call these addresses by a name where they are at the other end of TCP "
		  "connections, as in office=192.0.2.0/24; without one they are loopback, private, "
		  "link-local or public. The longest prefix wins, a name may have several. "
		  "Repeatable. Takes effect when the probe is opened." },
	{ .name = "connections.conntrack",
	  .type = OPTION_BOOL,
	  .offset = AT(connections_conntrack),
	  .group = probes,
	  .help = "Name what is behind the addresses of services (published ports, ClusterIPs) on "
		  "other hosts, as netfilter's connection tracking knows it, and not the service's "
		  "address: takes CAP_NET_ADMIN, in the host's network namespace. Takes effect "
		  "when "
		  "the probe is opened." },
	{ .name = "requests.slow",
	  .type = OPTION_MILLISECONDS,
	  .offset = AT(requests_slow_ms),
	  .value = "1ms",
	  .max = 3600000,
	  .placeholder = "DURATION",
	  .group = probes,
	  .help = "Never tell a request as slow in /api/v1/requests that is quicker than this." },
	{ .name = "requests.traceparent",
	  .type = OPTION_BOOL,
	  .offset = AT(requests_traceparent),
	  .group = probes,
	  .help = "Read the ids of HTTP/1 requests' traces, for /api/v1/requests and exemplars. "
		  "Takes effect when the probe is opened, as --requests.slow does." },

	{ .name = "log.level",
	  .type = OPTION_CHOICE,
	  .offset = AT(log_level),
	  .value = "info",
	  .choices = log_levels,
	  .placeholder = "LEVEL",
	  .group = logging,
	  .help = "Least severe messages to log." },
	{ .name = "log.format",
	  .type = OPTION_CHOICE,
	  .offset = AT(log_format),
	  .value = "logfmt",
	  .choices = log_formats,
	  .placeholder = "FORMAT",
	  .group = logging,
	  .help = "How messages are written to standard error." },

	{ .name = "collector.disable-defaults",
	  .type = OPTION_BOOL,
	  .offset = offsetof(struct option_values, disable_defaults),
	  .group = collector,
	  .help = "Turn all sources off but those that are asked for with --collector.NAME." },
};

struct option_table option_table_new(void)
{
	size_t n = ARRAY_SIZE(static_rows);
	struct option_table table = {
		.rows = xcalloc(n + n_sources, sizeof(*table.rows)),
		.n = n + n_sources,
		.names = xcalloc(n_sources, sizeof(*table.names)),
	};

	memcpy(table.rows, static_rows, sizeof(static_rows));
	for (size_t i = 0; i < n_sources; i++) {
		table.names[i] = xasprintf("collector.%s", sources[i]->name);
		table.rows[n + i] = (struct option_row){
			.name = table.names[i],
			.help = sources[i]->help,
			.value = sources[i]->optional ? NULL : "",
			.group = collector,
			.type = OPTION_SOURCE,
			.offset = i,
		};
	}
	return table;
}

void option_table_free(struct option_table *table)
{
	for (size_t i = 0; table->names && i < n_sources; i++)
		free(table->names[i]);
	free(table->names);
	free(table->rows);
	*table = (struct option_table){ 0 };
}

const struct option_row *option_find(const struct option_table *table, const char *name)
{
	for (size_t i = 0; i < table->n; i++)
		if (streq(table->rows[i].name, name))
			return &table->rows[i];
	return NULL;
}
