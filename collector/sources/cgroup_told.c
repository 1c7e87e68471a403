/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User and system time and totals of pressure never fall, whichever reader told them last: of what a record told
 * the kernel knows nothing. Its division of the run time goes up and down; and what CPUs stalled weighs less when
 * it is folded later, with CPUs busy that were not (bpf/stalls.h).
 */
#include "bpf/wire_records.h"
#include "collector/cgroups.h"
#include "collector/fast_path.h"
#include "collector/sources/cgroup_engine.h"

void rows_begin_reading(struct rows *rows, const struct group *group, bool from_record)
{
	struct rows_reading *reading = &rows->reading;

	if (reading->group != group)
		reading->told_known = false;
	reading->group = group;
	reading->from_record = from_record;
}

/* Only a record makes it necessary to remember. */
static struct told *find_told(struct rows *rows)
{
	struct rows_reading *reading = &rows->reading;

	if (reading->told_known && (reading->told || !reading->from_record))
		return reading->told;
	reading->told = fast_path_told(rows->collection->fast_path, reading->group->id,
				       reading->from_record);
	reading->told_known = true;
	return reading->told;
}

/* Its place in what was told; NULL for a counter that never falls by itself, and for all else. */
static uint64_t *place_of(struct told *told, const struct record_number *number)
{
	const size_t stall = number->offset - offsetof(struct wire_record, stalls_ns);

	switch (number->unit) {
	case RECORD_USER_TIME:
		return &told->user_us;
	case RECORD_SYSTEM_TIME:
		return &told->system_us;
	case RECORD_STALL:
		return &told->stalls_us[stall / sizeof(uint64_t)];
	default:
		return NULL;
	}
}

void rows_keep_told(struct rows *rows, const struct record_number *number, uint64_t *value)
{
	struct told *told;

	if (number->unit != RECORD_USER_TIME && number->unit != RECORD_SYSTEM_TIME &&
	    number->unit != RECORD_STALL)
		return;
	told = find_told(rows);
	if (!told)
		return;
	uint64_t *own = place_of(told, number);

	if (*value < *own)
		*value = *own;
	*own = *value;
}
