/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF task iterator of bpf/netns.bpf.c. Used by netns.c only.
 */
#pragma once

#include <stdint.h>

struct netns_iterator;

/* Loads the iterator. -errno without CAP_BPF and CAP_PERFMON, without BTF, or on an old kernel. */
int netns_iterator_open(struct netns_iterator **ret);
void netns_iterator_close(struct netns_iterator *iterator);
/* Reads the namespaces of all processes anew. */
int netns_iterator_refresh(struct netns_iterator *iterator);
/* The namespace of a process at the last refresh; -ENOENT when it was not there. */
int netns_iterator_find(const struct netns_iterator *iterator, int32_t pid, uint64_t *ret_inode);
