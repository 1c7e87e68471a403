/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/recent.h"

#include <time.h>

#include "collector/clock.h"

static const uint64_t longest_ns = UINT64_C(10) * 1000 * 1000 * 1000;

const struct snapshot *recent_find(const struct recent *recent, uint64_t sources,
				   enum detail detail, uint64_t max_age_ms)
{
	uint64_t now = clock_monotonic_ns();

	for (size_t i = 0; i < RECENT_MAX; i++) {
		const struct snapshot *s = recent->snapshots[i];

		if (s && s->sources_read == sources && s->complete && s->detail <= detail &&
		    now - s->monotonic_ns <= max_age_ms * 1000000)
			return s;
	}
	return NULL;
}

void recent_make_room(struct recent *recent, uint64_t sources, struct arena *spare)
{
	uint64_t now = clock_monotonic_ns();

	for (size_t i = 0; i < RECENT_MAX; i++) {
		const struct snapshot *s = recent->snapshots[i];

		if (s && (s->sources_read == sources || now - s->monotonic_ns > longest_ns)) {
			snapshot_recycle(s, spare);
			recent->snapshots[i] = NULL;
		}
	}
}

void recent_keep(struct recent *recent, const struct snapshot *snapshot)
{
	size_t place = 0;

	for (size_t i = 0; i < RECENT_MAX; i++) {
		const struct snapshot *s = recent->snapshots[i];

		if (!s) {
			place = i;
			break;
		}
		if (s->generation < recent->snapshots[place]->generation)
			place = i;
	}
	snapshot_unref(recent->snapshots[place]);
	recent->snapshots[place] = snapshot_ref(snapshot);
}

void recent_clear(struct recent *recent)
{
	for (size_t i = 0; i < RECENT_MAX; i++) {
		snapshot_unref(recent->snapshots[i]);
		recent->snapshots[i] = NULL;
	}
}
