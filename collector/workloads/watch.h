/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells at once in which folder cgroups come or go, and when a process was OOM-killed: inotify on the
 * folders of slices and pods, and on memory.events of the groups right below the root, which the kernel
 * notifies for all below them. A container that lives for less than a scrape interval is so seen by name. Owned
 * by collect.c; what it tells is a hint, a walk finds the rest.
 */
#pragma once

#include <stdbool.h>

struct hierarchy;
struct watch;

enum { WATCHED_GROUPS_MAX = 4096 };

enum watch_news {
	WATCH_NONE, /* no group came or went */
	WATCH_SOME, /* in the groups that are marked */
	WATCH_LOST, /* nobody knows where: all are to be listed */
};

/* 0 or -errno. */
int watch_new(struct watch **ret_watch);
void watch_free(struct watch *watch);
/* Becomes readable when something has happened. */
int watch_fd(const struct watch *watch);
/* Takes all that has been told, and sets `changed` of the groups in which others came or went. */
enum watch_news watch_drain(struct watch *watch, const struct hierarchy *hierarchy);
/*
 * Watches what a walk has found, and nothing else. More than WATCHED_GROUPS_MAX are left out. Whether
 * some are watched only now: those are `changed`, for something may have come before.
 */
bool watch_update(struct watch *watch, const struct hierarchy *hierarchy);
