/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two cgroups of our own on the real host, a collector that sees nothing else, and its probes at work.
 */
#pragma once

#include "collector/cgroups.h"
#include "collector/probes/probes.h"
#include "tests/rows_support.h"

struct probe_scene {
	struct scene scene;
	char *directories[2];
	const char *paths[2]; /* their label id */
	char *include[2];
};

/* The calling test is skipped, with the reason, where the source's probe is down. */
SUPPORT void probe_scene_start(struct probe_scene *groups, const char *const names[2],
			       const char *source)
{
	const char *root = own_groups_root(), *reason = NULL;

	for (int i = 0; i < 2; i++) {
		groups->directories[i] = own_group_new(names[i]);
		groups->paths[i] = groups->directories[i] + strlen(root);
		groups->include[i] = xasprintf("%s.*", groups->paths[i]);
	}
	groups->scene.options = options_for_tree("");
	free(groups->scene.options.path_cgroupfs);
	groups->scene.options.path_cgroupfs = xstrdup(root);
	groups->scene.options.cgroups_include_id = (struct string_list){ groups->include, 2 };
	groups->scene.options.probe_max_memory_mib = 64;
	groups->scene.options.probe_histogram_schema = 3;
	groups->scene.options.probe_disturbed_pairs = 5;
	groups->scene.options.connections_edges = 5;
	scene_collect(&groups->scene);
	collector_start_probes(groups->scene.collector);
	scene_collect(&groups->scene);
	for (size_t i = 0; i < groups->scene.snapshot->n_sources; i++)
		if (streq(groups->scene.snapshot->sources[i].name, source))
			reason = groups->scene.snapshot->sources[i].reason;
	if (reason) {
		printf("SKIP: %s\n", reason);
		skip();
	}
}

SUPPORT void probe_scene_end(struct probe_scene *groups)
{
	for (int i = 0; i < 2; i++)
		rmdir(groups->directories[i]);
	scene_end(&groups->scene);
	for (int i = 0; i < 2; i++) {
		free(groups->directories[i]);
		free(groups->include[i]);
	}
}
