/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long starts and stops took, as histograms by kind, image and stage. Owned by lifecycle.c; outlives
 * the containers that were started and stopped.
 */
#pragma once

#include "collector/snapshot.h"

struct stages;

/* From the cgroup's making; the last two from the stop signal. */
enum stage { STAGE_EXEC, STAGE_LISTEN, STAGE_EXIT, STAGE_REMOVED, N_STAGES };

/* Images beyond this many (with a kind each) are counted together as "other". */
enum { STAGE_IMAGES_MAX = 100 };

struct stages *stages_new(void);
void stages_free(struct stages *stages);
void stages_add(struct stages *stages, enum workload_kind kind, const char *image, enum stage stage,
		uint64_t ns);
/* Calls back for each that has values; the histogram is in seconds, in the snapshot's arena. */
typedef void stage_visit(void *context, enum workload_kind kind, const char *image,
			 enum stage stage, const struct histogram *histogram);
void stages_read(const struct stages *stages, struct snapshot *snapshot, stage_visit *visit,
		 void *context);
