/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/opened.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/memory.h"

enum { RETRY_LONGEST_S = 60 };

bool is_passing(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EAGAIN ||
	       err == -EBUSY || err == -ENOBUFS;
}

int opened_try(struct opened *opened, const struct source *source, const struct options *options)
{
	const char *reason = NULL;
	int err = source->open(options, &opened->state, &reason);

	opened->open = !err;
	opened->reason = NULL;
	opened->retry_ns = 0;
	if (!err || err == -ECANCELED)
		return err;
	opened->reason = reason ? reason : strerror(-err);
	if (!is_passing(err))
		return err;
	unsigned pause_s = opened->tries < 6 ? 1U << opened->tries : RETRY_LONGEST_S;
	opened->tries++;
	opened->retry_ns = clock_monotonic_ns() + pause_s * UINT64_C(1000000000);
	if (reason) { /* what no reason of a source's own tells */
		free(opened->failure);
		opened->reason = opened->failure = xasprintf("%s: %s", reason, strerror(-err));
	}
	return err;
}

const char *opened_describe(struct opened *opened, const struct collection *collection, int err)
{
	if (!err)
		return NULL;
	if (err == -ETIME)
		return "the scrape's deadline passed";
	if (collection->reason)
		return collection->reason;
	if (!collection->place)
		return strerror(-err);
	free(opened->failure);
	opened->failure =
		xasprintf("%s: %s", collection->place,
			  err == -EBADMSG ? "not what the kernel writes there" : strerror(-err));
	return opened->failure;
}

const char *opened_keep(struct snapshot *snapshot, const char *reason)
{
	return reason ? arena_strdup(&snapshot->arena, reason) : NULL;
}

const char *opened_missing(const struct source *source, const struct collection *collection)
{
	const char *controller = source->controller;
	size_t length = controller ? strlen(controller) : 0;

	for (const char *on_v1 = collection->hierarchy->v1_controllers; length && *on_v1;) {
		size_t n = strcspn(on_v1, ",");

		if (n == length && memcmp(on_v1, controller, n) == 0) {
			cleanup_free char *reason =
				xasprintf("controller %s is on cgroup v1", controller);
			return opened_keep(collection->snapshot, reason);
		}
		on_v1 += n + (on_v1[n] == ',');
	}
	return NULL;
}
