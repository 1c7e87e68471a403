/* SPDX-License-Identifier: Apache-2.0 */
/* Options, wiring and the event loop; the only file that sees everything. */
#include <errno.h>
#include <signal.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/collect.h"
#include "collector/log.h"
#include "collector/main_follow.h"
#include "collector/main_listen.h"
#include "collector/main_probes.h"
#include "collector/memory.h"
#include "collector/nearest.h"
#include "collector/options/options.h"
#include "collector/procfs/process.h"
#include "collector/source.h"
#include "collector/version.h"
#include "collector/worker.h"
#include "exporters/api/history.h"
#include "exporters/http.h"
#include "exporters/web.h"

enum {
	EXIT_CANNOT_START = 1,
	STOP_WITHIN_US = 500000, /* replies under way get this long to complete */
};

struct daemon {
	int argc;
	char **argv;
	struct options *options; /* of the last good configuration */
	struct self_counters counters;
	struct collector *collector;
	struct service service;
	struct worker *worker; /* for passwords; NULL without --web.config.file */
	struct web *web;       /* NULL without --web.config.file */
	sd_event *event;
	struct listeners *listeners;
	struct follower *follower;
	struct overseer *overseer;
	bool stopping;
	bool web_wrong; /* the file of --web.config.file, at start */
};

static struct options *options_release(struct options *options)
{
	options_free(options);
	free(options);
	return NULL;
}

/* ---- What the routes see ---- */

static const struct snapshot *service_acquire(void *context, const struct collect_request *request)
{
	struct daemon *daemon = context;

	return collector_acquire(daemon->collector, request);
}

static int service_processes(void *context, uint64_t cgroup_id, size_t max,
			     struct process_list *ret)
{
	struct daemon *daemon = context;
	struct hierarchy *hierarchy = collector_hierarchy(daemon->collector);
	struct group *group = hierarchy_find(hierarchy, cgroup_id);

	if (!group)
		return -ENOENT;
	return process_list_read(daemon->options, hierarchy, group, max, ret);
}

static struct events *service_events(void *context)
{
	struct daemon *daemon = context;

	return collector_events(daemon->collector);
}

static int service_find_source(void *context, const char *name, const char **ret_nearest)
{
	struct nearest nearest = { .word = name };

	(void)context;
	for (size_t i = 0; i < n_sources; i++) {
		if (streq(sources[i]->name, name))
			return (int)i;
		nearest_offer(&nearest, sources[i]->name);
	}
	*ret_nearest = nearest.best;
	return -ENOENT;
}

static int service_find_metric(void *context, const char *name, const char **ret_nearest)
{
	const struct daemon *daemon = context;
	struct nearest nearest = { .word = name };

	for (size_t i = 0; i < n_sources; i++) {
		bool on = daemon->options->sources_enabled >> i & 1;

		for (size_t m = 0; m < sources[i]->n_metrics; m++) {
			const struct metric *metric = &sources[i]->metrics[m];

			if (metric->only_in_api)
				continue;
			if (!streq(metric->name, name)) {
				nearest_offer(&nearest, metric->name);
				continue;
			}
			if (metric->optional)
				on = on && options_metric_enabled(daemon->options, name);
			return on ? 0 : -ECANCELED;
		}
	}
	*ret_nearest = nearest.best;
	return -ENOENT;
}

static const char *service_unready(void *context)
{
	struct daemon *daemon = context;

	return daemon->stopping ? "it is stopping" : NULL;
}

/* ---- The loop ---- */

static int on_worker(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct daemon *daemon = data;

	(void)source;
	(void)fd;
	(void)events;
	worker_dispatch(daemon->worker);
	/* Resumed connections wait for a turn, which no descriptor announces. */
	listeners_run(daemon->listeners);
	return 0;
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *data)
{
	struct daemon *daemon = data;

	(void)source;
	(void)usec;
	return sd_event_exit(daemon->event, EXIT_SUCCESS);
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct daemon *daemon = data;

	(void)source;
	(void)info;
	if (daemon->stopping)
		return sd_event_exit(daemon->event, EXIT_SUCCESS);
	daemon->stopping = true;
	log_info("stopping");
	(void)sd_notify(0, "STOPPING=1");
	listeners_stop(daemon->listeners);
	return sd_event_add_time_relative(daemon->event, NULL, CLOCK_MONOTONIC, STOP_WITHIN_US, 0,
					  on_stop_timeout, daemon);
}

/* ---- Reload ---- */

static bool string_lists_equal(const struct string_list *a, const struct string_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!streq(a->items[i], b->items[i]))
			return false;
	return true;
}

static int web_reload(struct daemon *daemon, const struct options *options)
{
	cleanup_free char *error = NULL;
	int r = 0;

	if (!streq(options->web_config_file, daemon->options->web_config_file))
		log_warn(
			"--web.config.file changes at a restart only, continuing with the old one");
	if (daemon->web && (r = web_refresh(daemon->web, true, &error)) < 0)
		log_error("web configuration is wrong", "reason", error);
	return r < 0 ? r : 0;
}

/* Puts a new configuration into effect, or leaves the old one alone. */
static int daemon_reconfigure(struct daemon *daemon)
{
	struct options *options = xcalloc(1, sizeof(*options));
	struct collector *collector;
	cleanup_free char *error = NULL;
	int r;

	if (options_read(options, daemon->argc, daemon->argv, &error) != OPTIONS_RUN) {
		log_error("configuration is wrong", "reason", error);
		options_release(options);
		return -EINVAL;
	}
	if ((r = web_reload(daemon, options)) < 0 ||
	    (r = collector_new(options, &daemon->counters, &collector)) < 0) {
		options_release(options);
		return r;
	}
	if (!string_lists_equal(&options->web_listen_address, &daemon->options->web_listen_address))
		log_warn("listen addresses change at a restart only, continuing with the old ones");
	collector_inherit(collector, daemon->collector);
	collector_start_probes(collector);
	collector_free(daemon->collector);
	options_release(daemon->options);
	daemon->collector = collector;
	daemon->options = options;
	daemon->service.options = options;
	overseer_wake(daemon->overseer);
	log_configure(options->log_level, options->log_format);
	return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct daemon *daemon = data;

	(void)source;
	(void)info;
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_monotonic_ns() / 1000);
	daemon->counters.config_last_reload_ok = daemon_reconfigure(daemon) == 0;
	if (daemon->counters.config_last_reload_ok) {
		daemon->counters.config_last_success_time_s = (double)clock_unix_ns() / 1e9;
		log_info("configuration reloaded");
	} else {
		daemon->counters.config_reloads_failed++;
		log_error("configuration is broken, continuing with the last good one");
	}
	(void)sd_notify(0, "READY=1");
	return 0;
}

/* ---- Start ---- */

static int watch_signals(struct daemon *daemon)
{
	static const struct {
		int number;
		sd_event_signal_handler_t handler;
	} signals[] = {
		{ SIGTERM, on_stop },
		{ SIGINT, on_stop },
		{ SIGHUP, on_reload },
	};
	sigset_t blocked;

	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&blocked, signals[i].number);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		int r = sd_event_add_signal(daemon->event, NULL, signals[i].number,
					    signals[i].handler, daemon);

		if (r < 0)
			return r;
	}
	return 0;
}

/* TLS and users, if a file asks for them. */
static int web_start(struct daemon *daemon)
{
	cleanup_free char *error = NULL;
	int r;

	if (!*daemon->options->web_config_file)
		return 0;
	if ((r = worker_new("passwords", false, &daemon->worker)) < 0 ||
	    (r = sd_event_add_io(daemon->event, NULL, worker_fd(daemon->worker), EPOLLIN, on_worker,
				 daemon)) < 0) {
		log_error("cannot start a thread", "reason", strerror(-r));
		return r;
	}
	r = web_new(daemon->options->web_config_file, daemon->worker, &daemon->web, &error);
	daemon->web_wrong = r < 0;
	if (r < 0)
		log_error("web configuration is wrong", "reason", error);
	return r;
}

static int daemon_start(struct daemon *daemon)
{
	int r;

	daemon->service = (struct service){
		.context = daemon,
		.options = daemon->options,
		.counters = &daemon->counters,
		.history = history_new(),
		.acquire = service_acquire,
		.processes = service_processes,
		.events = service_events,
		.find_source = service_find_source,
		.find_metric = service_find_metric,
		.unready = service_unready,
	};
	daemon->counters.config_last_reload_ok = true;
	daemon->counters.config_last_success_time_s = (double)clock_unix_ns() / 1e9;
	if ((r = sd_event_default(&daemon->event)) < 0 || (r = watch_signals(daemon)) < 0) {
		log_error("cannot set up the event loop", "reason", strerror(-r));
		return r;
	}
	(void)sd_event_set_watchdog(daemon->event, true);
	if ((r = web_start(daemon)) < 0)
		return r;
	daemon->listeners = listeners_new(daemon->event, &daemon->service, daemon->web);
	if ((r = listeners_open(daemon->listeners, daemon->options)) < 0)
		return r;
	r = collector_new(daemon->options, &daemon->counters, &daemon->collector);
	if (r < 0) {
		log_error("cannot read the cgroup hierarchy", "reason", strerror(-r));
		return r;
	}
	collector_start_probes(daemon->collector);
	r = overseer_new(daemon->event, &daemon->collector, &daemon->overseer);
	if (r < 0)
		return r;
	return follower_new(daemon->event, &daemon->collector, &daemon->follower);
}

static void daemon_end(struct daemon *daemon)
{
	/* First, so that no connection waits for it when the servers close theirs. */
	worker_free(daemon->worker);
	listeners_free(daemon->listeners);
	follower_free(daemon->follower);
	overseer_free(daemon->overseer);
	web_free(daemon->web);
	collector_free(daemon->collector);
	history_free(daemon->service.history);
	sd_event_unref(daemon->event);
	options_release(daemon->options);
}

/* --config.check: options_parse() has seen all but the file of --web.config.file. */
static int config_check(struct options *options)
{
	cleanup_free char *error = NULL;
	int r = *options->web_config_file ? web_check(options->web_config_file, &error) : 0;

	if (r < 0)
		fprintf(stderr, "tallyman: error: %s\n", error);
	else
		puts("tallyman: the configuration is right");
	options_release(options);
	return r < 0 ? (int)OPTIONS_EXIT_CONFIG : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct daemon daemon = { .argc = argc, .argv = argv };
	enum options_result result;
	int status = EXIT_CANNOT_START;

	daemon.options = xcalloc(1, sizeof(*daemon.options));
	result = options_parse(daemon.options, argc, argv);
	if (result != OPTIONS_RUN) {
		options_release(daemon.options);
		return (int)result;
	}
	if (daemon.options->config_check)
		return config_check(daemon.options);
	log_configure(daemon.options->log_level, daemon.options->log_format);
	hierarchy_raise_fd_limit();
	log_info("Tallyman starts", "version", tallyman_version.version, "revision",
		 tallyman_version.revision);
	if (daemon_start(&daemon) == 0) {
		(void)sd_notify(0, "READY=1");
		status = sd_event_loop(daemon.event);
	}
	daemon_end(&daemon);
	if (daemon.web_wrong)
		return (int)OPTIONS_EXIT_CONFIG;
	return status < 0 ? EXIT_CANNOT_START : status;
}
