/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/support/peer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

enum { TRIES = 300, PAUSE_NS = 100 * 1000 * 1000, SETTLE_S = 2 };

static void pause_ns(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

/* Whether the process has something attached: its descriptors say so. */
static bool is_attached(pid_t pid)
{
	cleanup_free char *path = xasprintf("/proc/%d/fd", (int)pid);
	cleanup_dir DIR *fds = opendir(path);
	const struct dirent *entry;
	unsigned n = 0;

	while (fds && (entry = readdir(fds))) {
		char target[64] = "";

		if (readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1) > 0)
			n += strstr(target, "bpf_link") || strstr(target, "perf_event");
	}
	return n >= 2; /* entry and exit */
}

static void become(const char *const argv[])
{
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		CPU_SET(i, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(1);
	/* Where it is mounted already, this one lies above it. */
	(void)mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	(void)mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	dup2(nowhere, STDIN_FILENO);
	dup2(nowhere, STDOUT_FILENO);
	dup2(nowhere, STDERR_FILENO);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

int peer_start(const char *const argv[], pid_t *ret_pid)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(argv);
	for (int i = 0; i < TRIES; i++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return -ENODATA;
		if (is_attached(pid)) {
			sleep(SETTLE_S);
			*ret_pid = pid;
			return 0;
		}
		pause_ns(PAUSE_NS);
	}
	peer_stop(pid);
	return -ENODATA;
}

void peer_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	sleep(1); /* the kernel frees programs later than descriptors */
}
