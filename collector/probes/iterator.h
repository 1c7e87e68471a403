/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF iterators: programs that the kernel runs for each of its objects when they are read. Uses libbpf.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct bpf_link;
struct bpf_map;
struct bpf_program;
struct buffer;

/* Of a program that is loaded; `map` is the one whose elements it visits, or NULL. -errno. */
int iterator_attach(const struct bpf_program *program, const struct bpf_map *map,
		    struct bpf_link **ret);
/* One over the cgroup of a directory, and with `below` over all below it, parents first. -errno. */
int iterator_attach_cgroups(const struct bpf_program *program, int directory, bool below,
			    struct bpf_link **ret);
/*
 * Runs it for all objects: what it writes replaces the buffer's content. -EFBIG: that was more than
 * `max` bytes, and nothing of it is there; it was run for all the same. `link` is the link's fd.
 */
int iterator_read(int link, size_t max, struct buffer *buffer);
/* Runs one that writes nothing. */
int iterator_run(int link);
