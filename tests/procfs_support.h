/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of sources that look at processes: collections of one source, and processes in
 * groups and network namespaces of our own.
 */
#pragma once

#include "tests/support.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "collector/collect.h"
#include "collector/log.h"
#include "collector/source.h"

struct reading {
	struct options options;
	struct self_counters counters;
	struct collector *collector;
};

SUPPORT uint64_t source_bit(const char *name)
{
	for (size_t i = 0; i < n_sources; i++)
		if (streq(sources[i]->name, name))
			return UINT64_C(1) << i;
	fail_msg("no source %s", name);
	return 0;
}

/* One source over a scratch tree; see options_for_tree(). */
SUPPORT void reading_open_tree(struct reading *reading, const char *tree, const char *source)
{
	memset(reading, 0, sizeof(*reading));
	reading->options = options_for_tree(tree);
	reading->options.sources_enabled = source_bit(source);
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
	assert_int_equal(collector_new(&reading->options, &reading->counters, &reading->collector),
			 0);
}

/* One source over this host. */
SUPPORT void reading_open_host(struct reading *reading, const char *source)
{
	memset(reading, 0, sizeof(*reading));
	reading->options = options_for_tree("");
	options_for_tree_free(&reading->options);
	reading->options.path_cgroupfs = xstrdup(own_groups_root());
	reading->options.path_procfs = xstrdup("/proc");
	reading->options.path_sysfs = xstrdup("/sys");
	reading->options.path_rootfs = xstrdup("/");
	reading->options.sources_enabled = source_bit(source);
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
	assert_int_equal(collector_new(&reading->options, &reading->counters, &reading->collector),
			 0);
}

SUPPORT void reading_close(struct reading *reading)
{
	collector_free(reading->collector);
	free(reading->options.metrics_enable.items);
	options_for_tree_free(&reading->options);
}

SUPPORT const struct snapshot *reading_take(struct reading *reading)
{
	struct collect_request request = { .sources = ~UINT64_C(0) };

	return collector_acquire(reading->collector, &request);
}

/* The sample of a workload (by path; NULL for the host's rows) whose first labels are as given. */
SUPPORT const struct sample *find_sample(const struct snapshot *snapshot, const char *metric,
					 const char *path, const char *first, const char *second)
{
	const struct family *family = snapshot_family(snapshot, metric);

	assert_non_null(family);
	for_each_sample(sample, family) {
		if (path && !streq(sample->workload->path, path))
			continue;
		if (first && !streq(sample->labels[0], first))
			continue;
		if (second && !streq(sample->labels[1], second))
			continue;
		return sample;
	}
	return NULL;
}

SUPPORT uint64_t sample_integer(const struct snapshot *snapshot, const char *metric,
				const char *path, const char *first)
{
	const struct sample *sample = find_sample(snapshot, metric, path, first, NULL);

	if (!sample)
		fail_msg("no sample of %s for %s %s", metric, path ? path : "-",
			 first ? first : "");
	return sample ? sample->integer : 0;
}

/* How many samples of a family belong to a workload. */
SUPPORT size_t count_samples(const struct snapshot *snapshot, const char *metric, const char *path)
{
	const struct family *family = snapshot_family(snapshot, metric);
	size_t n = 0;

	assert_non_null(family);
	for_each_sample(sample, family)
		n += !path || streq(sample->workload->path, path);
	return n;
}

SUPPORT void join_group(const char *group)
{
	cleanup_free char *path = xasprintf("%s/cgroup.procs", group);
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		_exit(3);
}

/*
 * A process in a group that does `prepare` there (NULL: nothing) and then waits to be ended. Back
 * when it is prepared.
 */
SUPPORT pid_t process_new(const char *group, int unshare_flags, void (*prepare)(void *), void *data)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		join_group(group);
		if (unshare_flags && unshare(unshare_flags) < 0)
			_exit(4);
		if (prepare)
			prepare(data);
		if (write(ready[1], "", 1) != 1)
			_exit(5);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

SUPPORT void process_end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Removes a group as soon as its last process is really gone from it. */
SUPPORT void group_remove(const char *group)
{
	for (int i = 0; i < 500 && rmdir(group) < 0 && errno == EBUSY; i++)
		usleep(2000);
	assert_int_equal(access(group, F_OK), -1);
}

/* Output of a shell command; freed by the caller. */
__attribute__((format(printf, 1, 2))) SUPPORT char *shell_output(const char *format, ...)
{
	cleanup_free char *command = NULL;
	char *text = xcalloc(1, 1 << 20);
	va_list args;

	va_start(args, format);
	assert_true(vasprintf(&command, format, args) >= 0);
	va_end(args);
	FILE *f = popen(command, "re");
	assert_non_null(f);
	size_t n = fread(text, 1, (1 << 20) - 1, f);
	text[n] = '\0';
	assert_int_equal(pclose(f), 0);
	return text;
}

/* Makes TREE/proc/<pid> with a stat file and, unless netns is 0, a link to a network namespace. */
SUPPORT void tree_process(const char *tree, int pid, unsigned start, unsigned netns)
{
	cleanup_free char *dir = xasprintf("proc/%d/ns", pid);
	cleanup_free char *stat_name = xasprintf("proc/%d/stat", pid);
	cleanup_free char *link_path = xasprintf("%s/%s/net", tree, dir);
	cleanup_free char *link_text = xasprintf("net:[%u]", netns);
	cleanup_free char *stat_text = xasprintf(
		"%d (some) one) S 1 1 1 0 -1 4194560 0 0 0 0 10 20 0 0 20 0 3 0 %u 1000000 50 "
		"18446744073709551615 0 0 0 0 0\n",
		pid, start);

	tree_mkdir(tree, dir);
	tree_write(tree, stat_name, stat_text);
	unlink(link_path);
	if (netns)
		assert_int_equal(symlink(link_text, link_path), 0);
}

/* And its net/dev with one interface that received so many bytes. */
SUPPORT void tree_net_dev(const char *tree, int pid, const char *interface, unsigned bytes)
{
	cleanup_free char *name = xasprintf("proc/%d/net/dev", pid);
	cleanup_free char *text = xasprintf("head\nhead\n    lo: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n"
					    "%6s: %u 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n",
					    interface, bytes);

	tree_write(tree, name, text);
}
