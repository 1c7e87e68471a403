/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel side and the collector agree on.
 */
#pragma once

#include <linux/types.h>

/* netns.bpf.c: one record per process, in the byte order of the host. */
struct wire_netns {
	__u32 pid;
	__u32 inode;
};
