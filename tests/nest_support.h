/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroups of our own within each other on the real host, with processes in the innermost, and a collector that reads
 * them by records: for the tests of these.
 */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "collector/cgroups.h"
#include "tests/rows_support.h"

enum { TEXT_MAX = 4096, LEVELS = 3, BURNERS = 2 };

/* Groups within each other; in the last one processes that compute and make system calls. */
struct nest {
	struct scene scene;
	char *directories[LEVELS], *paths[LEVELS];
	char *include[1];
	pid_t pids[BURNERS];
};

/* Those that read files of groups, and what tells of the reader. */
SUPPORT uint64_t sources_of_files(void)
{
	static const char *const names[] = { "cpu",    "pressure", "cgroup",
					     "memory", "self",	   "process" };
	uint64_t mask = 0;

	for (size_t i = 0; i < n_sources; i++)
		for (size_t n = 0; n < ARRAY_SIZE(names); n++)
			if (streq(sources[i]->name, names[n]))
				mask |= UINT64_C(1) << i;
	return mask;
}

SUPPORT void set_options(struct nest *nest)
{
	nest->scene.options = options_for_tree("");
	free(nest->scene.options.path_cgroupfs);
	nest->scene.options.path_cgroupfs = xstrdup(own_groups_root());
	nest->scene.options.cgroups_include_id = (struct string_list){ nest->include, 1 };
	nest->scene.options.sources_enabled = sources_of_files();
	nest->scene.options.cgroups_inside_containers = true;
}

SUPPORT struct nest *nest_new(const char *name)
{
	struct nest *nest = xcalloc(1, sizeof(*nest));

	for (int i = 0; i < LEVELS; i++) {
		nest->directories[i] =
			i == 0 ? own_group_new(name) : xasprintf("%s/in", nest->directories[i - 1]);
		if (i > 0)
			assert_int_equal(mkdir(nest->directories[i], 0755), 0);
		nest->paths[i] = xstrdup(nest->directories[i] + strlen(own_groups_root()));
	}
	nest->include[0] = xasprintf("%s(/.*)?", nest->paths[0]);
	set_options(nest);
	return nest;
}

SUPPORT void write_to(const char *directory, const char *name, const char *text)
{
	cleanup_free char *path = xasprintf("%s/%s", directory, name);
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

SUPPORT void burn(struct nest *nest, int from)
{
	for (int i = from; i < BURNERS; i++) {
		nest->pids[i] = fork();
		assert_true(nest->pids[i] >= 0);
		if (nest->pids[i] > 0)
			continue;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
		write_to(nest->directories[LEVELS - 1], "cgroup.procs", "0");
		for (unsigned n = 0;; n++) {
			if (n % 1000 == 0)
				(void)access("/proc/self/stat", R_OK);
			if (i == 0 && n % 1000 == 0)
				sched_yield();
		}
	}
}

SUPPORT void nest_free(struct nest *nest)
{
	for (int i = 0; i < BURNERS; i++)
		if (nest->pids[i] > 0) {
			kill(nest->pids[i], SIGKILL);
			waitpid(nest->pids[i], NULL, 0);
		}
	scene_end(&nest->scene);
	for (int i = LEVELS - 1; i >= 0; i--) {
		for (int n = 0; rmdir(nest->directories[i]) < 0 && n < 1000; n++)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		free(nest->directories[i]);
		free(nest->paths[i]);
	}
	free(nest->include[0]);
	free(nest);
}

SUPPORT void read_text(const char *directory, const char *name, char text[TEXT_MAX])
{
	cleanup_free char *path = xasprintf("%s/%s", directory, name);
	cleanup_file FILE *file = fopen(path, "re");

	assert_non_null(file);
	text[fread(text, 1, TEXT_MAX - 1, file)] = '\0';
}

/* The number behind `key` in the line that begins with `line` ("": any). */
SUPPORT uint64_t number_of(const char *directory, const char *name, const char *line,
			   const char *key)
{
	char text[TEXT_MAX];
	const char *at;
	uint64_t value = 0;

	read_text(directory, name, text);
	at = strstr(text, line);
	at = at ? strstr(at, key) : NULL;
	if (!at || sscanf(at + strlen(key), "%" SCNu64, &value) != 1)
		fail_msg("no %s %s in %s: %s", line, key, name, text);
	return value;
}

SUPPORT bool by_records(const struct scene *scene)
{
	const struct family *family = snapshot_family(scene->snapshot, "tallyman_cgroup_reader");

	for_each_sample(sample, family)
		if (streq(sample->labels[0], "records"))
			return sample->integer;
	return false;
}

SUPPORT uint64_t self(const struct scene *scene, const char *name)
{
	return snapshot_family(scene->snapshot, name)->first->samples[0].integer;
}

/* Opens it, and reads each file once: from then on there are records. */
SUPPORT void begin(struct nest *nest)
{
	scene_collect(&nest->scene);
	collector_start_probes(nest->scene.collector);
	scene_collect(&nest->scene);
	scene_collect(&nest->scene);
	if (!by_records(&nest->scene)) {
		nest_free(nest);
		printf("SKIP: this kernel has no iterator of cgroups, or we may not use it\n");
		skip();
	}
}

/* How many groups have a record that stands for their CPU time. */
SUPPORT unsigned with_records(const struct nest *nest)
{
	unsigned n = 0;

	for_each_group(group, collector_hierarchy(nest->scene.collector))
		n += group->workload && group->record;
	return n;
}
