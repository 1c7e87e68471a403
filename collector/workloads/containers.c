/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/containers.h"

#include <errno.h>
#include <time.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/collect.h"
#include "collector/workloads/filter.h"
#include "collector/workloads/identity.h"
#include "collector/workloads/kvm.h"
#include "collector/workloads/members.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/procfs/procfs.h"

struct containers {
	const struct options *options;
	struct runtime_context context;
	struct filter *id, *name, *kind;
	struct filter *labels, *environment; /* NULL: none is exported */
	struct members members;
	bool waiting;	  /* the last pass had no time for all look-ups */
	uint64_t wait_ms; /* when another may know more; 0: nothing is waited for */
};

/*
 * Time for look-ups in one pass, 50 us each: a scrape of a host full of new containers shall not wait for
 * them. On a slow one the first scrape has the names all the same.
 */
static const uint64_t look_ups_ns = UINT64_C(100) * 1000 * 1000;
enum { LOOK_UPS_MIN = 500, PUT_OFF_MS = 10, MACHINE_LOOKS_MAX = 64 };
static const uint64_t second_ns = UINT64_C(1000) * 1000 * 1000;

int containers_new(const struct options *options, struct containers **ret_containers,
		   char **ret_error)
{
	struct containers *c = xcalloc(1, sizeof(*c));
	int err;

	c->options = options;
	c->context = runtime_context_open(options);
	err = filter_new(&options->cgroups_include_id, &options->cgroups_exclude_id, &c->id,
			 ret_error);
	if (!err)
		err = filter_new(&options->cgroups_include_name, &options->cgroups_exclude_name,
				 &c->name, ret_error);
	if (!err)
		err = filter_new(&options->cgroups_include_kind, &options->cgroups_exclude_kind,
				 &c->kind, ret_error);
	if (!err && options->containers_labels.n)
		err = filter_new(&options->containers_labels, &(const struct string_list){ 0 },
				 &c->labels, ret_error);
	if (!err && options->containers_environment.n)
		err = filter_new(&options->containers_environment, &(const struct string_list){ 0 },
				 &c->environment, ret_error);
	c->context.labels = c->labels;
	c->context.environment = c->environment;
	if (err) {
		containers_free(c);
		return err;
	}
	*ret_containers = c;
	return 0;
}

void containers_free(struct containers *containers)
{
	if (!containers)
		return;
	runtime_context_close(&containers->context);
	filter_free(containers->id);
	filter_free(containers->name);
	filter_free(containers->kind);
	filter_free(containers->labels);
	filter_free(containers->environment);
	members_free(&containers->members);
	free(containers);
}

const struct runtime_context *containers_context(const struct containers *containers)
{
	return &containers->context;
}

static void fill(struct snapshot *snapshot, struct group *group)
{
	const struct identity *identity = group->identity;
	struct workload *w = &snapshot->workloads[snapshot->n_workloads];
	const struct group *above = group->parent;

	while (above && !above->entry)
		above = above->parent;
	*w = (struct workload){
		.id = group->id,
		.index = snapshot->n_workloads,
		.parent = above ? above->entry->index : snapshot->n_workloads,
		.path = arena_strdup(&snapshot->arena, identity->path),
		.name = arena_strdup(&snapshot->arena, identity->name),
		.image = arena_strdup(&snapshot->arena, identity->image),
		.namespace = arena_strdup(&snapshot->arena, identity->namespace),
		.pod = arena_strdup(&snapshot->arena, identity->pod),
		.container = arena_strdup(&snapshot->arena, identity->container),
		.runtime = identity->runtime,
		.container_id = arena_strdup(&snapshot->arena, identity->container_id),
		.kind = identity->kind,
		.inside = group->inside,
	};
	group->entry = w;
	snapshot->n_workloads++;
}

/* Containers, machines and VMs own what is below them; a pod's children are containers of their own. */
bool group_is_last(const struct group *group)
{
	enum workload_kind kind = group->identity->kind;

	return group->inside || kind == KIND_CONTAINER || kind == KIND_MACHINE || kind == KIND_VM;
}

/*
 * crun under systemd puts a container's processes, and its limits, into a group "container" within
 * the scope that systemd made: throttling and limits are told by that one alone.
 */
static void find_delegate(struct group *group)
{
	struct group *child = group->first_child;
	bool only = child && !child->next_sibling && streq(child->name, "container");

	group->delegate = NULL;
	if (only && group->identity->kind == KIND_CONTAINER)
		group->delegate = child;
}

/* A pause container is a part of its pod, as a container's own cgroups are a part of it. */
static bool is_inside(const struct group *group)
{
	return group->parent &&
	       (group_is_last(group->parent) || identity_is_sandbox(group->identity));
}

static void filter_anew(const struct containers *containers, struct identity *identity)
{
	identity->excluded = !filter_admits(containers->id, identity->path) ||
			     !filter_admits(containers->name, identity->name) ||
			     !filter_admits(containers->kind, workload_kind_name(identity->kind));
	identity->fresh = false;
}

static void identify(struct look_ups *look_ups, struct group *group)
{
	if (!group->identity)
		group->identity = identity_new(look_ups->options, group, look_ups->counters);
	if (!group->parent || !group_is_last(group->parent))
		identity_update(look_ups, group);
	group->inside = is_inside(group);
	find_delegate(group);
	group->is_delegate = group->parent && group->parent->delegate == group;
}

void containers_begin(struct containers *containers, struct self_counters *counters,
		      struct look_ups *ret_look_ups)
{
	uint64_t now = clock_monotonic_ns();

	runtime_context_retry(&containers->context);
	*ret_look_ups = (struct look_ups){
		.options = containers->options,
		.context = &containers->context,
		.counters = counters,
		.now_ns = now,
		.until_ns = now + look_ups_ns,
		.at_least = LOOK_UPS_MIN,
		.waiting = containers->waiting,
	};
}

void containers_look_at(const struct containers *containers, struct look_ups *look_ups,
			struct group *group)
{
	identify(look_ups, group);
	if (group->identity->fresh)
		filter_anew(containers, group->identity);
}

/*
 * Whether a group that nobody knows holds a virtual machine is asked when it is first seen, or a little
 * later if it was made just then, and once more: a machine is made some time after its process.
 */
static bool may_be_machine(const struct look_ups *look_ups, const struct group *group)
{
	static const unsigned after_s[] = { 0, 5, 60 };
	struct identity *identity = group->identity;
	enum workload_kind kind = identity->kind;

	if (identity->machine_looks == ARRAY_SIZE(after_s) || identity->known || group->inside ||
	    group->first_child ||
	    (kind != KIND_SERVICE && kind != KIND_SCOPE && kind != KIND_OTHER))
		return false;
	if (!identity->machine_since_ns) {
		identity->machine_since_ns = look_ups->now_ns;
		identity->machine_looks = group->made_ns ? 1 : 0;
	}
	return look_ups->now_ns - identity->machine_since_ns >=
	       after_s[identity->machine_looks] * second_ns;
}

/* What nothing on disk tells of. */
static void find_machines(struct containers *containers, struct hierarchy *hierarchy,
			  const struct look_ups *look_ups)
{
	cleanup_close int procfs = -1;
	const char *reason;
	unsigned asked = 0;

	for_each_group(group, hierarchy) {
		if (!may_be_machine(look_ups, group))
			continue;
		if (asked++ == MACHINE_LOOKS_MAX ||
		    (procfs < 0 && procfs_open(containers->options, &procfs, &reason) < 0))
			return; /* the others in the next pass */
		group->identity->machine_looks++;
		if (!kvm_is_machine(procfs, hierarchy, group, &containers->members))
			continue;
		identity_become_machine(look_ups, group);
		filter_anew(containers, group->identity);
	}
}

static uint64_t wait_for(const struct look_ups *look_ups)
{
	return look_ups->put_off ? PUT_OFF_MS : look_ups->again_ms;
}

void containers_end(struct containers *containers, const struct look_ups *look_ups)
{
	uint64_t wait_ms = wait_for(look_ups);

	containers->waiting |= look_ups->put_off > 0;
	if (wait_ms && (!containers->wait_ms || wait_ms < containers->wait_ms))
		containers->wait_ms = wait_ms;
}

/* Children stand behind their parents in the list, but tell them their names: so this runs first. */
void containers_identify(struct containers *containers, struct hierarchy *hierarchy,
			 struct self_counters *counters)
{
	struct look_ups look_ups;

	containers_begin(containers, counters, &look_ups);
	for_each_group(group, hierarchy)
		containers_look_at(containers, &look_ups, group);
	find_machines(containers, hierarchy, &look_ups);
	containers->waiting = look_ups.put_off > 0;
	containers->wait_ms = wait_for(&look_ups);
}

uint64_t containers_wait_ms(const struct containers *containers)
{
	return containers->wait_ms;
}

void containers_discover(struct containers *containers, struct hierarchy *hierarchy,
			 struct snapshot *snapshot, struct self_counters *counters)
{
	const struct options *options = containers->options;
	uint64_t sampled = 0;

	containers_identify(containers, hierarchy, counters);
	snapshot->workloads =
		arena_alloc(&snapshot->arena, hierarchy->n_groups * sizeof(*snapshot->workloads));
	for_each_group(group, hierarchy) {
		group->entry = group->workload = NULL;
		if (group->identity->excluded)
			continue;
		bool wanted = !group->inside || options->cgroups_inside_containers;
		if (wanted && sampled == options->cgroups_max) {
			counters->workloads_dropped++;
			continue;
		}
		fill(snapshot, group);
		if (wanted) {
			group->workload = group->entry;
			sampled++;
		}
	}
}
