/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds real cgroups with a live process in each, while something else is measured: makes as many as
 * the argument says, prints where, and then does what standard input says until it ends, and says "done",
 * or a number:
 *   dirty      lets every process run for a moment
 *   replace N  ends N groups and makes as many new ones
 *   grow N     makes more of them, until there are N
 *   floor      reads the files that a scrape is held against, by kept descriptors: ns of CPU time
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/support/figure.h"
#include "bench/support/groups.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/memory.h"

/* What a collector that keeps them open reads of every group; those that this kernel has. */
static const char *const files[] = { "cpu.stat",     "memory.stat",	"io.stat",
				     "cpu.pressure", "memory.pressure", "io.pressure" };

struct floor {
	int *fds;
	size_t n, groups; /* for as many groups they were opened */
};

static void floor_open(struct floor *kept, const struct groups *groups)
{
	if (kept->groups == groups->n)
		return;
	for (size_t i = 0; i < kept->n; i++)
		close(kept->fds[i]);
	kept->n = 0;
	kept->groups = groups->n;
	kept->fds = xreallocarray(kept->fds, groups->n * ARRAY_SIZE(files), sizeof(*kept->fds));
	for (size_t i = 0; i < groups->n; i++)
		for (size_t j = 0; j < ARRAY_SIZE(files); j++) {
			cleanup_free char *path =
				xasprintf("%s/%s/%s", groups->path, groups->names[i], files[j]);
			int fd = open(path, O_RDONLY | O_CLOEXEC);

			if (fd >= 0)
				kept->fds[kept->n++] = fd;
		}
}

static uint64_t floor_read(const struct floor *kept)
{
	uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	char text[16384];

	for (size_t i = 0; i < kept->n; i++)
		if (pread(kept->fds[i], text, sizeof(text), 0) < 0)
			err(1, "a file of a group");
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
}

int main(int argc, char **argv)
{
	size_t n = argc == 2 ? strtoul(argv[1], NULL, 10) : 0, at = 0;
	cleanup_free char *line = NULL;
	struct floor kept = { 0 };
	size_t size = 0;

	if (!n)
		errx(1, "usage: workloads NUMBER");
	signal(SIGINT, SIG_IGN); /* Ctrl-C ends the reader of our output, and then our input */
	hierarchy_raise_fd_limit();
	struct groups *groups = groups_new();
	groups_grow(groups, n);
	puts(groups->path);
	fflush(stdout);
	while (getline(&line, &size, stdin) > 0) {
		if (strcmp(line, "floor\n") == 0) {
			floor_open(&kept, groups);
			printf("%lu\n", floor_read(&kept));
			fflush(stdout);
			continue;
		}
		if (strncmp(line, "grow ", 5) == 0)
			groups_grow(groups, strtoul(line + 5, NULL, 10));
		else if (strncmp(line, "replace ", 8) == 0)
			for (size_t i = strtoul(line + 8, NULL, 10); i; i--)
				groups_replace(groups, at++ % n);
		else
			groups_dirty(groups);
		puts("done");
		fflush(stdout);
	}
	groups_free(groups);
	free(kept.fds);
	return 0;
}
