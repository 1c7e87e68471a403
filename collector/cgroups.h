/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup v2 hierarchy: where it is mounted, which groups are there, and reading their files
 * through kept directory and file descriptors. Owned by main; used by collect.c and the sources.
 * Names here never start with cgroup_: libcgroup exports ninety such symbols.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uthash.h>

struct options;
struct workload;

/* Files a source may ask for, by number. The hierarchy keeps open those that are worth it. */
enum { HIERARCHY_FILES_MAX = 128 };

struct group {
	uint64_t id;          /* inode of the directory: unique for the boot, kernel 5.5 and later */
	struct group *parent; /* NULL for the root */
	char *name;           /* last component, raw bytes; "" for the root */
	char *path;           /* from the root, raw bytes, leading '/'; "/" for the root */
	unsigned depth;
	int dirfd;            /* -1: none left, or vanished */
	int *kept;            /* descriptors of kept files, by file number; NULL before the first */
	uint64_t absent[HIERARCHY_FILES_MAX / 64]; /* files that were not there when last asked */
	uint64_t absent_since_ns;
	uint64_t seen;        /* number of the walk that last saw it */
	struct identity *identity; /* what containers.c made of it; NULL before it looked */
	bool inside;          /* below a container */
	const struct workload *workload; /* in the snapshot being built; NULL when not exported */
	struct group *first_child, *next_sibling; /* by name */
	UT_hash_handle hh; /* by id */
};

struct hierarchy {
	int root_fd;
	char *root_path;     /* where it is mounted, as we see it */
	bool hybrid;         /* v1 controllers are mounted beside it */
	struct group *root;
	struct group *by_id; /* uthash */
	struct group **groups; /* parents before children, siblings by name */
	size_t n_groups, groups_size;
	uint64_t walks;
	const char *files[HIERARCHY_FILES_MAX]; /* names by number */
	bool keep[HIERARCHY_FILES_MAX];
	unsigned n_files;
	size_t open_fds, fd_budget; /* kept file descriptors, directories not counted */
	uint64_t walk_errors;  /* directories that could not be listed, ever */
	uint64_t fd_exhausted; /* times a descriptor could not be kept for want of one, ever */
	char *buffer; size_t buffer_size; /* for group_read(); owned here so that no scrape allocates */
};

/*
 * Finds the hierarchy and opens its root: --path.cgroupfs, else libcgroup, else the first cgroup2 of
 * <procfs>/self/mountinfo. -errno; *ret_hierarchy untouched on failure.
 */
int hierarchy_open(const struct options *options, struct hierarchy **ret_hierarchy);
void hierarchy_close(struct hierarchy *hierarchy);
/* Lists all groups anew: new ones are opened, vanished ones freed. 0 or -errno (the root is gone). */
int hierarchy_walk(struct hierarchy *hierarchy);
/* The number of a file's name, registering it at the first call. Names are static strings. */
unsigned hierarchy_file(struct hierarchy *hierarchy, const char *name);
/*
 * Reads a whole file of a group into hierarchy->buffer, NUL-terminated, and points *ret_text at it:
 * valid until the next call. The length, or -errno; is_absent() errors are "no data". Files over
 * 1 MiB are -EFBIG.
 */
ssize_t group_read(struct hierarchy *hierarchy, struct group *group, unsigned file,
		   const char **ret_text);
/* The group of a cgroup id, or NULL. */
struct group *hierarchy_find(const struct hierarchy *hierarchy, uint64_t id);
/* Raises the soft RLIMIT_NOFILE to the hard one and returns the budget for kept files. */
size_t hierarchy_raise_fd_limit(void);

#define for_each_group(group, hierarchy)                                                           \
	for (size_t group_i_ = 0; group_i_ < (hierarchy)->n_groups; group_i_++)                    \
		for (struct group *(group) = (hierarchy)->groups[group_i_]; (group); (group) = NULL)
