/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the one table of routes is made of: the handlers of this directory, and looking one up.
 */
#pragma once

#include "exporters/http.h"

/*
 * The route of a decoded path, or NULL; *ret_tail is what stands where its pattern has the '*'. The
 * metrics are at --web.telemetry-path.
 */
const struct route *route_find(const struct options *options, const char *path,
			       const char **ret_tail);

/* /metrics: the newest snapshot in the format that the client asks for. metrics.c */
void metrics_handle(const struct service *service, const struct http_request *request,
		    struct http_reply *reply);
/* /-/healthy and /-/ready. health.c */
void healthy_handle(const struct service *service, const struct http_request *request,
		    struct http_reply *reply);
void ready_handle(const struct service *service, const struct http_request *request,
		  struct http_reply *reply);
