/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One scrape: discover, ask each source, record how that went. Owns the opened sources and the last
 * snapshots; used by main.c only.
 */
#pragma once

#include "collector/snapshot.h"

struct collector;
struct events;
struct hierarchy;
struct options;

/* Counters that outlive a scrape and that several parts add to; exported by sources/self.c. */
struct self_counters {
	uint64_t workloads_dropped; /* over --cgroups.max, ever */
	uint64_t labels_shortened;
	uint64_t cgroups_short_lived; /* made and removed between two looks */
	uint64_t metadata_errors;     /* files of runtimes that could not be read or understood */
	uint64_t metadata_put_off;    /* look-ups for which a pass had no time left */
	uint64_t container_labels_dropped; /* labels of containers beyond the limits */
	bool metadata_denied;		   /* some of them may not be read, ever */
	uint64_t http_requests[600];	   /* by status code */
	uint64_t http_in_flight;
	uint64_t http_rejected; /* over --web.max-requests */
	uint64_t config_reloads_failed;
	double config_last_success_time_s;
	bool config_last_reload_ok;
};

/* Opens all enabled sources. -errno only when nothing can be served at all. */
int collector_new(const struct options *options, struct self_counters *counters,
		  struct collector **ret_collector);
void collector_free(struct collector *collector);
/* Takes over what outlives a configuration: counters that survive, and events. */
void collector_inherit(struct collector *collector, struct collector *predecessor);

/*
 * Puts the kernel probes of the enabled sources in place, and takes away the others: after
 * collector_new(), and after collector_inherit() where there was a predecessor.
 */
void collector_start_probes(struct collector *collector);
/*
 * Sees what the probes cost, and makes them do less or more. Milliseconds until it wants to be called
 * again; 0: no probe is up.
 */
unsigned collector_oversee_probes(struct collector *collector);

/* What a request asks for. */
struct collect_request {
	uint64_t sources;     /* bit i: sources[i]; ~0 for all that are on */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0 = none */
	uint64_t max_age_ms;  /* a snapshot this young may be shared */
	enum detail detail;   /* one with more may be shared, too */
};
/*
 * A snapshot with a reference of the caller's; never NULL. It is shared when one with the same
 * sources is young enough.
 */
const struct snapshot *collector_acquire(struct collector *collector,
					 const struct collect_request *request);
/*
 * A descriptor that becomes readable when cgroups come or go, or when a process was OOM-killed; -errno
 * without one. It stays the same over collector_inherit().
 */
int collector_watch_fd(const struct collector *collector);
/*
 * Looks what has happened, without a scrape: the milliseconds after which it wants to be called again,
 * or 0 when the descriptor will tell. `always`: also when nothing was told.
 */
uint64_t collector_follow(struct collector *collector, bool always);
/* What has happened to workloads; owned by the collector. */
struct events *collector_events(struct collector *collector);
/* The hierarchy, for what is read outside of a collection: the processes of one workload. */
struct hierarchy *collector_hierarchy(struct collector *collector);
