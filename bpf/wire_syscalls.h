/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What syscalls.bpf.c and the collector agree on. */
#pragma once

#include <linux/types.h>

/*
 * Keys of histograms: a system call's number; then what has none; then the calls that
 * may wait for others, for when they did; then, for when histograms run out, one per class. Keys of
 * tallies are places of error numbers in a list, 0 for all that are not in it.
 */
enum {
	WIRE_CALLS = 480,
	WIRE_CALL_UNKNOWN = WIRE_CALLS, /* no number of this architecture */
	WIRE_CALL_COMPAT,		/* 32-bit: other numbers */
	WIRE_CALL_WAITS,
	WIRE_CALL_SPARES = WIRE_CALL_WAITS + 14,
	WIRE_CALL_KEYS = WIRE_CALL_SPARES + 16,
	WIRE_ERRNOS = 134,
	WIRE_ERROR_KEYS = 80,
};

/* What a call's time is when it had to wait: always that of waiting, or if its first argument is no file. */
enum { WIRE_WAITS_NEVER, WIRE_WAITS, WIRE_WAITS_UNLESS_FILE };

struct wire_call {
	__u16 waits;
	__u16 waits_key;
	__u16 spare_key; /* of its class */
};

/* One in so many calls, on average, stands for as many. */
enum { WIRE_SAMPLING = 16 };
