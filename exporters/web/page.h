/* SPDX-License-Identifier: Apache-2.0 */
/* The page for people at "/": readable without script. For routes.c and within exporters/web. */
#pragma once

#include "exporters/api/call.h"

/* Which workloads the table shows, and in which order. */
struct page_view {
	enum page_sort { SORT_MEMORY, SORT_CPU, SORT_PIDS } sort;
	bool all; /* with the groups of groups: host, slices, pods */
};

void page_handle(const struct service *service, const struct http_request *request,
		 struct http_reply *reply);

/* Parts of the page, appended to the reply's body. table.c, overview.c */

/* Why figures are missing on a host whose controllers are on cgroup v1; nothing on others. */
void page_warning(const struct api_call *call);
void page_overview(const struct api_call *call);
void page_table(const struct api_call *call, const struct page_view *view);
void page_sources(const struct api_call *call);
