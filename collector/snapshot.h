/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reading of the host: workloads, and families of samples about them. Built by collect.c and the
 * sources, then const; reference-counted; all memory is its arena, freed as one.
 * Exporters see `const struct snapshot *` and nothing behind it.
 */
#pragma once

#include "collector/arena.h"
#include "collector/histogram.h"
#include "collector/metric.h"
#include "collector/request_sample.h"

enum workload_kind {
	KIND_HOST,
	KIND_SLICE,
	KIND_SERVICE,
	KIND_SCOPE,
	KIND_CONTAINER,
	KIND_POD,
	KIND_VM,
	KIND_MACHINE,
	KIND_OTHER,
	N_WORKLOAD_KINDS,
};

/* A cgroup that is exported. Strings are UTF-8, capped in length, never NULL ("" is unknown). */
struct workload {
	uint64_t id;	       /* cgroup id: inode of its directory */
	uint32_t index;	       /* in snapshot->workloads */
	uint32_t parent;       /* index of the nearest one above it; its own when there is none */
	const char *path;      /* label `id`: "/", "/system.slice/ssh.service" */
	const char *name;      /* the runtime's name for it */
	const char *image;     /* empty for all that is not a container */
	const char *namespace; /* Kubernetes, with pod and container */
	const char *pod;
	const char *container;
	const char *runtime;	  /* "docker", "podman", "containerd", ... */
	const char *container_id; /* the runtime's full id */
	enum workload_kind kind;
	bool inside; /* within a container: in /api/v1/cgroups only, without samples by default */
};

struct sample {
	const struct workload *workload; /* NULL for SCOPE_HOST */
	const char *const *labels;	 /* values for the row's labels; NULL where it has none */
	union {
		uint64_t integer; /* raw; divide by metric_scale() */
		double real;
		const struct histogram *histogram;
	};
};

/* Samples of a family in the order in which they were added. */
struct sample_block {
	struct sample_block *next;
	unsigned n, size;
	struct sample samples[];
};

struct family {
	const struct metric *metric;
	struct sample_block *first, *last;
	size_t n_samples;
	bool left_out;	  /* incomplete (deadline) or not asked for: exporters skip it */
	bool not_in_text; /* too many lines there, and not asked for: text formats skip it */
};

/* How one source did in this collection. */
struct source_status {
	const char *name;
	const char *help;
	const char
		*reason; /* why it is down, or, when it is up, why most of it is missing; or NULL */
	uint64_t duration_ns; /* of this collection */
	uint64_t errors;      /* collections that failed, ever */
	uint64_t series;      /* samples in this snapshot */
	bool enabled, up, collected;
};

/* What is read for whom. */
enum detail {
	DETAIL_ALL,
	DETAIL_METRICS, /* not what the API alone tells */
	DETAIL_TEXT,	/* nor what has too many lines for text */
};

struct snapshot {
	struct arena arena;
	unsigned references;
	uint64_t generation;	    /* counts collections from 1 */
	int64_t time_ms;	    /* Unix time of the reading */
	uint64_t monotonic_ns;	    /* CLOCK_MONOTONIC at its start */
	uint64_t duration_ns;	    /* of the whole collection */
	uint64_t sources_read;	    /* bit i: sources[i] was asked */
	bool complete;		    /* no deadline cut it short */
	enum detail detail;	    /* what is left out, because nobody asks for it */
	const char *v1_controllers; /* on cgroup v1, so without metrics: "cpu,memory"; or NULL */
	bool by_records;	    /* cgroups are read by records, see fast_path.h */
	const char *files_reason;   /* why they are not, or some of their files are not; or NULL */
	struct workload *workloads; /* parents before children, siblings by name */
	uint32_t n_workloads;
	struct family *families; /* all families of all sources, in table order */
	size_t n_families;
	const struct request_sample *requests; /* single ones, the oldest first */
	size_t n_requests;
	struct source_status *sources;
	size_t n_sources;
};

/* A new, empty snapshot with one reference. */
struct snapshot *snapshot_new(void);
/* Takes and gives back a reference; the last one frees it. snapshot_unref() accepts NULL. */
const struct snapshot *snapshot_ref(const struct snapshot *snapshot);
void snapshot_unref(const struct snapshot *snapshot);
/* As snapshot_unref(), but the memory of one that is freed goes to `spare`: see arena_reuse(). */
void snapshot_recycle(const struct snapshot *snapshot, struct arena *spare);

/*
 * Add one sample to a family of the snapshot that is being built. `workload` is NULL exactly for
 * SCOPE_HOST rows; `labels` holds metric_n_labels() strings that live as long as the snapshot (see
 * snapshot_labels()), or is NULL for a row without labels. No sample means no data.
 */
void family_add_integer(struct snapshot *snapshot, struct family *family,
			const struct workload *workload, const char *const *labels, uint64_t value);
void family_add_real(struct snapshot *snapshot, struct family *family,
		     const struct workload *workload, const char *const *labels, double value);
void family_add_histogram(struct snapshot *snapshot, struct family *family,
			  const struct workload *workload, const char *const *labels,
			  const struct histogram *histogram);
/* An array of `n` label values in the arena; the strings themselves are not copied. */
const char *const *snapshot_labels(struct snapshot *snapshot, size_t n, const char *const *values);

/* The root's workload, which stands first; NULL when the filters leave it out. */
const struct workload *snapshot_host(const struct snapshot *snapshot);
/* The family of a metric's name, or NULL. */
const struct family *snapshot_family(const struct snapshot *snapshot, const char *name);
/* A sample's value in the metric's unit, as a double (JSON, sorting). Not for histograms. */
double sample_value(const struct metric *metric, const struct sample *sample);
/* "container", "pod", ...: the `kind` label. */
const char *workload_kind_name(enum workload_kind kind);
/* What a human calls it: container, pod, name, or the last component of its path. */
const char *workload_title(const struct workload *workload);

/* Loops over all samples of a family; `block` and `i` are the caller's names. */
#define for_each_sample(item, family)                                                              \
	for (const struct sample_block *block_ = (family)->first; block_; block_ = block_->next)   \
		for (const struct sample *item = block_->samples;                                  \
		     (item) < block_->samples + block_->n; (item)++)
