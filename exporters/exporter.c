/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/exporter.h"

#include "collector/cleanup.h"

/* In order of preference where a client has none. A new format is one file and one line here. */
const struct renderer *const renderers[] = {
	&renderer_text,
	&renderer_openmetrics,
	&renderer_protobuf,
};
const size_t n_renderers = ARRAY_SIZE(renderers);

void renderer_render(const struct renderer *renderer, const struct snapshot *snapshot,
		     const struct name_filter *filter, struct buffer *out)
{
	void *rendering = renderer->begin(snapshot, filter);

	while (renderer->step(rendering, out))
		;
	renderer->end(rendering);
}
