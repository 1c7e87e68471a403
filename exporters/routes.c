/* SPDX-License-Identifier: Apache-2.0 */
/* All routes. A new one is a row here; a path of a pattern stands behind those that are exact. */
#include "exporters/routes.h"

#include "collector/cleanup.h"
#include "collector/options/options.h"
#include "exporters/api/routes.h"
#include "exporters/assets.h"
#include "exporters/web/page.h"

const struct route routes[] = {
	{ .path = "/metrics", .handle = metrics_handle, .title = "Metrics" },
	{ .path = "/-/healthy", .handle = healthy_handle, .open = true, .title = "Health" },
	{ .path = "/-/ready", .handle = ready_handle, .title = "Readiness" },
	{ .path = "/", .handle = page_handle },
	{ .path = "/static/*", .handle = asset_handle },
	{ .path = "/api/", .handle = asset_handle, .title = "API guide" },
	{ .path = "/api/v1/openapi.json", .handle = api_openapi, .title = "OpenAPI" },
	{ .path = "/api/v1/workloads", .handle = api_workloads, .title = "Workloads" },
	{ .path = "/api/v1/workloads/*", .handle = api_item },
	{ .path = "/api/v1/cgroups", .handle = api_cgroups, .title = "Cgroups" },
	{ .path = "/api/v1/top", .handle = api_top, .title = "Top" },
	{ .path = "/api/v1/limits", .handle = api_limits, .title = "Limits" },
	{ .path = "/api/v1/events", .handle = api_events, .title = "Events" },
	{ .path = "/api/v1/map", .handle = api_map, .title = "Map" },
	{ .path = "/api/v1/requests", .handle = api_requests, .title = "Requests" },
	{ .path = "/api/v1/machine", .handle = api_machine, .title = "Machine" },
	{ .path = "/api/v1/sources", .handle = api_sources, .title = "Sources" },
	{ .path = "/api/v1/build", .handle = api_build, .title = "Build" },
	{ .path = "/api/*", .handle = api_unknown },
	{ .path = "/sd/", .handle = api_targets },
};

const size_t n_routes = ARRAY_SIZE(routes);

static bool route_matches(const char *pattern, const char *path, const char **ret_tail)
{
	size_t length = strlen(pattern);

	if (length == 0 || pattern[length - 1] != '*') {
		*ret_tail = "";
		return streq(pattern, path);
	}
	*ret_tail = path + length - 1;
	return strncmp(pattern, path, length - 1) == 0;
}

const struct route *route_find(const struct options *options, const char *path,
			       const char **ret_tail)
{
	for (size_t i = 0; i < n_routes; i++) {
		const char *pattern = routes[i].path, *tail;

		if (routes[i].handle == metrics_handle)
			pattern = options->web_telemetry_path;
		if (route_matches(pattern, path, &tail)) {
			*ret_tail = tail;
			return &routes[i];
		}
	}
	return NULL;
}
