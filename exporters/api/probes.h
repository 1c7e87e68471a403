/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel probes have attached, cost and lost, for the API. */
#pragma once

#include <jansson.h>

#include "collector/snapshot.h"

/* Of one source; null when it is no probe, or has nothing in the kernel. A new reference. */
json_t *describe_probe(const struct snapshot *snapshot, const char *probe);
