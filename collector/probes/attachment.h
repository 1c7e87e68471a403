/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object of programs in the kernel: constants and maps before it is loaded, links after. Owned by
 * its probe. Uses libbpf; nothing is pinned, so nothing stays when the process ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"

struct bpf_link;
struct bpf_map;
struct bpf_object;
struct bpf_program;
struct probe_setup;

enum { ATTACHMENT_PROGRAMS_MAX = 12 };

struct attachment {
	struct bpf_object *object; /* the skeleton's; borrowed */
	struct bpf_program *programs[ATTACHMENT_PROGRAMS_MAX];
	unsigned numbers
		[ATTACHMENT_PROGRAMS_MAX]; /* wire_cpu.runs of each: its place in the object */
	struct bpf_link *links[ATTACHMENT_PROGRAMS_MAX]; /* NULL: not attached now */
	unsigned n_programs;
	struct wire_cpu *cpus; /* mapped; NULL for an object without that map */
	size_t cpus_size;
	unsigned n_cpus;
	uint64_t
		memory; /* bytes of kernel memory that its own maps take, by the kernel's account */
};

/* Sets a `const volatile` of an object that is not loaded yet, by its name. -ENOENT without it. */
int object_set_constant(struct bpf_object *object, const char *name, const void *value,
			size_t size);
/* What it is set to; NULL for an object without it. */
const void *object_constant(const struct bpf_object *object, const char *name);
/* A map of the object by name; NULL without it. */
struct bpf_map *object_map(const struct bpf_object *object, const char *name);
/* Maps an array with BPF_F_MMAPABLE, writable; *ret_size for munmap(). NULL with errno. */
void *map_memory(const struct bpf_map *map, size_t *ret_size);
/* Bytes of kernel memory that a map takes, by the kernel's account. */
uint64_t map_bytes(int fd);
/*
 * Gives the object the shared maps and a place per CPU, and loads it. -errno with a reason as in
 * struct probe; the object stays the caller's.
 */
int attachment_load(const struct probe_setup *setup, struct bpf_object *object,
		    struct attachment **ret, const char **ret_reason, char **ret_failure);
/* Attaches its programs, in the order in which they stand. -errno with a reason. */
int attachment_attach(struct attachment *attachment, const char **ret_reason, char **ret_failure);
/* Detaches one program or attaches it again; nothing to do is no error. -errno: it is as it was. */
int attachment_switch(struct attachment *attachment, const struct bpf_program *program, bool on);
/* Detaches; before the skeleton is destroyed. Accepts NULL. */
void attachment_close(struct attachment *attachment);
/*
 * Runs of all its programs that the kernel left out because an interrupt came while the same program ran on
 * that CPU. 0 before 5.12, which does not tell.
 */
uint64_t attachment_missed(const struct attachment *attachment);
/* How often program `number` (wire_cpu.runs) ran, ever, over all CPUs. */
uint64_t attachment_runs(const struct attachment *attachment, unsigned number);
