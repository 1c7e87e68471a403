/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are part of the program. Static; for exporters/api and exporters/web. */
#pragma once

#include "exporters/http.h"

/* Answers with the asset of the request's path, tagged, or with 404. */
void asset_handle(const struct service *service, const struct http_request *request,
		  struct http_reply *reply);
