/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a cgroup is: what its path tells, then what its runtime left on disk. Owned by its group, made
 * once per cgroup id and looked at again only when the runtime's file changes.
 */
#pragma once

#include "collector/runtimes/runtime.h"
#include "collector/snapshot.h"

struct group;
struct options;
struct self_counters;

/* Labels are valid UTF-8 and capped, never NULL ("" is unknown). */
struct identity {
	enum workload_kind kind;
	const char *runtime; /* static */
	char *path;	     /* the group's path as a label */
	char *container_id;
	char *name, *image, *namespace, *pod, *container;
	char *image_id, *image_digest, *pod_uid;
	int64_t start_ms; /* Unix time, from its runtime or from its first process; 0 = not known yet */
	unsigned start_tries;
	bool excluded; /* by a filter; containers.c sets it when `fresh` */
	bool fresh;    /* the labels have changed since containers.c last looked */
	bool known;    /* a runtime knew it: facts are there */
	struct facts facts;
	struct fact_label *labels; /* those of the facts that --containers.labels admits; cleaned */
	struct fact_label *environment; /* the same for --containers.environment */
	size_t n_labels, n_environment;
	bool put_off; /* it was time, but there was none left */
	uint64_t first_look_ns;
	uint64_t next_look_ns; /* CLOCK_MONOTONIC; when the runtimes are asked again */
	uint64_t
		not_before_ns; /* lists of containers read before this are too old to answer a look */
	unsigned looks;	       /* in vain, so far */
	unsigned machine_looks; /* whether it holds a virtual machine: how often that was asked */
	uint64_t machine_since_ns; /* when it might have been asked first */
};

/* The look-ups of one pass over all groups. Times are CLOCK_MONOTONIC. */
struct look_ups {
	const struct options *options;
	const struct runtime_context *context;
	struct self_counters *counters;
	uint64_t now_ns, until_ns;
	uint64_t at_least; /* so many are made in any case */
	bool waiting;	   /* some were put off in the pass before */
	uint64_t made, put_off;
	uint64_t
		again_ms; /* when a young group that nobody knows is to be asked for again; 0: none */
};

/* From the path alone. */
struct identity *identity_new(const struct options *options, const struct group *group,
			      struct self_counters *counters);
/*
 * Asks the runtimes when it is time: always for a young group, then with growing pauses until one
 * knows it, then when the file that told it has changed. What there is no time for is put off to the
 * next pass, in which nobody else is asked twice before that.
 */
void identity_update(struct look_ups *look_ups, struct group *group);
/* It holds a virtual machine that no runtime has written down. */
void identity_become_machine(const struct look_ups *look_ups, struct group *group);
/* Whether the group is a pause or infra container, which is told with its pod. */
bool identity_is_sandbox(const struct identity *identity);
/* Accepts NULL. */
void identity_free(struct identity *identity);
