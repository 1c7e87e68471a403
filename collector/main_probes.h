/* SPDX-License-Identifier: Apache-2.0 */
/* Calls the one who watches what the probes cost, in the event loop. For main.c only. */
#pragma once

#include <systemd/sd-event.h>

struct collector;
struct overseer;

/* `collector` is where the owner keeps it: it may be replaced there. 0 or -errno. */
int overseer_new(sd_event *event, struct collector *const *collector,
		 struct overseer **ret_overseer);
/* After probes were opened or closed. */
void overseer_wake(struct overseer *overseer);
/* Accepts NULL; before the collector goes. */
void overseer_free(struct overseer *overseer);
