/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces and their owners: which one a workload lives in, and on whose row its numbers
 * stand. Each namespace has exactly one owner. Owned by the source that made it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct collection;
struct netns_cache;
struct options;
struct workload;

struct netns {
	uint64_t inode;
	const struct workload *owner; /* NULL: of the host's, when the filters leave the root out */
	int32_t pid;		      /* a process in it: <procfs>/PID/net shows the namespace */
	bool host;
};

struct netns_member {
	const struct workload *workload;
	const struct netns *netns;
};

struct netns_map {
	const struct netns *items; /* the host's first, then by owner's index */
	size_t n;
	const struct netns_member *members; /* by workload's index; the root is not among them */
	size_t n_members;
};

/*
 * How the kernel is asked: the links <procfs>/PID/ns/net, else a BPF iterator over tasks. -errno
 * with a reason when neither works here.
 */
int netns_open(const struct options *options, struct netns_cache **ret_cache,
	       const char **ret_reason);
void netns_close(struct netns_cache *cache);
/*
 * Finds the namespaces of all workloads of the collection's snapshot. What is known of a group is
 * kept from scrape to scrape and checked with one readlink; groups without processes are asked again
 * ever more rarely. *ret lives in the snapshot's arena. 0, or -ETIME at the deadline.
 *
 * The owner is the pod for all within a pod, the outermost container, machine or VM for what is
 * inside it, else the workload itself; of several claimants the one with the oldest process. The
 * host's belongs to the root alone. No workload owns two.
 */
int netns_resolve(struct netns_cache *cache, struct collection *collection, struct netns_map *ret);
/*
 * Reads <procfs>/PID/<file> of a namespace into *buffer (see procfs_read()), and checks that the
 * process was in it all the time. -ESTALE when it was not.
 */
struct buffer;
int netns_read(struct netns_cache *cache, const struct netns *netns, const char *file, size_t max,
	       struct buffer *buffer);
