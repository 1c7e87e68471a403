/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a mountinfo file. Pure; the text is taken apart in place.
 */
#pragma once

#include <stdbool.h>

struct mount {
	unsigned major, minor;
	char *root, *point, *type, *source, *options; /* `options`: those of the file system */
};

/*
 * The next mount at or behind *at, which moves on; false at the end. Lines of another form are
 * skipped; octal escapes are undone. Format: proc_pid_mountinfo(5).
 */
bool mountinfo_next(char **at, struct mount *ret);
/* Whether another machine, or a process, answers for it, and may never do so: nothing below is looked up. */
bool mountinfo_may_block(const struct mount *mount);
/*
 * The value of overlayfs' option upperdir, or NULL when the mount is none or the path is not
 * absolute. Escapes ("\:", "\,") are undone in place: Documentation/filesystems/overlayfs.rst.
 */
char *mountinfo_upperdir(const struct mount *mount);
