/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a path of the host beneath its root directory, wherever that is mounted for us. For what
 * reads files that a container or a user may have planted.
 */
#pragma once

/* Which symlinks on the way are followed. */
enum follow {
	FOLLOW_TRUSTED, /* all; those of a foreign root within it, if the kernel lets us ask for that */
	FOLLOW_IN_ROOT, /* those that stay within the root; none if we may not ask for that */
	FOLLOW_NONE,
};

/*
 * Opens with open(2) flags; a descriptor or -errno, -ELOOP for a link that is not followed. It is
 * openat2(2), and where that is missing (Linux 5.5) or refused (-ENOSYS under systemd's
 * RestrictSUIDSGID=, which DynamicUser= implies) a walk from name to name.
 */
int open_beneath(int root_fd, const char *path, int flags, enum follow follow);
