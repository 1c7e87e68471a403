/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/containers.h"

#include <errno.h>
#include <time.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/collect.h"
#include "collector/filter.h"
#include "collector/identity.h"
#include "collector/memory.h"
#include "collector/options.h"

struct containers {
	const struct options *options;
	struct runtime_context context;
	struct filter *id, *name, *kind;
	struct filter *labels; /* NULL: none is exported */
	bool waiting;	       /* the last pass had no time for all look-ups */
	uint64_t wait_ms;      /* when another may know more; 0: nothing is waited for */
};

/*
 * Time for look-ups in one pass, 50 us each: a scrape of a host full of new containers shall not wait for
 * them. On a slow one the first scrape has the names all the same.
 */
static const uint64_t look_ups_ns = UINT64_C(100) * 1000 * 1000;
enum { LOOK_UPS_MIN = 500, PUT_OFF_MS = 10 };

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
	c->context.labels = c->labels;
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

/* Children stand behind their parents in the list, but tell them their names: so this runs first. */
void containers_identify(struct containers *containers, struct hierarchy *hierarchy,
			 struct self_counters *counters)
{
	const struct options *options = containers->options;
	uint64_t now = clock_monotonic_ns();
	struct look_ups look_ups = {
		.options = options,
		.context = &containers->context,
		.counters = counters,
		.now_ns = now,
		.until_ns = now + look_ups_ns,
		.at_least = LOOK_UPS_MIN,
		.waiting = containers->waiting,
	};

	for_each_group(group, hierarchy) {
		if (!group->identity)
			group->identity = identity_new(options, group, counters);
		if (!group->parent || !group_is_last(group->parent))
			identity_update(&look_ups, group);
		group->inside = is_inside(group);
		find_delegate(group);
		group->is_delegate = group->parent && group->parent->delegate == group;
		if (group->identity->fresh)
			filter_anew(containers, group->identity);
	}
	containers->waiting = look_ups.put_off > 0;
	containers->wait_ms = containers->waiting ? PUT_OFF_MS : look_ups.again_ms;
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
