/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the API says of each workload, as one table: a row per field, a cell per workload and field.
 * Filled once per request by walking each family once, so that a list costs no look-ups per item.
 * For exporters/api and exporters/web.
 */
#pragma once

#include "collector/snapshot.h"
#include "exporters/api/json.h"

struct history;

enum field_id {
	FIELD_CPU_USAGE,
	FIELD_CPU_RATE,
	FIELD_CPU_OWN_LIMIT,
	FIELD_CPU_LIMIT,
	FIELD_CPU_HEADROOM,
	FIELD_CPU_RATIO,
	FIELD_CPU_THROTTLED,
	FIELD_MEMORY_USAGE,
	FIELD_MEMORY_WORKING_SET,
	FIELD_MEMORY_SWAP,
	FIELD_MEMORY_OWN_LIMIT,
	FIELD_MEMORY_LIMIT,
	FIELD_MEMORY_HEADROOM,
	FIELD_MEMORY_RATIO,
	FIELD_PIDS_CURRENT,
	FIELD_PIDS_OWN_LIMIT,
	FIELD_PIDS_LIMIT,
	FIELD_PIDS_HEADROOM,
	FIELD_PIDS_RATIO,
	FIELD_IO_READ,
	FIELD_IO_WRITTEN,
	FIELD_IO_READ_RATE,
	FIELD_IO_WRITTEN_RATE,
	FIELD_NETWORK_RECEIVED,
	FIELD_NETWORK_SENT,
	FIELD_NETWORK_RECEIVED_RATE,
	FIELD_NETWORK_SENT_RATE,
	FIELD_PRESSURE_CPU,
	FIELD_PRESSURE_MEMORY,
	FIELD_PRESSURE_IO,
	FIELD_START_TIME,
	FIELD_CPU_QUOTA,
	FIELD_CPU_PERIOD,
	N_FIELDS,
};

/* Documents a field is part of. */
enum { IN_WORKLOADS = 1, IN_LIMITS = 2 };

struct field {
	const char *group, *name; /* "memory", "usage_bytes": {"memory": {"usage_bytes": 1}} */
	const char *family;	  /* whose samples are summed per workload; NULL for derived ones */
	const char *label; /* count only samples whose first label has this value; NULL = all */
	unsigned documents;
	bool sentinel; /* with --compat.cadvisor-sentinels, 0 means that there is no limit */
};

extern const struct field fields[N_FIELDS];

struct values {
	const struct snapshot *snapshot; /* borrowed */
	double interval_s;		 /* of the rates; 0 when there are none yet */
	struct quantity *cells;		 /* workload->index * N_FIELDS + field */
};

/*
 * Fills the table from a snapshot and derives rates, headroom and ratios. `history` (NULL: no rates)
 * is asked for an earlier reading and remembers this one. `sentinels` as in the option.
 */
void values_load(struct values *values, const struct snapshot *snapshot, struct history *history,
		 bool sentinels);
void values_free(struct values *values);
struct quantity values_get(const struct values *values, const struct workload *workload,
			   enum field_id field);
