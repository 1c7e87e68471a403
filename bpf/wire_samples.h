/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Single requests, of which requests.bpf.c tells the collector a few. */
#pragma once

#include <linux/types.h>

/* Why this one. */
enum { WIRE_SAMPLE_SLOW, WIRE_SAMPLE_FAILED, WIRE_SAMPLE_UNANSWERED, WIRE_SAMPLES };

/* What is known of its thread. */
enum { WIRE_PART_RUN = 1, WIRE_PART_DELAY = 2, WIRE_PART_BLOCK = 4 };

/* What a thread had spent when it saw a request begin, to which nothing else was under way. */
struct wire_begun {
	__u64 began_ns; /* of the request; 0: there is none */
	__u64 run_ns, delay_ns, block_ns;
	__u32 thread;
	__u32 blocks; /* whether `block_ns` is accounted */
};

struct wire_sample {
	__u64 ended_ns; /* CLOCK_MONOTONIC */
	__u64 ns;
	__u64 cgroup;
	__u32 slot;
	__u32 key;     /* as of its histogram, but with its own status */
	__u32 peer[4]; /* in network order, IPv4 as IPv6 has it; all 0: not known */
	__u16 peer_port, own_port;
	__u8 why;
	__u8 parts;
	__u16 spare;
	__u64 run_ns, delay_ns, block_ns; /* of the thread, as far as `parts` says */
	__u64 peer_cgroup;		  /* of the other end; 0: not known, or not here */
	__u32 peer_slot;
	__u32 spare_too;
	__u64 trace[3]; /* id of the trace, and of the span that asked; 0: none */
};

/* Why there is none of a request that would have had one. */
enum {
	WIRE_DROP_LIMIT, /* its cgroup has had its share */
	WIRE_DROP_FULL,	 /* nobody fetched the ones before */
	WIRE_DROPS,
};

enum {
	WIRE_SAMPLE_WINDOW_BITS =
		33,	       /* a window is 2^33 ns, 8.6 s: a cgroup, side and protocol has */
	WIRE_SAMPLE_SHARE = 8, /* so many that were slow in it, and so many that failed */
};
