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
struct record_layout;
struct wire_record; /* bpf/wire_records.h */
struct workload;

enum {
	HIERARCHY_FILES_MAX = 128, /* files that sources may ask for, by number */
	HIERARCHY_KEPT_MAX = 6,	   /* of those, files that are kept open */
	HIERARCHY_GROUPS_MAX =
		100000,		    /* groups in one walk; a container can make children at will */
	HIERARCHY_PATH_MAX = 16384, /* bytes of a path; kernfs itself sets no limit */
	GROUP_FILE_MAX = 1024 * 1024, /* bytes of one file */
};

struct group {
	uint64_t id; /* inode of the directory: unique for the boot, kernel 5.5 and later */
	struct group *parent; /* NULL for the root */
	char *name;	      /* last component, raw bytes; "" for the root */
	char *path;	      /* from the root, raw bytes, leading '/'; "/" for the root */
	unsigned depth;
	int dirfd;		      /* -1: none left, or vanished */
	int kept[HIERARCHY_KEPT_MAX]; /* descriptors of kept files, by place; -1: none */
	uint64_t absent[HIERARCHY_FILES_MAX / 64]; /* files that were not there when last asked */
	uint64_t absent_since_ns;		   /* 0: forget what was absent in the next walk */
	const struct wire_record *record; /* of this collection, see fast_path.h; NULL: none */
	char *controllers; /* its cgroup.subtree_control when last looked at; or NULL */
	uint64_t controllers_ns;
	uint64_t seen;		   /* number of the walk that last saw it */
	bool changed;		   /* to be listed by the next look, as it was told of or is new */
	struct identity *identity; /* what containers.c made of it; NULL before it looked */
	bool inside;		   /* below a container */
	struct group *delegate;	   /* the group inside that carries its limits; NULL: itself */
	bool is_delegate;
	uint64_t made_ns;		 /* CLOCK_MONOTONIC, when the kernel told; else 0 */
	bool unsorted;			 /* a child was added between two walks */
	uint32_t dropped;		 /* children left out when it was listed last */
	uint64_t processes, counted;	 /* census.c's: how many, and in which pass */
	bool threaded;			 /* likewise: its cgroup.procs refuses, for good */
	uint64_t asked_ns;		 /* when it was empty, and its cgroup.procs was read */
	const struct workload *entry;	 /* in the snapshot being built; NULL when left out */
	const struct workload *workload; /* the same when sources shall read it, else NULL */
	struct group *first_child, *next_sibling; /* by name */
	UT_hash_handle hh;			  /* by id */
};

struct hierarchy {
	int root_fd;
	char *root_path;      /* where it is mounted, as we see it */
	char *v1_controllers; /* mounted on v1 beside it: "cpu,memory"; "" on a unified host */
	struct group *root;
	struct group *by_id;   /* uthash */
	struct group **groups; /* parents before children, siblings by name */
	size_t n_groups, groups_size;
	const struct record_layout *layout; /* of all records, see record_layout.h */
	bool records_fresh;		    /* a collection is under way whose pass made them */
	uint64_t walks;
	const char *files[HIERARCHY_FILES_MAX]; /* names by number */
	uint8_t place[HIERARCHY_FILES_MAX]; /* in group->kept, plus 1; 0: opened for each reading */
	unsigned n_files;
	uint64_t readable[HIERARCHY_FILES_MAX / 64]; /* files that some group but the root has */
	size_t open_dirs, dir_budget;		     /* directory descriptors */
	size_t open_fds, fd_budget;		     /* kept file descriptors */
	uint64_t walk_errors;	 /* directories that could not be opened or listed, ever */
	bool incomplete;	 /* the last walk could not list all */
	uint64_t groups_dropped; /* too deep, too long or too many: now */
	uint64_t fd_exhausted;	 /* times a descriptor was wanted and none was left, ever */
	char *buffer;		 /* for group_read(); owned here so that no scrape allocates */
	size_t buffer_size;
};

/*
 * Finds the hierarchy and opens its root: --path.cgroupfs, else libcgroup, else the first cgroup2 of
 * <procfs>/self/mountinfo. -errno; *ret_hierarchy untouched on failure.
 */
int hierarchy_open(const struct options *options, struct hierarchy **ret_hierarchy);
void hierarchy_close(struct hierarchy *hierarchy);
/* Lists all groups anew: new ones are opened, vanished ones freed. 0 or -errno (the root is gone). */
int hierarchy_walk(struct hierarchy *hierarchy);
/* The same, but only those groups are listed whose `changed` is set, and what is new below them. */
int hierarchy_look(struct hierarchy *hierarchy);
/*
 * A group that the kernel told of, between two walks: not in hierarchy->groups. The one that is there when
 * it is known already; NULL when its parent is not, or there is no room.
 */
struct group *hierarchy_add(struct hierarchy *hierarchy, uint64_t parent, const char *name,
			    uint64_t id);
/* Whether its root is not the kernel's (whose id is 1), but a group below: --path.cgroupfs, or a namespace. */
bool hierarchy_is_part(const struct hierarchy *hierarchy);
/* Whether a directory is in cgroup2 of this kernel, and in no copy of one: ids mean something to programs there. */
bool hierarchy_is_of_kernel(int root_fd);
/* Forgets a group that is gone, between two walks. Empties hierarchy->groups until the next one. */
void hierarchy_remove(struct hierarchy *hierarchy, struct group *group);
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
/* Closes all descriptors that the group keeps: group_files.c's part of forgetting it. */
void group_close_files(struct hierarchy *hierarchy, struct group *group);
/* A descriptor of the group's directory: ->dirfd, or a fresh one that the caller closes (*ret_own). */
int group_directory(struct hierarchy *hierarchy, struct group *group, bool *ret_own);
/* Raises the soft RLIMIT_NOFILE to the hard one, once at start: the budget for kept files follows it. */
void hierarchy_raise_fd_limit(void);
/*
 * An estimate of the kernel memory behind our descriptors, in bytes: a kept kernfs file holds struct
 * file, kernfs_open_file, seq_file and a page of buffer; a directory only struct file.
 */
size_t hierarchy_fd_memory(const struct hierarchy *hierarchy);

#define for_each_group(group, hierarchy)                                                           \
	for (size_t group_i_ = 0; group_i_ < (hierarchy)->n_groups; group_i_++)                    \
		for (struct group * (group) = (hierarchy)->groups[group_i_]; (group);              \
		     (group) = NULL)
