/* SPDX-License-Identifier: Apache-2.0 */
/* runc and crun without a manager above them: their state tells the cgroup, the id and the start. */
#include <errno.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/workloads/identity.h"
#include "collector/memory.h"
#include "collector/runtimes/oci_state.h"

static int bundle_look_up(const struct runtime_context *context, const struct group *group,
			  struct facts *ret)
{
	enum workload_kind kind = group->identity->kind;

	if (kind != KIND_OTHER && kind != KIND_SCOPE)
		return -ENOENT;
	const struct oci_state *state = oci_state_find(context, group);
	if (!state || streq(state->manager, "containerd"))
		return -ENOENT;
	ret->runtime = state->manager;
	ret->kind = KIND_CONTAINER;
	ret->container_id = xstrdup(state->id);
	ret->name = xstrdup(state->id);
	ret->started_ms = state->created_ms;
	return 0;
}

const struct runtime runtime_bundle = {
	.name = "bundle",
	.look_up = bundle_look_up,
};
