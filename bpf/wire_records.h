/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * records.bpf.c: one record per cgroup, all numbers as the kernel keeps them. What a number is in a
 * cgroup's file is sources/cgroup_record.c's.
 */
#pragma once

#include <linux/types.h>

/* What of a record is filled: a controller may be off, a kernel may be without. */
enum {
	RECORD_GROUP = 1 << 0, /* cgroup.events, cgroup.stat */
	RECORD_TIME = 1 << 1,  /* cpu.stat, which all cgroups have */
	RECORD_NICE = 1 << 2,
	RECORD_FORCE_IDLE = 1 << 3,
	RECORD_CPU = 1 << 4, /* the controller's part of cpu.stat, and cpu.max */
	RECORD_BURST = 1 << 5,
	RECORD_IDLE = 1 << 6,
	RECORD_MEMORY = 1 << 7,
	RECORD_SWAP = 1 << 8,
	RECORD_ZSWAP = 1 << 9,
	RECORD_PIDS = 1 << 10,
	RECORD_PIDS_PEAK = 1 << 11,
	RECORD_SHARES = 1 << 12, /* not of idle groups: kernels differ in what they say of these */
	RECORD_MEMORY_STAT = 1 << 13,
	RECORD_IO = 1 << 14,
	RECORD_IO_PLAIN = 1 << 15, /* no policy of I/O keeps anything for any device */
	RECORD_IO_WEIGHT = 1 << 16,
	RECORD_PIDS_EVENTS = 1 << 17,
	RECORD_PIDS_EVENTS_LOCAL = 1 << 18,
	/* From here on, a bit per state of enum record_stall: its total; and that its averages are all 0. */
	RECORD_STALLS = 1 << 19,
	RECORD_AVERAGES = 1 << 26, /* up to bit 32 */
};

/* States of PSI in this order, whatever the kernel's. */
enum record_stall {
	RECORD_IO_SOME,
	RECORD_IO_FULL,
	RECORD_MEMORY_SOME,
	RECORD_MEMORY_FULL,
	RECORD_CPU_SOME,
	RECORD_CPU_FULL,
	RECORD_IRQ_FULL,
	N_RECORD_STALLS,
};

/* As the kernel's enum memcg_memory_event, which is looked at before. */
enum record_event {
	RECORD_LOW,
	RECORD_HIGH,
	RECORD_MAX,
	RECORD_OOM,
	RECORD_OOM_KILL,
	RECORD_OOM_GROUP_KILL,
	RECORD_SWAP_HIGH,
	RECORD_SWAP_MAX,
	RECORD_SWAP_FAIL,
	N_RECORD_EVENTS,
};

/* Of struct memcg_vmstats, as the kernel numbers them; with more, memory.stat is left to the file. */
enum { RECORD_STATES_MAX = 64, RECORD_COUNTS_MAX = 24 };

/* A device that a group has used; with more of them, io.stat is left to the file. */
enum { RECORD_DEVICES_MAX = 4 };

struct wire_device {
	__u32 major, minor;
	__u64 bytes[3], operations[3]; /* read, written, discarded */
};

struct wire_pages {
	__u64 usage, watermark, high, max;
};

struct wire_record {
	__u64 id; /* of the cgroup */
	__u64 filled;
	/* RECORD_TIME */
	__u64 runtime_ns, user_ns, system_ns;
	__u64 told_user_ns, told_system_ns; /* by the file, when it was last read */
	__u64 nice_ns, force_idle_ns;
	/* RECORD_GROUP */
	__u64 populated, frozen, descendants, dying_descendants, threaded;
	/* RECORD_CPU, RECORD_BURST, RECORD_IDLE, RECORD_SHARES */
	__u64 periods, throttled_periods, throttled_ns, burst_periods, burst_ns;
	__u64 quota_ns, period_ns, max_burst_ns, idle, shares;
	/* RECORD_MEMORY, RECORD_SWAP, RECORD_ZSWAP */
	struct wire_pages memory, swap;
	__u64 memory_min, memory_low, oom_group, zswap_max;
	__u64 events[N_RECORD_EVENTS], local_events[N_RECORD_EVENTS];
	/* RECORD_MEMORY_STAT: states, then counts */
	__u64 memory_stat[RECORD_STATES_MAX + RECORD_COUNTS_MAX];
	/* RECORD_IO */
	__u64 n_devices;
	struct wire_device devices[RECORD_DEVICES_MAX];
	__u64 io_weight; /* RECORD_IO_WEIGHT */
	/* RECORD_PIDS, RECORD_PIDS_PEAK, RECORD_PIDS_EVENTS, RECORD_PIDS_EVENTS_LOCAL */
	__u64 pids, pids_max, pids_peak, pids_events, pids_events_local;
	__u64 stalls_ns[N_RECORD_STALLS];
	__u64 scratch; /* the kernel side's own */
};

enum { RECORD_CPUS_MAX = 512 }; /* with more, PSI is left to the files */
