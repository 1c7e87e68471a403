/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every source of metrics implements, and what one collection hands to it.
 * A source owns its state from open to close; it writes only the families handed to it.
 */
#pragma once

#include <errno.h>

#include "collector/procfs/meminfo.h"
#include "collector/snapshot.h"

struct census;		/* collector/census.h */
struct fast_path;	/* collector/fast_path.h */
struct lifecycle;	/* collector/workloads/lifecycle.h */
struct probe;		/* collector/probes/probe.h */
struct probes;		/* collector/probes/probes.h */
struct runtime_context; /* collector/runtimes/runtime.h */
struct hierarchy;	/* collector/cgroups.h */
struct options;		/* collector/options/options.h */
struct self_counters;	/* collector/collect.h */

/* Of one scrape; lives while collect() runs. */
struct collection {
	const struct options *options;
	struct hierarchy *hierarchy; /* walked just now */
	struct snapshot *snapshot;   /* being built; its arena is for strings and labels */
	const struct self_counters *counters;
	struct lifecycle *lifecycle;	       /* outlives cgroups, and configurations */
	const struct runtime_context *context; /* where runtimes leave their files */
	struct probes *probes;		       /* outlive configurations, too */
	struct census *census;		       /* of processes */
	struct fast_path *fast_path;	       /* as do records; NULL: files only */
	uint64_t deadline_ns;		       /* CLOCK_MONOTONIC; 0 is none */
	struct meminfo meminfo;		       /* meminfo.c's: see meminfo_get() */
	int meminfo_err;
	bool meminfo_read;
	/* Set by a source that may not read a part: what is so missing, a static string. */
	const char *denied;
	/* Set by a source that fails: what it could not read, static or in the snapshot's arena. Or NULL. */
	const char *place;
	/* Set with a failure that has a sentence of its own; lives as long as the source's state. */
	const char *reason;
};

struct source {
	const char *name; /* --collector.NAME, collect[]=NAME, {source="NAME"} */
	const char *help; /* what it reads, in a few words, for --help and the landing page */
	bool optional;	  /* off unless --collector.NAME */
	const char
		*controller; /* as cgroup v1 calls it: without it on v2 most is missing; or NULL */
	bool always; /* also after the deadline: it tells of what is so missing, and is quick */
	const struct metric *metrics;
	size_t n_metrics;
	/*
	 * Prepares; sets *ret_state. -errno: this source is down and the daemon goes on. *ret_reason
	 * may be set to a sentence (a static string, or one that lives with the process).
	 * -ECANCELED: it is switched off by an option of its own, which is no failure.
	 */
	int (*open)(const struct options *options, void **ret_state, const char **ret_reason);
	/* In place of open() and close(): the kernel probe whose state collect() is given. */
	const struct probe *probe;
	/* Adds samples; families[i] belongs to metrics[i]. -errno: what was added so far is kept. */
	int (*collect)(void *state, struct collection *collection, struct family families[]);
	/* Frees what open() made. */
	void (*close)(void *state);
};

extern const struct source source_connections; /* its edges have figures of requests, too */
extern const struct source source_lifetime;    /* its programs tell of cgroups at once */
extern const struct source source_lifecycle;   /* collect.c makes its passes between scrapes, too */

/* The visible list of all sources, in the order in which their families come out. */
extern const struct source *const sources[];
extern const size_t n_sources;

/*
 * Whether the deadline has passed. Sources ask every COLLECTION_STRIDE workloads and return
 * -ETIME when it has; collect.c then leaves their families out whole.
 */
enum { COLLECTION_STRIDE = 64 };
bool collection_expired(const struct collection *collection);
/*
 * Errors that mean "no data" and not failure: a vanished cgroup (ENOENT, ENODEV), a controller that
 * is not there (ENOENT), or PSI switched off (EOPNOTSUPP). cgroup-v2.rst, and kernfs for ENODEV.
 */
bool is_absent(int err);
/* What was missing may be there a moment later, without any change of the host: descriptors, memory. */
bool is_passing(int err);
/* Errors that mean that the user we run as may not read it. */
static inline bool is_denied(int err)
{
	return err == -EACCES || err == -EPERM;
}
