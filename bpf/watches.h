/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How many samples of each cgroup there were lately, and what is slow there: for bpf/samples.h. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "bpf/wire_samples.h"

enum { WATCHES = 16384, WATCH_SHIFT = 10, MARKS_MAX = 31 };

__u64 samples_dropped[WIRE_DROPS];

/* CPUs write it at once, and what is lost so does no harm. */
struct watch {
	__u32 window;		/* number of the last one */
	__u32 mark;		/* 2^WATCH_SHIFT ns: what is not above it is not slow */
	__u32 n_slow, n_failed; /* in it */
};

/* By slot, side and protocol; with more than 1024 cgroups some share one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WATCHES);
	__type(key, __u32);
	__type(value, struct watch);
} watches SEC(".maps");

static __always_inline void sample_drop(__u32 why)
{
	__sync_fetch_and_add(&samples_dropped[why], 1);
}

static __always_inline void watch_turn(struct watch *watch, __u64 now_ns)
{
	__u32 window = now_ns >> WIRE_SAMPLE_WINDOW_BITS, passed = window - watch->window;

	/* A CPU may come late with a time of the window before, and what a close ends may be older still. */
	if ((__s32)passed <= 0)
		return;
	watch->window = window;
	watch->mark = passed > MARKS_MAX ? 0 : watch->mark >> passed;
	watch->n_slow = watch->n_failed = 0;
}

/* Whether one more of a window's share is there. */
static __always_inline bool watch_take(__u32 *n)
{
	if (*n >= WIRE_SAMPLE_SHARE) {
		sample_drop(WIRE_DROP_LIMIT);
		return false;
	}
	++*n;
	return true;
}
