/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs when 10,000 cgroups die at once, each of which has had counters of all probes: the time
 * on the CPU for giving back their places, at the look that finds them gone long enough. A process that
 * moves through all of them makes some system calls and yields its CPU in each.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/support/figure.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/collect.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/probes/probes.h"
#include "collector/probes/slots.h"
#include "collector/workloads/containers.h"

enum { GROUPS = 10000, GONE_S = 11 };

static char *group_path(const struct hierarchy *hierarchy, int i)
{
	if (i < 0)
		return xasprintf("%s/tallyman-bench-%d", hierarchy->root_path, (int)getpid());
	return xasprintf("%s/tallyman-bench-%d/%d", hierarchy->root_path, (int)getpid(), i);
}

static void remove_groups(const struct hierarchy *hierarchy)
{
	for (int i = GROUPS - 1; i >= -1; i--) {
		cleanup_free char *path = group_path(hierarchy, i);

		(void)rmdir(path);
	}
}

static int make_groups(const struct hierarchy *hierarchy)
{
	for (int i = -1; i < GROUPS; i++) {
		cleanup_free char *path = group_path(hierarchy, i);

		if (mkdir(path, 0755) < 0)
			return -errno;
	}
	return 0;
}

/* In a process of its own, which ends in the root. */
static void visit_groups(char *const procs[])
{
	for (int i = 0; procs[i]; i++) {
		int fd = open(procs[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, "0", 1) != 1)
			_exit(EXIT_FAILURE);
		close(fd);
		sched_yield();
	}
	_exit(EXIT_SUCCESS);
}

static int use_groups(const struct hierarchy *hierarchy)
{
	char **procs = xcalloc(GROUPS + 2, sizeof(*procs));
	int status = 0;

	for (int i = 0; i < GROUPS; i++) {
		cleanup_free char *path = group_path(hierarchy, i);

		procs[i] = xasprintf("%s/cgroup.procs", path);
	}
	procs[GROUPS] = xasprintf("%s/cgroup.procs", hierarchy->root_path);
	pid_t pid = fork();
	if (pid == 0)
		visit_groups(procs);
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	for (int i = 0; i <= GROUPS; i++)
		free(procs[i]);
	free(procs);
	return pid < 0 || status ? -EIO : 0;
}

struct looking {
	struct hierarchy *hierarchy;
	struct containers *containers;
	struct self_counters counters;
	struct probes *probes;
};

static int look(struct looking *looking)
{
	int err = hierarchy_walk(looking->hierarchy);

	if (err == 0)
		containers_identify(looking->containers, looking->hierarchy, &looking->counters);
	return err;
}

static double update_ms(const struct looking *looking)
{
	uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	probes_update(looking->probes, looking->hierarchy);
	return (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / 1e6;
}

static int measure(struct looking *looking)
{
	double alive, gone, retired;
	uint32_t used;
	int err = use_groups(looking->hierarchy);

	if (err == 0)
		err = look(looking);
	if (err < 0)
		return err;
	alive = update_ms(looking);
	used = slots_used(probes_slots(looking->probes));
	remove_groups(looking->hierarchy);
	err = look(looking);
	if (err < 0)
		return err;
	gone = update_ms(looking);
	sleep(GONE_S);
	retired = update_ms(looking);
	(void)update_ms(looking);
	printf("%u places in use, %u after; a look takes %.1f ms with all alive, %.1f when they "
	       "have gone\n",
	       used, slots_used(probes_slots(looking->probes)), alive, gone);
	figure_print(
		&(struct figure){ .name = "retire/10000_ms",
				  .value = retired,
				  .unit = "ms",
				  .runs = 1,
				  .method = "CPU time to give back the places of 10,000 cgroups" });
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct looking looking = { .probes = probes_new() };
	cleanup_free char *error = NULL;
	int err;

	if (options_parse(&options, argc, argv) != OPTIONS_RUN)
		return EXIT_FAILURE;
	err = hierarchy_open(&options, &looking.hierarchy);
	if (err == 0)
		err = containers_new(&options, &looking.containers, &error);
	if (err == 0)
		err = make_groups(looking.hierarchy);
	if (err == 0)
		err = look(&looking);
	if (err == 0) {
		probes_apply(looking.probes, &options, looking.hierarchy);
		err = measure(&looking);
	}
	if (looking.hierarchy)
		remove_groups(looking.hierarchy);
	if (err < 0)
		printf("cannot measure: %s\n", strerror(-err));
	probes_free(looking.probes);
	containers_free(looking.containers);
	hierarchy_close(looking.hierarchy);
	options_free(&options);
	return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
