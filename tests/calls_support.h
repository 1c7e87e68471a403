/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup of our own on the real host, a collector that sees it with the probes at work, and processes
 * that run in it: for the tests of system calls.
 */
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/probes/syscalls_shown.h"
#include "tests/rows_support.h"

SUPPORT const char calls_total[] = "container_syscalls_total";
SUPPORT const char errors_total[] = "container_syscall_errors_total";
SUPPORT const char latency[] = "container_syscall_latency_seconds";

struct place {
	struct scene scene;
	char *directory; /* of the group */
	char *path;	 /* its label id */
	char *include[1];
};

/* `names`: how many system calls are told by name. */
SUPPORT struct place *place_new_naming(const char *name, unsigned names)
{
	const char *root = own_groups_root();
	struct place *place = xcalloc(1, sizeof(*place));

	place->directory = own_group_new(name);
	place->path = xstrdup(place->directory + strlen(root));
	place->include[0] = xasprintf("%s(/.*)?", place->path);
	place->scene.options = options_for_tree("");
	free(place->scene.options.path_cgroupfs);
	place->scene.options.path_cgroupfs = xstrdup(root);
	place->scene.options.cgroups_include_id = (struct string_list){ place->include, 1 };
	place->scene.options.probe_max_memory_mib = 64;
	place->scene.options.probe_histogram_schema = 3;
	place->scene.options.probe_syscall_names = names;
	scene_collect(&place->scene);
	collector_start_probes(place->scene.collector);
	return place;
}

SUPPORT struct place *place_new(const char *name)
{
	return place_new_naming(name, SHOWN_MAX);
}

SUPPORT void place_free(struct place *place)
{
	rmdir(place->directory);
	scene_end(&place->scene);
	free(place->directory);
	free(place->path);
	free(place->include[0]);
	free(place);
}

/* Runs `body` as a process of the group; returns its wait status. exit_group() is not counted. */
SUPPORT int run_in(const char *directory, void (*body)(void))
{
	cleanup_free char *procs = xasprintf("%s/cgroup.procs", directory);
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(procs, O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, "0", 1) != 1)
			_exit(99);
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

SUPPORT void collect_with(struct place *place, void (*body)(void))
{
	assert_int_equal(run_in(place->directory, body), 0);
	scene_collect(&place->scene);
}

SUPPORT uint64_t value_of(const struct place *place, const char *name, const char *labels)
{
	const struct sample *sample = scene_sample(&place->scene, name, place->path, labels);

	return sample ? sample->integer : 0;
}

/* Of one (system call, class): NULL when it has none. */
SUPPORT const struct histogram *histogram_of(const struct place *place, const char *labels)
{
	const struct sample *sample = scene_sample(&place->scene, latency, place->path, labels);

	return sample ? sample->histogram : NULL;
}

SUPPORT void expect_count(const struct place *place, const char *labels, uint64_t count)
{
	const struct histogram *histogram = histogram_of(place, labels);

	assert_int_equal(histogram ? histogram_count(histogram) : 0, count);
}
