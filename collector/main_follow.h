/* SPDX-License-Identifier: Apache-2.0 */
/* Follows what happens to cgroups between scrapes, in the event loop. For main.c only. */
#pragma once

#include <systemd/sd-event.h>

struct collector;
struct follower;

/*
 * Looks at once, so that counters count from here, and whenever something is told. `collector` is
 * where the owner keeps the one that is to be followed: it may be replaced there. 0 or -errno.
 */
int follower_new(sd_event *event, struct collector *const *collector,
		 struct follower **ret_follower);
/* Accepts NULL; before the collector goes. */
void follower_free(struct follower *follower);
