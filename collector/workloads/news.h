/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who tells between scrapes that something has happened: the programs of bpf/lifetime.bpf.c by their
 * ring; without them inotify (watch.h). One descriptor for both. Owned by collect.c, outlives
 * configurations.
 */
#pragma once

#include <stdbool.h>

#include "collector/probes/ring.h"
#include "collector/workloads/watch.h"

struct hierarchy;
struct news;

struct news *news_new(void);
/* Accepts NULL. Before the ring goes. */
void news_free(struct news *news);
/* Readable when there are news; the same at all times. -errno: there is none. */
int news_fd(const struct news *news);
/* Listens to the ring, or to inotify when `ring` is NULL. */
void news_listen(struct news *news, struct ring *ring);
/*
 * Takes all that has been told, and calls `visit` for what the ring told: whether cgroups may have
 * changed. Those in which others came or went are marked as `changed`.
 */
enum watch_news news_take(struct news *news, const struct hierarchy *hierarchy, ring_visit *visit,
			  void *context);
/* Whether it is the ring that is listened to. */
bool news_has_ring(const struct news *news);
/* After a walk: watches what it has found, where that is needed. Whether it is to be looked at again. */
bool news_update(struct news *news, const struct hierarchy *hierarchy);
