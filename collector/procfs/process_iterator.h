/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF task iterator of bpf/processes.bpf.c. Used by netns.c, where links are refused, and census.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct process_iterator;
struct wire_process;

/*
 * Loads the iterator and reads it once. -errno without CAP_BPF and CAP_PERFMON, without BTF, on an old
 * kernel, or in a pid namespace that is not the first.
 */
int process_iterator_open(struct process_iterator **ret);
/* Accepts NULL. */
void process_iterator_close(struct process_iterator *iterator);
/* Reads all processes anew. */
int process_iterator_refresh(struct process_iterator *iterator);
/* What was read last, by ascending pid; valid until the next refresh. */
const struct wire_process *process_iterator_records(const struct process_iterator *iterator,
						    size_t *ret_n);
/* The network namespace of a process at the last refresh; -ENOENT when it was not there. */
int process_iterator_netns(const struct process_iterator *iterator, int32_t pid,
			   uint64_t *ret_inode);
