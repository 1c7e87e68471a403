/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest of the samples that the kernel told, so many of each cgroup at most; when there is no room, who has
 * most gives up its oldest, of the side and protocol that it has most of. For requests_samples.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/sources/requests_sample.h"

enum { SAMPLES_MAX = 1024, SAMPLES_OF_ONE_MAX = 32 };

struct sample_owner;

/* All zero is an empty one. */
struct kept_samples {
	struct kept_sample samples[SAMPLES_MAX]; /* the oldest first */
	size_t n;
	uint64_t last;	   /* number */
	uint64_t replaced; /* that made room */
	struct sample_owner *owners;
};

/* Adds a copy. */
void kept_samples_add(struct kept_samples *kept, const struct wire_sample *sample);
/* Removes the one at `i`, below n: those behind it move up. */
void kept_samples_remove(struct kept_samples *kept, size_t i);
void kept_samples_free(struct kept_samples *kept);
