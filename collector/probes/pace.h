/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the collector looks at all that a program knows, which whoever makes sockets may make a million: a
 * look that took more than 50 ms of CPU is good for the next ones, too, for twenty times as long.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint64_t cpu_ns; /* of this thread, when the look began */
	uint64_t next_ns;
};

/* False: the last look is still good. */
bool pace_begin(struct pace *pace);
void pace_end(struct pace *pace);
