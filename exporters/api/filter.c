/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/cleanup.h"
#include "exporters/api/list.h"

enum filter { KIND, NAME, NAMESPACE, POD, CONTAINER, IMAGE, RUNTIME, PARENT, N_FILTERS };

static const char *const names[N_FILTERS] = { LIST_FILTERS };

static enum filter filter_number(const char *name)
{
	enum filter filter = 0;

	while (filter < N_FILTERS && !streq(name, names[filter]))
		filter++;
	return filter;
}

static bool is_child(const struct workload *workload, const struct snapshot *snapshot,
		     const char *parent)
{
	uint64_t id;

	return parse_number(parent, &id) && workload->parent != workload->index &&
	       snapshot->workloads[workload->parent].id == id;
}

static bool value_matches(enum filter filter, const char *value, const struct workload *workload,
			  const struct snapshot *snapshot)
{
	const char *const texts[N_FILTERS] = {
		[KIND] = workload_kind_name(workload->kind),
		[NAME] = workload->name,
		[NAMESPACE] = workload->namespace,
		[POD] = workload->pod,
		[CONTAINER] = workload->container,
		[IMAGE] = workload->image,
		[RUNTIME] = workload->runtime,
	};

	if (filter == PARENT)
		return is_child(workload, snapshot, value);
	return streq(texts[filter], value);
}

bool filter_passes(const struct http_request *request, const char *name, const char *value)
{
	bool asked = false;

	for (size_t i = 0; i < request->n_parameters; i++) {
		if (!streq(request->parameters[i].name, name))
			continue;
		asked = true;
		if (streq(request->parameters[i].value, value))
			return true;
	}
	return !asked;
}

bool filter_matches(const struct http_request *request, const struct workload *workload,
		    const struct snapshot *snapshot)
{
	unsigned asked = 0, passed = 0;

	for (size_t i = 0; i < request->n_parameters; i++) {
		const struct http_parameter *parameter = &request->parameters[i];
		enum filter filter = filter_number(parameter->name);

		if (filter == N_FILTERS)
			continue;
		asked |= 1U << filter;
		if (value_matches(filter, parameter->value, workload, snapshot))
			passed |= 1U << filter;
	}
	return asked == passed;
}

static bool is_kind(const char *name)
{
	for (enum workload_kind kind = 0; kind < N_WORKLOAD_KINDS; kind++)
		if (streq(name, workload_kind_name(kind)))
			return true;
	return false;
}

bool filter_check(struct api_call *call)
{
	const struct http_request *request = call->request;
	uint64_t number;

	for (size_t i = 0; i < request->n_parameters; i++) {
		const char *value = request->parameters[i].value;
		enum filter filter = filter_number(request->parameters[i].name);

		if (filter == KIND && !is_kind(value)) {
			http_reply_problem(call->reply, request, 400,
					   "parameter 'kind': there is no kind '%.64s'", value);
			return false;
		}
		if (filter == PARENT && !parse_number(value, &number)) {
			http_reply_problem(
				call->reply, request, 400,
				"parameter 'parent' must be a cgroup id: decimal digits");
			return false;
		}
	}
	return true;
}
