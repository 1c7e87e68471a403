/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/pace.h"

#include "collector/clock.h"

enum { RESTS = 20 };

/* About 60,000 sockets. */
static const uint64_t long_ns = UINT64_C(50) * 1000 * 1000;

bool pace_begin(struct pace *pace)
{
	if (clock_monotonic_ns() < pace->next_ns)
		return false;
	pace->cpu_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	return true;
}

void pace_end(struct pace *pace)
{
	uint64_t took_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - pace->cpu_ns;

	pace->next_ns = took_ns > long_ns ? clock_monotonic_ns() + RESTS * took_ns : 0;
}
