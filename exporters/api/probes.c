/* SPDX-License-Identifier: Apache-2.0 */
/* What a source has in the kernel, as its rows of tallyman_probe_* say. */
#include "collector/cleanup.h"
#include "exporters/api/json.h"
#include "exporters/api/probes.h"

/* Whether the sample is of this probe and, unless that is NULL, of the program. */
static bool is_of(const struct sample *sample, const char *probe, const char *program)
{
	return streq(sample->labels[0], probe) && (!program || streq(sample->labels[1], program));
}

static const struct sample *find(const struct family *family, const char *probe,
				 const char *program)
{
	if (family)
		for_each_sample(sample, family)
			if (is_of(sample, probe, program))
				return sample;
	return NULL;
}

static json_t *value(const struct snapshot *snapshot, const char *name, const char *probe,
		     const char *program)
{
	const struct family *family = snapshot_family(snapshot, name);
	const struct sample *sample = find(family, probe, program);

	if (!sample)
		return json_null();
	if (family->metric->value == VALUE_REAL)
		return json_number(sample_value(family->metric, sample));
	return json_count(sample->integer);
}

/* {reason: number}, of what there is. */
static json_t *by_reason(const struct snapshot *snapshot, const char *name, const char *probe)
{
	const struct family *family = snapshot_family(snapshot, name);
	json_t *found = json_object();

	if (family)
		for_each_sample(sample, family)
			if (is_of(sample, probe, NULL))
				json_object_set_new(found, sample->labels[1],
						    json_count(sample->integer));
	return found;
}

static json_t *describe_program(const struct snapshot *snapshot, const struct sample *info)
{
	const char *probe = info->labels[0], *program = info->labels[1];
	const struct sample *cost =
		find(snapshot_family(snapshot, "tallyman_probe_run_cost_seconds"), probe, program);

	return json_pack("{s:s, s:s, s:o, s:o, s:b}", "name", program, "hook", info->labels[2],
			 "runs", value(snapshot, "tallyman_probe_runs_total", probe, program),
			 "run_cost_seconds",
			 value(snapshot, "tallyman_probe_run_cost_seconds", probe, program),
			 "measured", cost && streq(cost->labels[2], "true"));
}

static json_t *describe_programs(const struct snapshot *snapshot, const char *probe)
{
	const struct family *family = snapshot_family(snapshot, "tallyman_probe_program_info");
	json_t *programs = json_array();

	if (family)
		for_each_sample(info, family)
			if (is_of(info, probe, NULL))
				json_array_append_new(programs, describe_program(snapshot, info));
	return programs;
}

json_t *describe_probe(const struct snapshot *snapshot, const char *probe)
{
	const struct sample *mode =
		find(snapshot_family(snapshot, "tallyman_probe_mode"), probe, NULL);

	if (!mode)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "mode", mode->labels[1], "programs",
			 describe_programs(snapshot, probe), "run_seconds",
			 value(snapshot, "tallyman_probe_run_seconds_total", probe, NULL),
			 "cost_ratio", value(snapshot, "tallyman_probe_cost_ratio", probe, NULL),
			 "map_bytes", value(snapshot, "tallyman_probe_map_bytes", probe, NULL),
			 "lost", by_reason(snapshot, "tallyman_probe_lost_total", probe),
			 "unattributed",
			 by_reason(snapshot, "tallyman_probe_unattributed_total", probe));
}
