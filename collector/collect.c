/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/collect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/containers.h"
#include "collector/lifecycle.h"
#include "collector/log.h"
#include "collector/memory.h"
#include "collector/news.h"
#include "collector/options.h"
#include "collector/probes/probes.h"
#include "collector/probes/ring.h"
#include "collector/recent.h"
#include "collector/source.h"

enum { FOLLOW_AGAIN_MS = 100 };
enum { RETRY_LONGEST_S = 60 }; /* until a source that could not open is tried again */

struct opened {
	void *state;
	const char *reason; /* why it is down; NULL when it is up */
	char *failure;	    /* the reason, if it had to be put together */
	uint64_t errors;
	bool enabled, open;
	bool was_up; /* as last logged */
	bool denied; /* logged */
	unsigned tries;
	uint64_t
		retry_ns; /* CLOCK_MONOTONIC from which it is opened again; 0: not before a reload */
};

struct collector {
	const struct options *options;
	struct self_counters *counters;
	struct hierarchy *hierarchy;
	struct containers *containers;
	struct lifecycle *lifecycle;
	struct probes *probes;
	struct news *news;
	struct opened *sources;
	uint64_t generation;
	struct recent recent;
	bool walk_failed;     /* as last logged */
	bool late;	      /* the last scrape was not complete */
	bool metadata_denied; /* logged */
};

static void log_source(const struct source *source, const char *reason)
{
	if (reason)
		log_warn("source is down, continuing", "source", source->name, "reason", reason);
	else
		log_info("source is up again", "source", source->name);
}

/* What was missing may be there a moment later, without any change of the host. */
static bool is_passing(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EAGAIN ||
	       err == -EBUSY || err == -ENOBUFS;
}

/* 0 or -errno: why it is down is in ->reason. */
static int try_open(const struct options *options, struct opened *opened, size_t i)
{
	const char *reason = NULL;
	int err = sources[i]->open(options, &opened->state, &reason);

	opened->open = !err;
	opened->reason = NULL;
	opened->retry_ns = 0;
	if (!err || err == -ECANCELED)
		return err;
	opened->reason = reason ? reason : strerror(-err);
	if (!is_passing(err))
		return err;
	unsigned pause_s = opened->tries < 6 ? 1U << opened->tries : RETRY_LONGEST_S;
	opened->tries++;
	opened->retry_ns = clock_monotonic_ns() + pause_s * UINT64_C(1000000000);
	if (reason) { /* what no reason of a source's own tells */
		free(opened->failure);
		opened->reason = opened->failure = xasprintf("%s: %s", reason, strerror(-err));
	}
	return err;
}

static void open_source(struct collector *collector, size_t i)
{
	struct opened *opened = &collector->sources[i];

	opened->enabled = collector->options->sources_enabled >> i & 1;
	opened->was_up = true;
	if (!opened->enabled)
		return;
	if (sources[i]->probe) {
		opened->open = true;
		return;
	}
	int err = try_open(collector->options, opened, i);
	if (err == -ECANCELED) /* an option of its own switches it off */
		opened->enabled = false;
	if (!err || err == -ECANCELED)
		return;
	opened->was_up = false;
	log_source(sources[i], opened->reason);
}

/* The one line that tells the user of a hybrid host why there are no memory metrics. */
static void log_hierarchy(const struct hierarchy *hierarchy)
{
	log_info("reading cgroup v2", "path", hierarchy->root_path);
	if (*hierarchy->v1_controllers)
		log_warn("some controllers are on cgroup v1 and give no metrics; boot with "
			 "systemd.unified_cgroup_hierarchy=1 to have them on v2",
			 "controllers", hierarchy->v1_controllers);
}

int collector_new(const struct options *options, struct self_counters *counters,
		  struct collector **ret_collector)
{
	struct collector *collector = xcalloc(1, sizeof(*collector));
	cleanup_free char *error = NULL;

	collector->options = options;
	collector->counters = counters;
	collector->lifecycle = lifecycle_new();
	collector->probes = probes_new();
	collector->news = news_new();
	collector->sources = xcalloc(n_sources, sizeof(*collector->sources));
	int err = hierarchy_open(options, &collector->hierarchy);
	if (err) {
		log_error("no cgroup v2 hierarchy to read", "path", options->path_cgroupfs,
			  "reason", strerror(-err));
	} else {
		err = containers_new(options, &collector->containers, &error);
		if (err)
			log_error("bad filter", "reason", error);
	}
	if (err) {
		collector_free(collector);
		return err;
	}
	log_hierarchy(collector->hierarchy);
	for (size_t i = 0; i < n_sources; i++)
		open_source(collector, i);
	*ret_collector = collector;
	return 0;
}

void collector_free(struct collector *collector)
{
	if (!collector)
		return;
	recent_clear(&collector->recent);
	for (size_t i = 0; i < n_sources; i++) {
		if (collector->sources[i].open && !sources[i]->probe)
			sources[i]->close(collector->sources[i].state);
		free(collector->sources[i].failure);
	}
	containers_free(collector->containers);
	news_free(collector->news);
	probes_free(collector->probes);
	lifecycle_free(collector->lifecycle);
	hierarchy_close(collector->hierarchy);
	free(collector->sources);
	free(collector);
}

void collector_inherit(struct collector *collector, struct collector *predecessor)
{
	struct lifecycle *lifecycle = collector->lifecycle;
	struct news *news = collector->news;
	struct probes *probes = collector->probes;

	collector->lifecycle = predecessor->lifecycle;
	collector->news = predecessor->news;
	collector->probes = predecessor->probes;
	predecessor->lifecycle = lifecycle;
	predecessor->news = news;
	predecessor->probes = probes;
}

/* The ring, while there are programs that tell of cgroups. */
static struct ring *ring_of(const struct collector *collector)
{
	const char *reason;

	return probes_state(collector->probes, source_lifetime.probe, &reason)
		       ? probes_ring(collector->probes)
		       : NULL;
}

void collector_start_probes(struct collector *collector)
{
	probes_apply(collector->probes, collector->options, collector->hierarchy);
	news_listen(collector->news, ring_of(collector));
}

struct events *collector_events(struct collector *collector)
{
	return lifecycle_events(collector->lifecycle);
}

static void log_step(void *context, unsigned probe, enum probe_mode from, enum probe_mode to,
		     double share)
{
	const struct collector *collector = context;
	char percent[32], budget[32];

	snprintf(percent, sizeof(percent), "%.2f", share * 100);
	snprintf(budget, sizeof(budget), "%" PRIu64, collector->options->probe_budget_percent);
	if (to > from)
		log_warn("the probes cost more than their budget, doing less", "probe",
			 sources[probe]->name, "from", probe_mode_name(from), "to",
			 probe_mode_name(to), "percent", percent, "budget", budget);
	else
		log_info("the probes cost less, doing more again", "probe", sources[probe]->name,
			 "from", probe_mode_name(from), "to", probe_mode_name(to), "percent",
			 percent, "budget", budget);
}

unsigned collector_oversee_probes(struct collector *collector)
{
	return probes_oversee(collector->probes, log_step, collector);
}

/* All families of all sources, in table order; what nobody asked for is left out from the start. */
static void add_families(const struct collector *collector, struct snapshot *snapshot)
{
	size_t n = 0;

	for (size_t i = 0; i < n_sources; i++)
		n += sources[i]->n_metrics;
	snapshot->families = arena_alloc(&snapshot->arena, n * sizeof(*snapshot->families));
	snapshot->n_families = n;
	n = 0;
	for (size_t i = 0; i < n_sources; i++) {
		bool read = snapshot->sources_read >> i & 1;

		for (size_t m = 0; m < sources[i]->n_metrics; m++, n++) {
			const struct metric *metric = &sources[i]->metrics[m];
			bool named = options_metric_enabled(collector->options, metric->name);

			snapshot->families[n].metric = metric;
			snapshot->families[n].left_out = !read || (metric->optional && !named);
			snapshot->families[n].not_in_text = metric->only_native && !named;
		}
	}
}

/* A reason for this snapshot: the next one may have another. */
static const char *keep_reason(struct snapshot *snapshot, const char *reason)
{
	return reason ? arena_strdup(&snapshot->arena, reason) : NULL;
}

static void add_statuses(const struct collector *collector, struct snapshot *snapshot)
{
	snapshot->n_sources = n_sources;
	snapshot->sources = arena_alloc(&snapshot->arena, n_sources * sizeof(*snapshot->sources));
	for (size_t i = 0; i < n_sources; i++)
		snapshot->sources[i] = (struct source_status){
			.name = sources[i]->name,
			.help = sources[i]->help,
			.reason = keep_reason(snapshot, collector->sources[i].reason),
			.errors = collector->sources[i].errors,
			.enabled = collector->sources[i].enabled,
			.up = collector->sources[i].open && !collector->sources[i].reason,
		};
}

static const char *describe(struct opened *opened, const struct collection *collection, int err)
{
	if (!err)
		return NULL;
	if (err == -ETIME)
		return "the scrape's deadline passed";
	if (collection->reason)
		return collection->reason;
	if (!collection->place)
		return strerror(-err);
	free(opened->failure);
	opened->failure =
		xasprintf("%s: %s", collection->place,
			  err == -EBADMSG ? "not what the kernel writes there" : strerror(-err));
	return opened->failure;
}

/* On a hybrid host: a source without its controller is no failure, but has nothing or little to tell. */
static const char *describe_missing(const struct collection *collection, size_t i)
{
	const char *controller = sources[i]->controller;
	size_t length = controller ? strlen(controller) : 0;

	for (const char *on_v1 = collection->hierarchy->v1_controllers; length && *on_v1;) {
		size_t n = strcspn(on_v1, ",");

		if (n == length && memcmp(on_v1, controller, n) == 0) {
			cleanup_free char *reason =
				xasprintf("controller %s is on cgroup v1", controller);
			return keep_reason(collection->snapshot, reason);
		}
		on_v1 += n + (on_v1[n] == ',');
	}
	return NULL;
}

/* After a source has run: what it managed, and a line in the log when that has changed. */
static void record(struct collector *collector, struct collection *collection, size_t i, int err,
		   struct family *families)
{
	struct source_status *status = &collection->snapshot->sources[i];
	struct opened *opened = &collector->sources[i];

	opened->reason = describe(opened, collection, err);
	opened->errors += err != 0;
	if (err == -ETIME) {
		if (collection->snapshot->complete && !collector->late)
			log_warn("the scrape's deadline passed, leaving out the rest", "from",
				 sources[i]->name);
		collection->snapshot->complete = false;
	}
	for (size_t m = 0; m < sources[i]->n_metrics; m++) {
		if (err == -ETIME)
			families[m].left_out = true;
		else if (!families[m].left_out && !families[m].metric->only_in_api)
			status->series += families[m].n_samples;
	}
	status->collected = true;
	status->up = !err;
	status->reason = err ? keep_reason(collection->snapshot, opened->reason)
			     : describe_missing(collection, i);
	status->errors = opened->errors;
	if (err == -ETIME) /* said above, once for all sources */
		return;
	if (opened->was_up != !err)
		log_source(sources[i], opened->reason);
	opened->was_up = !err;
}

/* Without root a part is missing: said once, not at each scrape. */
static void log_denied(struct collector *collector, const char *denied, size_t i)
{
	if (!denied || collector->sources[i].denied)
		return;
	log_warn("not permitted to read all, continuing without it", "source", sources[i]->name,
		 "missing", denied);
	collector->sources[i].denied = true;
}

static void log_metadata_denied(struct collector *collector)
{
	if (!collector->counters->metadata_denied || collector->metadata_denied)
		return;
	log_warn("not permitted to read the files of container runtimes, continuing without them",
		 "missing", "names, images and pods of containers");
	collector->metadata_denied = true;
}

static int ask_source(struct opened *opened, struct collection *collection, size_t i,
		      struct family *families)
{
	void *state = opened->state;

	if (sources[i]->probe)
		state = probes_state(collection->probes, sources[i]->probe, &collection->reason);
	if (sources[i]->probe && !state)
		return -ENODATA;
	return sources[i]->collect(state, collection, families);
}

static void collect_source(struct collector *collector, struct collection *collection, size_t i,
			   struct family *families)
{
	struct opened *opened = &collector->sources[i];
	uint64_t start = clock_monotonic_ns();
	int err = -ETIME;

	if (opened->retry_ns && clock_monotonic_ns() >= opened->retry_ns)
		(void)try_open(collector->options, opened, i); /* said when it is up */
	collection->denied = collection->place = collection->reason = NULL;
	if (!opened->open || !(collection->snapshot->sources_read >> i & 1))
		return;
	if (sources[i]->always || !collection_expired(collection))
		err = ask_source(opened, collection, i, families);
	log_denied(collector, collection->denied, i);
	collection->snapshot->sources[i].duration_ns = clock_monotonic_ns() - start;
	record(collector, collection, i, err, families);
}

static void walk(struct collector *collector, bool all)
{
	int err = all ? hierarchy_walk(collector->hierarchy) : hierarchy_look(collector->hierarchy);

	if (err && !collector->walk_failed)
		log_error("cannot list cgroups, continuing", "path",
			  collector->hierarchy->root_path, "reason", strerror(-err));
	collector->walk_failed = err != 0;
}

static struct snapshot *collect(struct collector *collector, const struct collect_request *request)
{
	struct snapshot *snapshot = snapshot_new();
	struct collection collection = {
		.options = collector->options,
		.hierarchy = collector->hierarchy,
		.snapshot = snapshot,
		.counters = collector->counters,
		.lifecycle = collector->lifecycle,
		.probes = collector->probes,
		.context = containers_context(collector->containers),
		.deadline_ns = request->deadline_ns,
	};
	struct family *families;

	snapshot->generation = ++collector->generation;
	snapshot->time_ms = (int64_t)(clock_unix_ns() / 1000000);
	snapshot->monotonic_ns = clock_monotonic_ns();
	if (*collector->hierarchy->v1_controllers)
		snapshot->v1_controllers =
			arena_strdup(&snapshot->arena, collector->hierarchy->v1_controllers);
	snapshot->sources_read = request->sources & collector->options->sources_enabled;
	walk(collector, true);
	containers_discover(collector->containers, collector->hierarchy, snapshot,
			    collector->counters);
	probes_update(collector->probes, collector->hierarchy);
	log_metadata_denied(collector);
	add_families(collector, snapshot);
	add_statuses(collector, snapshot);
	families = snapshot->families;
	for (size_t i = 0; i < n_sources; i++) {
		collect_source(collector, &collection, i, families);
		families += sources[i]->n_metrics;
	}
	if (collector->late && snapshot->complete)
		log_info("scrapes are complete again");
	collector->late = !snapshot->complete;
	snapshot->duration_ns = clock_monotonic_ns() - snapshot->monotonic_ns;
	return snapshot;
}

const struct snapshot *collector_acquire(struct collector *collector,
					 const struct collect_request *request)
{
	uint64_t wanted = request->sources & collector->options->sources_enabled;
	const struct snapshot *snapshot =
		recent_find(&collector->recent, wanted, request->max_age_ms);

	if (snapshot)
		return snapshot_ref(snapshot);
	recent_make_room(&collector->recent, wanted);
	snapshot = collect(collector, request);
	recent_keep(&collector->recent, snapshot);
	return snapshot;
}

struct hierarchy *collector_hierarchy(struct collector *collector)
{
	return collector->hierarchy;
}

int collector_watch_fd(const struct collector *collector)
{
	return news_fd(collector->news);
}

static bool is_on(const struct collector *collector, const struct source *source)
{
	for (size_t i = 0; i < n_sources; i++)
		if (sources[i] == source)
			return collector->sources[i].open;
	return false;
}

uint64_t collector_follow(struct collector *collector, bool always)
{
	struct hierarchy *hierarchy = collector->hierarchy;
	enum watch_news news = news_take(collector->news, hierarchy, NULL, NULL);
	bool first = hierarchy->walks == 0;

	if (!is_on(collector, &source_lifecycle) ||
	    (news == WATCH_NONE && !always && !lifecycle_killed(collector->lifecycle, hierarchy)))
		return 0;
	walk(collector, first || news == WATCH_LOST);
	containers_identify(collector->containers, hierarchy, collector->counters);
	bool fresh = news_update(collector->news, hierarchy);
	lifecycle_pass(collector->lifecycle, collector->options,
		       containers_context(collector->containers), hierarchy, NULL);
	bool again = fresh || survivors_wait(lifecycle_survivors(collector->lifecycle));
	uint64_t wait_ms = containers_wait_ms(collector->containers);

	return again && (!wait_ms || wait_ms > FOLLOW_AGAIN_MS) ? FOLLOW_AGAIN_MS : wait_ms;
}
