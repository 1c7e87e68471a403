/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of block devices by number. Owns nothing and remembers nothing: numbers are used again for
 * other devices, so callers keep a name for one collection only.
 */
#pragma once

#include <stddef.h>

enum { BLOCKDEVICE_NAME_MAX = 128 };

/*
 * Writes "/dev/sda" for a device's number: DEVNAME of <sysfs>/dev/block/MAJ:MIN/uevent
 * (Documentation/ABI/stable/sysfs-dev), or "MAJ:MIN" when sysfs does not know it.
 */
void blockdevice_name(const char *path_sysfs, unsigned major, unsigned minor,
		      char ret_name[BLOCKDEVICE_NAME_MAX]);
