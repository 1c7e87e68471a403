/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of one process below --path.procfs. Knows no cgroups. Used by the sources and process.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/buffer.h"

struct options;
struct proc_stat;

/*
 * An O_PATH descriptor of the process file system. -EXDEV when it is that of another pid namespace:
 * the numbers in cgroup.procs would then name strangers. *ret_reason is a sentence (static) on failure.
 */
int procfs_open(const struct options *options, int *ret_fd, const char **ret_reason);
/*
 * Replaces *buffer by the content of <pid>/<file>, NUL-terminated behind its length. -EFBIG: over
 * `max` bytes; -ENOENT or -ESRCH: the process is gone.
 */
int procfs_read(int procfs, int32_t pid, const char *file, size_t max, struct buffer *buffer);
/* The same for any path relative to an open directory; pseudo files have no size to ask for. */
int file_read_at(int dirfd, const char *path, size_t max, struct buffer *buffer);

/* <pid>/stat; see proc_stat_parse(). */
int procfs_stat(int procfs, int32_t pid, struct proc_stat *ret);
/* Inode of the network namespace from the link <pid>/ns/net: namespaces(7). Needs ptrace rights. */
int procfs_netns(int procfs, int32_t pid, uint64_t *ret_inode);
