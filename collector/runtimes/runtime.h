/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container runtime leaves on disk about its containers, and the interface that every runtime
 * implements: one file here each, one line in runtimes.c. No daemon is asked. Used by containers.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "collector/snapshot.h"

struct filter;
struct group;
struct identity;
struct last_state; /* collector/workloads/survivors.h */
struct options;

/* Tells whether a file is still the one that was read. */
struct file_stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

struct fact_label {
	char *name, *value; /* raw, as the runtime has them; cleaned in an identity */
};

enum { FACT_LABELS_MAX = 256, FACT_STRING_MAX = 65536 };

/* All that could be learnt of one cgroup. Strings are owned, raw bytes, NULL when unknown. */
struct facts {
	const char *runtime;	 /* static; NULL: what the path said stands */
	enum workload_kind kind; /* N_WORKLOAD_KINDS: what the path said stands */
	char *container_id;	 /* the runtime's own id, where the path does not have it */
	char *name, *image, *image_id;
	char *image_digest;			     /* by which a registry has it: "sha256:..." */
	char *namespace, *pod, *pod_uid, *container; /* Kubernetes */
	const char *health; /* static: "healthy", "unhealthy", "starting"; NULL: no check */
	int64_t created_ms, started_ms; /* Unix time; 0 is unknown */
	int64_t restarts;		/* -1 is unknown */
	bool sandbox; /* a pause or infra container: part of its pod, no container */
	struct fact_label *labels;
	size_t n_labels, labels_dropped;
	struct fact_label *environment; /* only what is exported */
	size_t n_environment, environment_dropped;
	char *file; /* beneath the root: when it changes, so may the facts; NULL: they do not */
	struct file_stamp stamp;
	bool of_user; /* the file is a user's: no link to it, or on the way, is followed */
	uint64_t
		entry; /* where the file is a list: a hash of this container's part of it; else 0 */
};

/* Where runtimes read, and what they keep between two look-ups. Owned by containers.c. */
struct runtime_context {
	int root_fd; /* --path.rootfs; -1: it cannot be opened, yet */
	const char *path_procfs, *path_rootfs;
	struct oci_states *oci_states;
	struct json_cache *json_cache;
	/* Borrowed: which labels, and which environment variables, are exported; NULL: none. */
	const struct filter *labels, *environment;
};

struct runtime {
	const char *name, *also; /* `also`: what else its containers are called; or NULL */
	/*
	 * Fills *ret for a group whose identity holds what its path told. -ENOENT: not this runtime's,
	 * or not there (yet). Other -errno: its files are broken or may not be read; *ret then holds
	 * what was learnt before that. -EALREADY: the file has changed, but not in what it says of this
	 * group, whose facts are known; only ->stamp is filled. The caller has zeroed *ret and frees it
	 * by facts_free().
	 */
	int (*look_up)(const struct runtime_context *context, const struct group *group,
		       struct facts *ret);
	/*
	 * How the last run of a container has ended, when its cgroup is gone. -errno: not there
	 * (yet), or another run has begun. `file` is that of its facts, or NULL. May be NULL.
	 */
	int (*last_state)(const struct runtime_context *context, const char *container_id,
			  const char *file, struct last_state *ret);
};

extern const struct runtime *const runtimes[];
extern const size_t n_runtimes;

/* Asks all runtimes until one knows the group: its result, or the last error that is not -ENOENT. */
int runtimes_look_up(const struct runtime_context *context, const struct group *group,
		     struct facts *ret);
/* Asks the runtime of that name, or all when it is "": see struct runtime. */
int runtimes_last_state(const struct runtime_context *context, const char *runtime,
			const char *container_id, const char *file, struct last_state *ret);
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);
/* Opens --path.rootfs; runtime_context_close() gives all back. The options are borrowed. */
struct runtime_context runtime_context_open(const struct options *options);
/* Tries again where that failed: there may have been no descriptor left, or no such directory yet. */
void runtime_context_retry(struct runtime_context *context);
void runtime_context_close(struct runtime_context *context);
/* Whether the file that the facts came from has changed since, or is gone. */
bool facts_changed(const struct runtime_context *context, const struct facts *facts);
/* Adds a label; beyond FACT_LABELS_MAX they are counted instead. Strings are copied. */
void facts_add_label(struct facts *facts, const char *name, const char *value);
/* The same with a variable, "NAME=VALUE", if it is one that is exported. */
void facts_add_variable(const struct runtime_context *context, struct facts *facts,
			const char *variable);
/* The value of a label, or NULL. */
const char *facts_label(const struct facts *facts, const char *name);
/* What Kubernetes' runtimes put into labels or annotations: io.kubernetes.pod.name and its like. */
void facts_take_kubernetes(struct facts *facts);
void fact_labels_free(struct fact_label *labels, size_t n);
/* Frees names and labels, which may be long; times, numbers and the file stay. */
void facts_drop_texts(struct facts *facts);
void facts_free(struct facts *facts);
