/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/describe.h"

#include <string.h>

#include "collector/cleanup.h"

json_t *describe_identity(const struct workload *workload)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
			 json_id(workload->id), "kind", workload_kind_name(workload->kind), "title",
			 json_text(workload_title(workload)), "path", json_text(workload->path),
			 "name", json_text(workload->name), "image", json_text(workload->image),
			 "namespace", json_text(workload->namespace), "pod",
			 json_text(workload->pod), "container", json_text(workload->container),
			 "runtime", json_text(workload->runtime), "container_id",
			 json_text(workload->container_id));
}

static json_t *parent_id(const struct values *values, const struct workload *workload)
{
	if (workload->parent == workload->index)
		return json_null();
	return json_id(values->snapshot->workloads[workload->parent].id);
}

static void add_fields(json_t *document, const struct values *values,
		       const struct workload *workload, unsigned documents)
{
	for (enum field_id id = 0; id < N_FIELDS; id++) {
		const struct field *field = &fields[id];

		if (!(field->documents & documents))
			continue;
		json_t *group = json_object_get(document, field->group);
		if (!group) {
			group = json_object();
			json_object_set_new(document, field->group, group);
		}
		json_object_set_new(group, field->name,
				    json_quantity(values_get(values, workload, id)));
	}
}

json_t *describe_workload(const struct values *values, const struct workload *workload)
{
	json_t *document = describe_identity(workload);
	double started = quantity_real(values_get(values, workload, FIELD_START_TIME), 0);

	json_object_set_new(document, "parent", parent_id(values, workload));
	json_object_set_new(document, "started", json_time((int64_t)(started * 1000)));
	add_fields(document, values, workload, IN_WORKLOADS);
	return document;
}

json_t *describe_limits(const struct values *values, const struct workload *workload)
{
	json_t *document = describe_identity(workload);

	add_fields(document, values, workload, IN_LIMITS);
	return document;
}

json_t *describe_group(const struct values *values, const struct workload *workload)
{
	const struct workload *all = values->snapshot->workloads;
	const struct workload *owner = workload, *up = workload;
	const char *last = strrchr(workload->path, '/');
	uint64_t depth = 0;

	while (owner->inside && owner->parent != owner->index)
		owner = &all[owner->parent];
	for (; up->parent != up->index; up = &all[up->parent])
		depth++;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:o}", "id", json_id(workload->id),
			 "parent", parent_id(values, workload), "path", json_text(workload->path),
			 "directory", json_text(last ? last + 1 : workload->path), "depth",
			 json_count(depth), "kind", workload_kind_name(workload->kind), "inside",
			 workload->inside, "workload", json_id(owner->id));
}
