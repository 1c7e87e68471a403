/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of a net/dev file. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NET_DEV_VALUES = 8 };

struct net_dev {
	const char *name; /* into the text, raw bytes */
	size_t name_length;
	/* receive bytes, errors, dropped, packets, then the same of transmit */
	uint64_t values[NET_DEV_VALUES];
};

/*
 * The next interface at or behind *at, which moves on; false at the end. Lines that are not of that
 * form are skipped. Format: net/core/net-procfs.c, two lines of headings and
 * "name: bytes packets errs drop fifo frame compressed multicast bytes packets errs drop ...".
 */
bool net_dev_next(const char **at, struct net_dev *ret);
