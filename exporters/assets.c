/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/assets.h"

#include "collector/cleanup.h"
#include "exporters/api/call.h"

/* The assembler reads the file, relative to the root of the repository. */
#define ASSET(name, file)                                                                          \
	__asm__(".pushsection .rodata\n" #name "_data:\n.incbin \"" file "\"\n" #name              \
		"_end:\n.byte 0\n.popsection\n");                                                  \
	extern const char name##_data[] __attribute__((visibility("hidden")));                     \
	extern const char name##_end[] __attribute__((visibility("hidden")))

ASSET(asset_openapi, "exporters/api/openapi.json");
ASSET(asset_style, "exporters/web/style.css");
ASSET(asset_script, "exporters/web/page.js");
ASSET(asset_icon, "exporters/web/icon.svg");
ASSET(asset_guide, "exporters/web/api.html");

/* By the path of its route. */
static const struct asset {
	const char *path, *type, *data, *end;
} assets[] = {
	{ "/api/v1/openapi.json", "application/json", asset_openapi_data, asset_openapi_end },
	{ "/static/style.css", "text/css; charset=utf-8", asset_style_data, asset_style_end },
	{ "/static/page.js", "text/javascript; charset=utf-8", asset_script_data,
	  asset_script_end },
	{ "/static/icon.svg", "image/svg+xml", asset_icon_data, asset_icon_end },
	{ "/api/", "text/html; charset=utf-8", asset_guide_data, asset_guide_end },
};

static const struct asset *asset_find(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(assets); i++)
		if (streq(path, assets[i].path))
			return &assets[i];
	return NULL;
}

void asset_handle(const struct service *service, const struct http_request *request,
		  struct http_reply *reply)
{
	const struct asset *asset = asset_find(request->path);

	(void)service;
	if (!asset) {
		http_reply_problem(reply, request, 404, "there is no such file");
		return;
	}
	buffer_append(&reply->body, asset->data, (size_t)(asset->end - asset->data));
	api_reply_tagged(request, reply, asset->type);
}
