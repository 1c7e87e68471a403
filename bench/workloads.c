/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds real cgroups with a live process in each, while something else is measured: makes as many as
 * the argument says, prints where, and then does what standard input says until it ends:
 *   dirty      lets every process run for a moment
 *   replace N  ends N groups and makes as many new ones
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/support/groups.h"
#include "collector/cleanup.h"

int main(int argc, char **argv)
{
	size_t n = argc == 2 ? strtoul(argv[1], NULL, 10) : 0, at = 0;
	cleanup_free char *line = NULL;
	size_t size = 0;

	if (!n)
		errx(1, "usage: workloads NUMBER");
	signal(SIGINT, SIG_IGN); /* Ctrl-C ends the reader of our output, and then our input */
	struct groups *groups = groups_new();
	groups_grow(groups, n);
	puts(groups->path);
	fflush(stdout);
	while (getline(&line, &size, stdin) > 0) {
		if (strncmp(line, "replace ", 8) == 0)
			for (size_t i = strtoul(line + 8, NULL, 10); i; i--)
				groups_replace(groups, at++ % n);
		else
			groups_dirty(groups);
		puts("done");
		fflush(stdout);
	}
	groups_free(groups);
	return 0;
}
