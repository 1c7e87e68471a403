/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounted local file systems of the host. Owned by sources/filesystem.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/statvfs.h>

enum { DISKS_MAX = 256 };

struct disk {
	unsigned major, minor;
	char *device;  /* label: what is mounted, or of a tmpfs the mount point; UTF-8 */
	char *point;   /* raw bytes */
	bool is_btrfs; /* whose files are on devices that mountinfo does not know */
};

struct disks {
	int procfs, rootfs;
	int watch; /* mountinfo of process 1: poll(2) tells when it has changed; -1: read it each time */
	struct disk *items;
	size_t n;
	bool known;
	uint64_t dropped; /* file systems over DISKS_MAX, ever */
};

struct options;

int disks_open(const struct options *options, struct disks *ret, const char **ret_reason);
void disks_close(struct disks *disks);
/* Reads the list anew if mounts have changed. 0 or -errno. */
int disks_refresh(struct disks *disks);
/*
 * Size and use of one; statvfs(3) of a local file system does not block. -ESTALE: something else is
 * mounted over it.
 */
int disk_stat(const struct disks *disks, const struct disk *disk, struct statvfs *ret);
/* The label for a device number: that of a mounted disk, else "MAJOR:MINOR". Freed by the caller. */
char *disks_device(const struct disks *disks, unsigned major, unsigned minor);
