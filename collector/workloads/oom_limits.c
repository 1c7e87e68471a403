/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/oom_limits.h"

#include <stdlib.h>
#include <uthash.h>

#include "collector/memory.h"

static const uint64_t same_kill_ns = UINT64_C(100) * 1000 * 1000;

struct limit {
	uint64_t id, ooms;
	uint64_t risen_ns; /* when it was last found to have risen */
	UT_hash_handle hh;
};

struct oom_limits {
	struct limit *by_id;
};

struct oom_limits *oom_limits_new(void)
{
	return xcalloc(1, sizeof(struct oom_limits));
}

void oom_limits_forget(struct oom_limits *limits, uint64_t id)
{
	struct limit *limit;

	HASH_FIND(hh, limits->by_id, &id, sizeof(id), limit);
	if (!limit)
		return;
	HASH_DEL(limits->by_id, limit);
	free(limit);
}

void oom_limits_free(struct oom_limits *limits)
{
	if (!limits)
		return;
	while (limits->by_id)
		oom_limits_forget(limits, limits->by_id->id);
	free(limits);
}

static struct limit *get(struct oom_limits *limits, uint64_t id)
{
	struct limit *limit;

	HASH_FIND(hh, limits->by_id, &id, sizeof(id), limit);
	if (limit)
		return limit;
	limit = xcalloc(1, sizeof(*limit));
	limit->id = id;
	HASH_ADD(hh, limits->by_id, id, sizeof(limit->id), limit);
	return limit;
}

void oom_limits_note(struct oom_limits *limits, uint64_t id, uint64_t ooms)
{
	if (ooms)
		get(limits, id)->ooms = ooms;
}

enum limit_scope oom_limits_judge(struct oom_limits *limits, const struct wire_victim *victim,
				  uint64_t *ret_id)
{
	uint64_t now_ns = victim->event.time_ns, recent = 0, risen = 0;
	unsigned n = 0;

	if (!victim->levels[0].id)
		return LIMIT_UNKNOWN; /* the memory controller is not on v2, or the victim is not known */
	for (int i = 0; i < WIRE_LEVELS && victim->levels[i].id; i++) {
		if (!victim->levels[i].ooms)
			continue;
		struct limit *limit = get(limits, victim->levels[i].id);

		if (victim->levels[i].ooms > limit->ooms) {
			limit->ooms = victim->levels[i].ooms;
			limit->risen_ns = now_ns;
			risen = limit->id;
			n++;
		} else if (limit->risen_ns && now_ns - limit->risen_ns < same_kill_ns && !recent) {
			recent = limit->id;
		}
	}
	if (n > 1)
		return LIMIT_UNKNOWN;
	if (!n && !recent)
		return LIMIT_MACHINE;
	*ret_id = n ? risen : recent;
	return LIMIT_CGROUP;
}
