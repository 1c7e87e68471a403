/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the API, one file each, for the table in routes.c. */
#pragma once

#include "exporters/http.h"

#define API_HANDLER(name)                                                                          \
	void name(const struct service *service, const struct http_request *request,               \
		  struct http_reply *reply)

API_HANDLER(api_workloads); /* /api/v1/workloads */
API_HANDLER(api_item);	    /* /api/v1/workloads/{id} and /api/v1/workloads/{id}/processes: "*" */
API_HANDLER(api_cgroups);   /* /api/v1/cgroups */
API_HANDLER(api_top);	    /* /api/v1/top */
API_HANDLER(api_limits);    /* /api/v1/limits */
API_HANDLER(api_events);    /* /api/v1/events */
API_HANDLER(api_map);	    /* /api/v1/map */
API_HANDLER(api_requests);  /* /api/v1/requests */
API_HANDLER(api_machine);   /* /api/v1/machine */
API_HANDLER(api_sources);   /* /api/v1/sources */
API_HANDLER(api_build);	    /* /api/v1/build */
API_HANDLER(api_openapi);   /* /api/v1/openapi.json */
API_HANDLER(api_targets);   /* /sd/ */
API_HANDLER(api_unknown);   /* whatever else is below /api/: 404 */
