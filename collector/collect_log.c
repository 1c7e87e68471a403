/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/collect_log.h"

#include <inttypes.h>
#include <stdio.h>

#include "collector/cgroups.h"
#include "collector/log.h"
#include "collector/options/options.h"
#include "collector/source.h"

void collect_log_source(const struct source *source, const char *reason)
{
	if (reason)
		log_warn("source is down, continuing", "source", source->name, "reason", reason);
	else
		log_info("source is up again", "source", source->name);
}

/* The one line that tells the user of a hybrid host why there are no memory metrics. */
void collect_log_hierarchy(const struct hierarchy *hierarchy)
{
	log_info("reading cgroup v2", "path", hierarchy->root_path);
	if (*hierarchy->v1_controllers)
		log_warn("some controllers are on cgroup v1 and give no metrics; boot with "
			 "systemd.unified_cgroup_hierarchy=1 to have them on v2",
			 "controllers", hierarchy->v1_controllers);
}

void collect_log_step(void *context, unsigned probe, enum probe_mode from, enum probe_mode to,
		      double share)
{
	const struct options *options = context;
	char percent[32], budget[32];

	snprintf(percent, sizeof(percent), "%.2f", share * 100);
	snprintf(budget, sizeof(budget), "%" PRIu64, options->probe_budget_percent);
	if (to > from)
		log_warn("the probes cost more than their budget, doing less", "probe",
			 sources[probe]->name, "from", probe_mode_name(from), "to",
			 probe_mode_name(to), "percent", percent, "budget", budget);
	else
		log_info("the probes cost less, doing more again", "probe", sources[probe]->name,
			 "from", probe_mode_name(from), "to", probe_mode_name(to), "percent",
			 percent, "budget", budget);
}

void collect_log_reader(enum logged_reader *reader, const char *reason, const char *left,
			bool wrong)
{
	enum logged_reader now = reason ? READER_FILES : READER_RECORDS;

	if (now == *reader)
		return;
	*reader = now;
	if (!reason && left)
		log_info("reading cgroups by records", "but", left);
	else if (!reason)
		log_info("reading cgroups by records");
	else if (wrong) /* a fault of ours; that a kernel cannot do it is none */
		log_warn("a record of a cgroup was wrong, reading cgroups by their files", "reason",
			 reason);
	else
		log_info("reading cgroups by their files", "reason", reason);
}
