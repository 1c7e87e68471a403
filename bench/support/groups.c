/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/support/groups.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/procfs/mounts.h"
#include "collector/options/options.h"

enum { TRIES = 1000, PAUSE_NS = 1000 * 1000 };

static void pause_ns(long ns)
{
	nanosleep(&(struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 },
		  NULL);
}

static void wake(int signal)
{
	(void)signal;
}

/* libcgroup 2.0.2 says yes and makes nothing when cgroup2 has no controller: trust only the directory. */
static bool make_by_libcgroup(const char *path, const char *name)
{
	struct cgroup *group = cgroup_init() == 0 ? cgroup_new_cgroup(name) : NULL;

	if (!group)
		return false;
	int failed = cgroup_create_cgroup(group, 0);
	cgroup_free(&group);
	return !failed && access(path, F_OK) == 0;
}

struct groups *groups_new(void)
{
	struct groups *groups = xcalloc(1, sizeof(*groups));
	cleanup_free char *name = xasprintf("tallyman-bench-%d", (int)getpid());
	char nowhere[] = "", proc[] = "/proc";
	struct options options = { .path_cgroupfs = nowhere, .path_procfs = proc };
	struct mounts mounts = { 0 };

	if (mounts_find(&options, &mounts) != 0)
		errx(1, "no cgroup2 is mounted");
	groups->path = xasprintf("%s/%s", mounts.cgroup2, name);
	mounts_free(&mounts);
	groups->by_libcgroup = make_by_libcgroup(groups->path, name);
	if (!groups->by_libcgroup && mkdir(groups->path, 0755) < 0)
		err(1, "cannot make %s", groups->path);
	signal(SIGUSR1, wake);
	return groups;
}

/* A child of this process that is born in the group, and sleeps unless it is told to wake. */
static pid_t spawn_in(int group_fd)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)group_fd,
	};
	pid_t parent = getpid();
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		err(1, "cannot start a process in a cgroup");
	if (pid > 0)
		return (pid_t)pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	for (;;)
		pause();
}

static void fill(struct groups *groups, size_t i)
{
	uint64_t n = groups->made++;
	uint64_t mixed = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);

	groups->names[i] = xasprintf("docker-%016lx%016lx%016lx%016lx.scope", mixed,
				     mixed ^ (mixed >> 29), ~mixed, n);
	cleanup_free char *path = xasprintf("%s/%s", groups->path, groups->names[i]);
	cleanup_free char *name =
		xasprintf("%s/%s", strrchr(groups->path, '/') + 1, groups->names[i]);
	bool made = groups->by_libcgroup && make_by_libcgroup(path, name);
	if (!made && mkdir(path, 0755) < 0)
		err(1, "cannot make %s", path);
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err(1, "cannot open %s", path);
	groups->pids[i] = spawn_in(fd);
}

void groups_grow(struct groups *groups, size_t n)
{
	if (n <= groups->n)
		return;
	groups->names = xreallocarray(groups->names, n, sizeof(*groups->names));
	groups->pids = xreallocarray(groups->pids, n, sizeof(*groups->pids));
	for (; groups->n < n; groups->n++)
		fill(groups, groups->n);
}

static void empty(struct groups *groups, size_t i)
{
	cleanup_free char *path = xasprintf("%s/%s", groups->path, groups->names[i]);

	kill(groups->pids[i], SIGKILL);
	waitpid(groups->pids[i], NULL, 0);
	for (int tries = 0; rmdir(path) < 0; tries++) {
		if (errno != EBUSY || tries == TRIES)
			err(1, "cannot remove %s", path);
		pause_ns(PAUSE_NS); /* the dead process has not left it yet */
	}
	free(groups->names[i]);
}

void groups_replace(struct groups *groups, size_t i)
{
	empty(groups, i);
	fill(groups, i);
}

void groups_dirty(const struct groups *groups)
{
	for (size_t i = 0; i < groups->n; i++)
		kill(groups->pids[i], SIGUSR1);
	pause_ns(20L * PAUSE_NS + (long)groups->n * 20000);
}

void groups_free(struct groups *groups)
{
	for (size_t i = 0; i < groups->n; i++)
		empty(groups, i);
	if (rmdir(groups->path) < 0)
		warn("cannot remove %s", groups->path);
	free(groups->names);
	free(groups->pids);
	free(groups->path);
	free(groups);
}
