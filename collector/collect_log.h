/* SPDX-License-Identifier: Apache-2.0 */
/* What collect.c says in the log, on a change of state. For collect.c alone. */
#pragma once

#include <stdbool.h>

#include "collector/probes/probes.h"

struct hierarchy;
struct source;

enum logged_reader { READER_UNKNOWN, READER_FILES, READER_RECORDS };

/* A source went down, for a reason; or came up again: NULL. */
void collect_log_source(const struct source *source, const char *reason);
void collect_log_hierarchy(const struct hierarchy *hierarchy);
/* The budget made a probe do less, or more again: see probes_oversee(). Context: struct options. */
void collect_log_step(void *context, unsigned probe, enum probe_mode from, enum probe_mode to,
		      double share);
/* How cgroups are read, when it is not what was said last. `reason`: why by files; `left`: why some are. */
void collect_log_reader(enum logged_reader *reader, const char *reason, const char *left,
			bool wrong);
