/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This daemon as a target of Prometheus' HTTP service discovery: an array of {targets, labels}, as the
 * configuration reference of Prometheus describes it under http_sd_config.
 */
#include "collector/options/options.h"
#include "collector/version.h"
#include "exporters/api/call.h"
#include "exporters/api/routes.h"

void api_targets(const struct service *service, const struct http_request *request,
		 struct http_reply *reply)
{
	static const char *const known[] = { NULL };
	const struct options *options = service->options;
	cleanup_call struct api_call call = { 0 };
	const char *self = request->host; /* as the client reached us */

	if (!api_begin(&call, service, request, reply, known))
		return;
	if (!(self && *self) && options->web_listen_address.n)
		self = options->web_listen_address.items[0];
	json_t *targets = json_array();
	if (self)
		json_array_append_new(targets, json_text(self));
	api_reply_json(&call, json_pack("[{s:o, s:{s:o, s:s}}]", "targets", targets, "labels",
					"__metrics_path__", json_text(options->web_telemetry_path),
					"__meta_tallyman_version", tallyman_version.version));
}
