/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/proc_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

/* Field numbers of proc_pid_stat(5). */
enum {
	STATE = 3,
	PPID = 4,
	UTIME = 14,
	STIME = 15,
	THREADS = 20,
	STARTTIME = 22,
	VSIZE = 23,
	RSS = 24
};

int proc_stat_parse(const char *text, struct proc_stat *ret)
{
	uint64_t fields[RSS + 1] = { 0 };
	const char *open = strchr(text, '('), *close = strrchr(text, ')'); /* comm may hold both */
	struct proc_stat stat = { 0 };

	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return -EINVAL;
	size_t length = (size_t)(close - open - 1);
	if (length >= sizeof(stat.comm))
		length = sizeof(stat.comm) - 1;
	memcpy(stat.comm, open + 1, length);
	stat.state = close[2];
	const char *s = close + 3;
	for (int field = STATE + 1; field <= RSS; field++) {
		char *end;

		fields[field] = strtoull(s, &end, 10); /* some are negative: none that we keep */
		if (end == s)
			return -EINVAL;
		s = end;
	}
	stat.ppid = (int32_t)fields[PPID];
	stat.utime = fields[UTIME];
	stat.stime = fields[STIME];
	stat.threads = fields[THREADS];
	stat.starttime = fields[STARTTIME];
	stat.vsize = fields[VSIZE];
	stat.rss_pages = fields[RSS];
	*ret = stat;
	return 0;
}

int proc_stat_read_at(int dirfd, const char *path, struct proc_stat *ret)
{
	cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[1024];

	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return proc_stat_parse(text, ret);
}

int proc_stat_read(const char *procfs, const char *pid, struct proc_stat *ret)
{
	cleanup_free char *path = xasprintf("%s/%s/stat", procfs, pid);

	return proc_stat_read_at(AT_FDCWD, path, ret);
}

int64_t proc_boot_time_ms(const char *procfs)
{
	cleanup_free char *path = xasprintf("%s/stat", procfs);
	cleanup_file FILE *f = fopen(path, "re");
	cleanup_free char *line = NULL;
	size_t size = 0;

	if (!f)
		return 0;
	while (getline(&line, &size, f) > 0)
		if (strncmp(line, "btime ", 6) == 0)
			return strtoll(line + 6, NULL, 10) * 1000;
	return 0;
}
