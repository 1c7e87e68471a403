/* SPDX-License-Identifier: Apache-2.0 */
/* Every source, in the order in which its families come out. A new one is two lines here. */
#include "collector/clock.h"
#include "collector/source.h"

#include <errno.h>
#include <time.h>

#include "collector/cleanup.h"

extern const struct source source_container;
extern const struct source source_info;
extern const struct source source_cpu;
extern const struct source source_memory;
extern const struct source source_memory_stat;
extern const struct source source_io;
extern const struct source source_pids;
extern const struct source source_pressure;
extern const struct source source_cpuset;
extern const struct source source_hugetlb;
extern const struct source source_misc;
extern const struct source source_rdma;
extern const struct source source_cgroup;
extern const struct source source_process;
extern const struct source source_network;
extern const struct source source_tcp;
extern const struct source source_udp;
extern const struct source source_filesystem;
extern const struct source source_runqueue;
extern const struct source source_blkio;
extern const struct source source_memory_stalls;
extern const struct source source_lifetime;
extern const struct source source_syscalls;
extern const struct source source_connections;
extern const struct source source_requests;
extern const struct source source_machine;
extern const struct source source_probes;
extern const struct source source_self;
extern const struct source source_exporter;

const struct source *const sources[] = {
	&source_container,
	&source_info,
	&source_cpu,
	&source_memory,
	&source_memory_stat,
	&source_io,
	&source_pids,
	&source_pressure,
	&source_cpuset,
	&source_hugetlb,
	&source_misc,
	&source_rdma,
	&source_cgroup,
	&source_process,
	&source_network,
	&source_tcp,
	&source_udp,
	&source_filesystem,
	&source_runqueue,
	&source_blkio,
	&source_memory_stalls,
	&source_syscalls,
	&source_connections,
	&source_requests,
	&source_lifecycle,
	&source_lifetime,
	&source_machine,

	/* These tell of the others and come last. */
	&source_probes,
	&source_self,
	&source_exporter,
};

const size_t n_sources = ARRAY_SIZE(sources);

bool collection_expired(const struct collection *collection)
{
	return collection->deadline_ns && clock_monotonic_ns() > collection->deadline_ns;
}

bool is_absent(int err)
{
	return err == -ENOENT || err == -ENODEV || err == -EOPNOTSUPP;
}
