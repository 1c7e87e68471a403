/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/collect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "collector/census.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/collect_log.h"
#include "collector/fast_path.h"
#include "collector/workloads/containers.h"
#include "collector/workloads/follow.h"
#include "collector/workloads/lifecycle.h"
#include "collector/log.h"
#include "collector/memory.h"
#include "collector/workloads/news.h"
#include "collector/opened.h"
#include "collector/options/options.h"
#include "collector/probes/probes.h"
#include "collector/probes/ring.h"
#include "collector/recent.h"
#include "collector/source.h"
#include "collector/sources/cgroup.h"

enum { FOLLOW_AGAIN_MS = 100 };

/*
 * While the kernel tells of every group that comes and goes, only those are listed: looking at each of
 * 1,000 takes longer than the census of their processes. All are listed this often nevertheless.
 */
static const uint64_t list_all_ns = UINT64_C(60) * 1000 * 1000 * 1000;

struct collector {
	const struct options *options;
	struct self_counters *counters;
	struct hierarchy *hierarchy;
	struct containers *containers;
	struct census *census; /* NULL before programs may be loaded */
	struct lifecycle *lifecycle;
	struct probes *probes;
	struct fast_path *fast_path;
	struct news *news;
	struct opened *sources;
	uint64_t generation;
	struct arena spare; /* memory of the snapshot that the next one replaces, for a moment */
	uint64_t listed_ns; /* when all groups were listed; 0: they are to be */
	struct recent recent;
	bool walk_failed;	   /* as last logged */
	bool late;		   /* the last scrape was not complete */
	bool metadata_denied;	   /* logged */
	enum logged_reader reader; /* of cgroups */
};

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
	int err = opened_try(opened, sources[i], collector->options);
	if (err == -ECANCELED) /* an option of its own switches it off */
		opened->enabled = false;
	if (!err || err == -ECANCELED)
		return;
	opened->was_up = false;
	collect_log_source(sources[i], opened->reason);
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
	collector->fast_path = fast_path_new();
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
	collect_log_hierarchy(collector->hierarchy);
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
	census_free(collector->census);
	news_free(collector->news);
	probes_free(collector->probes);
	fast_path_free(collector->fast_path);
	lifecycle_free(collector->lifecycle);
	hierarchy_close(collector->hierarchy);
	free(collector->sources);
	free(collector);
}

void collector_inherit(struct collector *collector, struct collector *predecessor)
{
	const struct collector own = *collector;

	collector->lifecycle = predecessor->lifecycle;
	collector->news = predecessor->news;
	collector->probes = predecessor->probes;
	collector->fast_path = predecessor->fast_path;
	predecessor->lifecycle = own.lifecycle;
	predecessor->news = own.news;
	predecessor->probes = own.probes;
	predecessor->fast_path = own.fast_path;
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
	if (!collector->census)
		collector->census = census_new(collector->options, collector->hierarchy);
	probes_apply(collector->probes, collector->options, collector->hierarchy);
	fast_path_apply(collector->fast_path, collector->options);
	news_listen(collector->news, ring_of(collector));
}

struct events *collector_events(struct collector *collector)
{
	return lifecycle_events(collector->lifecycle);
}

unsigned collector_oversee_probes(struct collector *collector)
{
	return probes_oversee(collector->probes, collect_log_step, (void *)collector->options);
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
			snapshot->families[n].not_in_text = metric->only_native && !named;
			snapshot->families[n].left_out =
				!read || (metric->optional && !named) ||
				(metric->only_in_api && snapshot->detail >= DETAIL_METRICS) ||
				(metric->only_native && !named && snapshot->detail >= DETAIL_TEXT);
		}
	}
}

static void add_statuses(const struct collector *collector, struct snapshot *snapshot)
{
	snapshot->n_sources = n_sources;
	snapshot->sources = arena_alloc(&snapshot->arena, n_sources * sizeof(*snapshot->sources));
	for (size_t i = 0; i < n_sources; i++)
		snapshot->sources[i] = (struct source_status){
			.name = sources[i]->name,
			.help = sources[i]->help,
			.reason = opened_keep(snapshot, collector->sources[i].reason),
			.errors = collector->sources[i].errors,
			.enabled = collector->sources[i].enabled,
			.up = collector->sources[i].open && !collector->sources[i].reason,
		};
}

/* After a source has run: what it managed, and a line in the log when that has changed. */
static void record(struct collector *collector, struct collection *collection, size_t i, int err,
		   struct family *families)
{
	struct source_status *status = &collection->snapshot->sources[i];
	struct opened *opened = &collector->sources[i];

	opened->reason = opened_describe(opened, collection, err);
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
	status->reason = err ? opened_keep(collection->snapshot, opened->reason)
			     : opened_missing(sources[i], collection);
	status->errors = opened->errors;
	if (err == -ETIME) /* said above, once for all sources */
		return;
	if (opened->was_up != !err)
		collect_log_source(sources[i], opened->reason);
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
		(void)opened_try(opened, sources[i], collector->options); /* said when it is up */
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
	bool whole = !err && !collector->hierarchy->incomplete;

	if (all || !whole)
		collector->listed_ns = whole ? clock_monotonic_ns() : 0;
	if (err && !collector->walk_failed)
		log_error("cannot list cgroups, continuing", "path",
			  collector->hierarchy->root_path, "reason", strerror(-err));
	collector->walk_failed = err != 0;
}

static bool is_on(const struct collector *collector, const struct source *source)
{
	for (size_t i = 0; i < n_sources; i++)
		if (sources[i] == source)
			return collector->sources[i].open;
	return false;
}

/* What is left to be looked at. */
static enum watch_news follow(struct collector *collector)
{
	const struct follow with = {
		.options = collector->options,
		.containers = collector->containers,
		.hierarchy = collector->hierarchy,
		.lifecycle = collector->lifecycle,
		.counters = collector->counters,
	};

	return follow_news(&with, collector->news);
}

static void discover(struct collector *collector)
{
	enum watch_news news = WATCH_LOST;

	/* First what the kernel has told: a walk forgets what is gone. */
	if (collector->hierarchy->walks && is_on(collector, &source_lifecycle))
		news = follow(collector);
	bool due =
		!collector->listed_ns || clock_monotonic_ns() - collector->listed_ns >= list_all_ns;
	walk(collector, due || news == WATCH_LOST || !news_has_ring(collector->news));
}

/* One pass for all sources that are asked and that read files of groups. */
static const char *make_records(struct collector *collector, uint64_t asked)
{
	bool wanted = false;

	for (size_t i = 0; i < n_sources; i++)
		wanted |= asked >> i & 1 && sources[i]->collect == rows_collect;
	if (wanted)
		fast_path_read(collector->fast_path, collector->hierarchy);
	else
		fast_path_skip(collector->hierarchy);
	const char *reason = fast_path_reason(collector->fast_path);
	const char *left = fast_path_left(collector->fast_path);
	if (wanted)
		collect_log_reader(&collector->reader, reason, left,
				   fast_path_mismatches(collector->fast_path) > 0);
	collector->hierarchy->records_fresh = wanted && !reason;
	return reason;
}

static void read_records(struct collector *collector, struct snapshot *snapshot)
{
	const char *reason = make_records(collector, snapshot->sources_read);

	snapshot->by_records = !reason;
	snapshot->files_reason =
		opened_keep(snapshot, reason ? reason : fast_path_left(collector->fast_path));
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
		.census = collector->census,
		.fast_path = collector->fast_path,
		.context = containers_context(collector->containers),
		.deadline_ns = request->deadline_ns,
	};
	struct family *families;

	arena_reuse(&snapshot->arena, &collector->spare);
	snapshot->generation = ++collector->generation;
	snapshot->time_ms = (int64_t)(clock_unix_ns() / 1000000);
	snapshot->monotonic_ns = clock_monotonic_ns();
	if (*collector->hierarchy->v1_controllers)
		snapshot->v1_controllers =
			arena_strdup(&snapshot->arena, collector->hierarchy->v1_controllers);
	snapshot->sources_read = request->sources & collector->options->sources_enabled;
	snapshot->detail = request->detail;
	discover(collector);
	containers_discover(collector->containers, collector->hierarchy, snapshot,
			    collector->counters);
	probes_update(collector->probes, collector->hierarchy);
	census_begin(collector->census);
	read_records(collector, snapshot);
	log_metadata_denied(collector);
	add_families(collector, snapshot);
	add_statuses(collector, snapshot);
	families = snapshot->families;
	for (size_t i = 0; i < n_sources; i++) {
		collect_source(collector, &collection, i, families);
		families += sources[i]->n_metrics;
	}
	collector->hierarchy->records_fresh = false;
	if (collector->late && snapshot->complete)
		log_info("scrapes are complete again");
	collector->late = !snapshot->complete;
	arena_trim(&snapshot->arena);
	snapshot->duration_ns = clock_monotonic_ns() - snapshot->monotonic_ns;
	return snapshot;
}

const struct snapshot *collector_acquire(struct collector *collector,
					 const struct collect_request *request)
{
	uint64_t wanted = request->sources & collector->options->sources_enabled;
	const struct snapshot *snapshot =
		recent_find(&collector->recent, wanted, request->detail, request->max_age_ms);

	if (snapshot)
		return snapshot_ref(snapshot);
	recent_make_room(&collector->recent, wanted, &collector->spare);
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

static uint64_t follow_again(const struct collector *collector, bool again)
{
	uint64_t wait_ms = containers_wait_ms(collector->containers);

	again |= survivors_wait(lifecycle_survivors(collector->lifecycle));
	if (again && (!wait_ms || wait_ms > FOLLOW_AGAIN_MS))
		wait_ms = FOLLOW_AGAIN_MS;
	return wait_ms;
}

uint64_t collector_follow(struct collector *collector, bool always)
{
	struct hierarchy *hierarchy = collector->hierarchy;
	enum watch_news news = WATCH_LOST;
	bool first = !hierarchy->walks;

	if (!is_on(collector, &source_lifecycle))
		return 0;
	if (!first)
		news = follow(collector);
	if (news == WATCH_NONE && !always)
		return follow_again(collector, false);
	walk(collector, news == WATCH_LOST);
	containers_identify(collector->containers, hierarchy, collector->counters);
	bool fresh = news_update(collector->news, hierarchy);
	if (first) /* the kills so far are asked of all groups */
		(void)make_records(collector, collector->options->sources_enabled);
	lifecycle_pass(collector->lifecycle, collector->options,
		       containers_context(collector->containers), hierarchy, NULL);
	hierarchy->records_fresh = false;
	return follow_again(collector, fresh);
}
