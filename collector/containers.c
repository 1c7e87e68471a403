/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/containers.h"

#include <errno.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/collect.h"
#include "collector/filter.h"
#include "collector/leaf.h"
#include "collector/memory.h"
#include "collector/options.h"
#include "collector/utf8.h"

struct containers {
	const struct options *options;
	struct filter *id, *name, *kind;
};

int containers_new(const struct options *options, struct containers **ret_containers,
		   char **ret_error)
{
	struct containers *c = xcalloc(1, sizeof(*c));
	int err;

	c->options = options;
	err = filter_new(&options->cgroups_include_id, &options->cgroups_exclude_id, &c->id,
			 ret_error);
	if (!err)
		err = filter_new(&options->cgroups_include_name, &options->cgroups_exclude_name,
				 &c->name, ret_error);
	if (!err)
		err = filter_new(&options->cgroups_include_kind, &options->cgroups_exclude_kind,
				 &c->kind, ret_error);
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
	filter_free(containers->id);
	filter_free(containers->name);
	filter_free(containers->kind);
	free(containers);
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	free(identity->path);
	free(identity->container_id);
	free(identity->name);
	free(identity->image);
	free(identity->namespace);
	free(identity->pod);
	free(identity->container);
	free(identity);
}

static char *clean_label(const struct containers *containers, const char *bytes, size_t length,
			 struct self_counters *counters)
{
	bool shortened;
	char *clean = utf8_clean(bytes, length, containers->options->labels_max_length, &shortened);

	counters->labels_shortened += shortened;
	return clean;
}

/* Whether a runtime's own files say more about this kind than its path does. */
static bool has_name(enum workload_kind kind)
{
	return kind == KIND_CONTAINER || kind == KIND_MACHINE || kind == KIND_VM;
}

static struct identity *identify(const struct containers *containers, const struct group *group,
				 struct self_counters *counters)
{
	struct identity *identity = xcalloc(1, sizeof(*identity));
	const char *parent_path = group->parent ? group->parent->path : "";
	struct leaf leaf = leaf_recognise(group->name, parent_path);
	cleanup_free char *id = leaf_unescape(leaf.id, leaf.id_length);

	identity->kind = leaf.kind;
	identity->runtime = leaf.runtime;
	identity->path = clean_label(containers, group->path, strlen(group->path), counters);
	identity->container_id = clean_label(containers, id, strlen(id), counters);
	/* Until the runtime's files tell more, a container is called by its id, as cAdvisor does. */
	identity->name = xstrdup(has_name(leaf.kind) ? identity->container_id : "");
	identity->image = xstrdup("");
	identity->namespace = xstrdup("");
	identity->pod = xstrdup("");
	identity->container = xstrdup("");
	identity->excluded = !filter_admits(containers->id, identity->path) ||
			     !filter_admits(containers->name, identity->name) ||
			     !filter_admits(containers->kind, workload_kind_name(leaf.kind));
	return identity;
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
static bool is_last(const struct group *group)
{
	return group->inside || has_name(group->identity->kind);
}

void containers_discover(struct containers *containers, struct hierarchy *hierarchy,
			 struct snapshot *snapshot, struct self_counters *counters)
{
	const struct options *options = containers->options;
	uint64_t sampled = 0;

	snapshot->workloads =
		arena_alloc(&snapshot->arena, hierarchy->n_groups * sizeof(*snapshot->workloads));
	for_each_group(group, hierarchy) {
		if (!group->identity)
			group->identity = identify(containers, group, counters);
		group->inside = group->parent && is_last(group->parent);
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
