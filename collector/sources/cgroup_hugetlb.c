/* SPDX-License-Identifier: Apache-2.0 */
/* Huge pages of hugetlbfs: hugetlb.*, a set of files for each page size that the machine has. */
#include <unistd.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/sources/cgroup.h"

static const struct metric metrics[] = {
	{
		.name = "container_hugetlb_usage_bytes",
		.help = "Huge pages that are reserved or in use. From hugetlb.*.rsvd.current.",
		.unit = "bytes",
		.labels = { "pagesize" },
		.type = METRIC_GAUGE,
		.from = { .file = "hugetlb.*.rsvd.current" },
	},
	{
		.name = "container_hugetlb_failcnt",
		.help = "Allocations of huge pages that failed at the limit. From "
			"hugetlb.*.events, key max.",
		.labels = { "pagesize" },
		.type = METRIC_COUNTER,
		.from = { .file = "hugetlb.*.events", .key = "max" },
	},
	{
		.name = "container_hugetlb_faulted_bytes",
		.help = "Huge pages in use. From hugetlb.*.current.",
		.unit = "bytes",
		.labels = { "pagesize" },
		.type = METRIC_GAUGE,
		.from = { .file = "hugetlb.*.current" },
	},
	{
		.name = "container_hugetlb_limit_bytes",
		.help = "Limit on huge pages in use. Absent when unlimited. From hugetlb.*.max.",
		.unit = "bytes",
		.labels = { "pagesize" },
		.type = METRIC_GAUGE,
		.from = { .file = "hugetlb.*.max" },
	},
	{
		.name = "container_hugetlb_reservation_limit_bytes",
		.help = "Limit on reservations of huge pages. Absent when unlimited. From "
			"hugetlb.*.rsvd.max.",
		.unit = "bytes",
		.labels = { "pagesize" },
		.type = METRIC_GAUGE,
		.from = { .file = "hugetlb.*.rsvd.max" },
	},
	{
		.name = "container_hugetlb_events_local_max_total",
		.help = "Allocations of huge pages that failed at this very cgroup's limit. "
			"From hugetlb.*.events.local, key max.",
		.labels = { "pagesize" },
		.type = METRIC_COUNTER,
		.optional = true,
		.from = { .file = "hugetlb.*.events.local", .key = "max" },
	},
	{
		.name = "container_hugetlb_numa_bytes",
		.help = "Huge pages in use by NUMA node. From hugetlb.*.numa_stat.",
		.unit = "bytes",
		.labels = { "pagesize", "node" },
		.type = METRIC_GAUGE,
		.optional = true,
		.from = { .file = "hugetlb.*.numa_stat", .line = "", .key = "N*" },
	},
};

enum { FILES = 7 };

#define SIZE(label, kib)                                                                           \
	{                                                                                          \
		kib,                                                                               \
			{                                                                          \
				{ "hugetlb.*.rsvd.current", "hugetlb." label ".rsvd.current",      \
				  label },                                                         \
				{ "hugetlb.*.events", "hugetlb." label ".events", label },         \
				{ "hugetlb.*.current", "hugetlb." label ".current", label },       \
				{ "hugetlb.*.max", "hugetlb." label ".max", label },               \
				{ "hugetlb.*.rsvd.max", "hugetlb." label ".rsvd.max", label },     \
				{ "hugetlb.*.events.local", "hugetlb." label ".events.local",      \
				  label },                                                         \
				{ "hugetlb.*.numa_stat", "hugetlb." label ".numa_stat", label },   \
			},                                                                         \
	}

/* Every size that Linux has on some machine; files of the hierarchy have static names. */
static const struct {
	unsigned long kib;
	struct rows_variant variants[FILES];
} sizes[] = {
	SIZE("64KB", 64),     SIZE("1MB", 1024),      SIZE("2MB", 2048),     SIZE("16MB", 16384),
	SIZE("32MB", 32768),  SIZE("256MB", 262144),  SIZE("512MB", 524288), SIZE("1GB", 1048576),
	SIZE("2GB", 2097152), SIZE("16GB", 16777216),
};

/* Documentation/ABI/testing/sysfs-kernel-mm-hugepages. */
static int open_hugetlb(const struct options *options, void **ret_state, const char **ret_reason)
{
	struct rows_variant variants[ARRAY_SIZE(sizes) * FILES];
	struct rows_table table = {
		.metrics = metrics,
		.n_metrics = ARRAY_SIZE(metrics),
		.variants = variants,
	};

	(void)ret_reason;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		cleanup_free char *path = xasprintf("%s/kernel/mm/hugepages/hugepages-%lukB",
						    options->path_sysfs, sizes[i].kib);

		if (access(path, F_OK) != 0)
			continue;
		memcpy(&variants[table.n_variants], sizes[i].variants, sizeof(sizes[i].variants));
		table.n_variants += FILES;
	}
	return rows_open(&table, options, ret_state);
}

const struct source source_hugetlb = {
	.name = "hugetlb",
	.help = "huge pages of hugetlbfs, from hugetlb.*",
	.optional = true,
	.controller = "hugetlb",
	.metrics = metrics,
	.n_metrics = ARRAY_SIZE(metrics),
	.open = open_hugetlb,
	.collect = rows_collect,
	.close = rows_close,
};
