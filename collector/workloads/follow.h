/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel tells between two walks: cgroups that come and go, also those that lived for a moment
 * only, and what happens in them. Looks only at what has changed. For collect.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/workloads/watch.h"

struct containers;
struct hierarchy;
struct lifecycle;
struct news;
struct options;
struct self_counters;

/* Everything is borrowed. */
struct follow {
	const struct options *options;
	struct containers *containers;
	struct hierarchy *hierarchy;
	struct lifecycle *lifecycle;
	struct self_counters *counters;
};

/*
 * Takes all news, and does what they ask for: WATCH_NONE. What is left asks for a pass, over the groups
 * that are marked as changed (WATCH_SOME), or all (WATCH_LOST): news that are not from the kernel's ring,
 * or not enough to go by, or the OOM killer.
 */
enum watch_news follow_news(const struct follow *follow, struct news *news);
