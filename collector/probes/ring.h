/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's side of bpf/events.h: one ring of rare events that the programs of all probes write,
 * and what the kernel counts of them. Owned by probes.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "bpf/wire_lifetime.h"

struct ring;

/* Makes the shared maps. -errno: no BPF here. */
int ring_new(struct ring **ret);
/* Accepts NULL. */
void ring_free(struct ring *ring);
/* The descriptor of the shared map of this name; -ENOENT when it is none of ours. */
int ring_map(const struct ring *ring, const char *name);
bool ring_shares(const char *name);
/* Becomes readable when something urgent has been told, or a lot. */
int ring_fd(const struct ring *ring);
/*
 * Takes out all that has been told, the oldest first. `event` is the whole record of its type, and lives
 * during the call. How many there were, or -errno.
 */
typedef void ring_visit(void *context, const struct wire_event *event);
int ring_read(struct ring *ring, ring_visit *visit, void *context);
/* One of the kernel's counts: WIRE_COUNT_MADE and its like. Exact, whatever was lost. */
uint64_t ring_count(const struct ring *ring, uint32_t number);
/* Bytes of kernel memory that its maps take. */
uint64_t ring_memory(const struct ring *ring);
