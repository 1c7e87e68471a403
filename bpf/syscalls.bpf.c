/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls, counted where they end: how often, how long, and which errors. A call that ends on the
 * CPU where it began, without another task between, has its beginning in a place of that CPU; only a
 * task that is switched out within a call keeps it in a storage of its own.
 * The price of the tracepoints and of the clock is nine tenths of the whole: whatever is added to
 * these programs runs some million times a second.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/cpus.h"
#include "bpf/histograms.h"
#include "bpf/kernel.h"
#include "bpf/slots.h"
#include "bpf/tallies.h"
#include "bpf/wire_syscalls.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* include/linux/errno.h: the kernel's own, which no program sees. */
enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 };
enum { MAX_ERRNO = 4095 };

enum { S_IFMT = 0170000, S_IFREG = 0100000, S_IFDIR = 0040000, S_IFBLK = 0060000 };

/* Beginnings: none, one that is not timed, or a time; its lowest bit says that it is a sample. */
enum { NO_START, NOT_TIMED, SAMPLE = 1 };

#ifdef __TARGET_ARCH_arm64
enum { NR_RT_SIGRETURN = 139, NR_CLONE = 220, NR_CLONE3 = 435, TIF_32BIT = 1 << 22 };
enum { NR_FIRST_FORK = NR_CLONE, NR_LAST_FORK = NR_CLONE };
#else
enum { NR_RT_SIGRETURN = 15, NR_CLONE = 56, NR_VFORK = 58, NR_CLONE3 = 435, TS_COMPAT = 2 };
enum { NR_FIRST_FORK = NR_CLONE, NR_LAST_FORK = NR_VFORK };
#endif
/* Of 32-bit programs: i386; arm has fork, vfork and clone3 under the same numbers. */
enum { COMPAT_FORK = 2, COMPAT_CLONE = 120, COMPAT_VFORK = 190 };

/* Written while it runs. */
volatile __u32 time_what; /* WIRE_TIME_* */
volatile __u32 epoch;	  /* beginnings that were kept in another one are not to be used */

const volatile bool has_storage = 1; /* before 5.11 tasks have none */
const volatile struct wire_call calls[WIRE_CALL_KEYS];

struct kept {
	__u64 start;
	__u64 epoch;
};

/* Never made in on_switch(), where locks are held that the allocator may need. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct kept);
} kept_starts SEC(".maps");

/* For sums per class, when the others are all in use. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} spare_histograms SEC(".maps");

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev)
{
	struct wire_cpu *cpu = this_cpu();
	struct kept *kept;

	if (!cpu)
		return 0;
	cpu->runs[0]++;
	if (!cpu->start_ns)
		return 0;
	if (cpu->start_ns != NOT_TIMED && has_storage) {
		kept = bpf_task_storage_get(&kept_starts, prev, 0, 0);
		if (kept) {
			kept->start = cpu->start_ns;
			kept->epoch = epoch;
		}
	}
	cpu->start_ns = NO_START;
	return 0;
}

/* What a task kept when it was switched out. Without a place it gets one for its next call. */
static __always_inline __u64 take_kept(struct task_struct *task)
{
	struct kept *kept;
	__u64 start;

	if (!has_storage)
		return NO_START;
	kept = bpf_task_storage_get(&kept_starts, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!kept)
		return NO_START;
	start = kept->epoch == epoch ? kept->start : NO_START;
	kept->start = NO_START;
	return start;
}

static __always_inline bool is_compat(struct task_struct *task)
{
#ifdef __TARGET_ARCH_arm64
	return task->thread_info.flags & TIF_32BIT;
#else
	return task->thread_info.status & TS_COMPAT;
#endif
}

static __always_inline __s32 number_of(struct pt_regs *regs)
{
#ifdef __TARGET_ARCH_arm64
	return regs->syscallno;
#else
	return regs->orig_ax;
#endif
}

/* A return from a signal handler restores all registers and has no number and no result any more. */
static __always_inline __u32 key_of(__s32 number, bool compat)
{
	if (compat)
		return WIRE_CALL_COMPAT;
	if (number == -1)
		return NR_RT_SIGRETURN;
	return (__u32)number < WIRE_CALLS ? number : WIRE_CALL_UNKNOWN;
}

/* The new task comes out of the call, too. */
static __always_inline bool is_new_task(__s32 number, bool compat)
{
	if (compat && (number == COMPAT_FORK || number == COMPAT_CLONE || number == COMPAT_VFORK))
		return true;
	return number == NR_CLONE3 ||
	       (!compat && number >= NR_FIRST_FORK && number <= NR_LAST_FORK);
}

static __always_inline bool is_file(struct task_struct *task, struct pt_regs *regs)
{
#ifdef __TARGET_ARCH_arm64
	__u32 fd = regs->orig_x0;
#else
	__u32 fd = regs->di;
#endif
	struct files_struct *files = task->files;
	struct file *file = 0;
	struct inode *inode = 0;
	__u16 mode = 0;

	if (!files || fd >= files->fdt->max_fds)
		return true;
	bpf_probe_read_kernel(&file, sizeof(file), files->fdt->fd + fd);
	bpf_probe_read_kernel(&inode, sizeof(inode),
			      __builtin_preserve_access_index(&file->f_inode));
	bpf_probe_read_kernel(&mode, sizeof(mode), __builtin_preserve_access_index(&inode->i_mode));
	mode &= S_IFMT;
	return mode == S_IFREG || mode == S_IFDIR || mode == S_IFBLK;
}

static __always_inline const volatile struct wire_call *call_at(__u32 key)
{
	__u64 i = key;

	asm volatile("" : "+r"(i));
	if (i >= WIRE_CALL_KEYS)
		i = 0;
	return &calls[i];
}

/* A call during which the task gave up its CPU: for some that is because others let it wait. */
static __always_inline __u32 key_of_switched(__u32 key, struct task_struct *task,
					     struct pt_regs *regs)
{
	const volatile struct wire_call *call = call_at(key);

	if (call->waits == WIRE_WAITS_NEVER)
		return key;
	if (call->waits == WIRE_WAITS_UNLESS_FILE && is_file(task, regs))
		return key;
	return call->waits_key;
}

static __noinline __u32 histogram_of_class(__u32 slot, __u32 key)
{
	__u32 number = 0, owner = slot * n_keys + call_at(key)->spare_key;
	__u16 *place = histogram_number(owner);

	if (!place)
		return 0;
	if (*place)
		return *place;
	if (bpf_map_pop_elem(&spare_histograms, &number) < 0)
		return 0;
	return histogram_give(owner, number);
}

static __always_inline struct wire_histogram *histogram_of(__u32 slot, __u32 key, __u32 cpu)
{
	__u32 owner = slot * n_keys + key;
	__u16 *place = slot ? histogram_number(owner) : 0;
	__u32 number = place ? *place : 0;

	if (place && !number) {
		number = histogram_new(owner);
		if (!number)
			number = histogram_of_class(slot, key);
	}
	return histogram_at(number, cpu);
}

static __always_inline void count_call(struct wire_histogram *histogram, __u64 start)
{
	if (shards_shared)
		__sync_fetch_and_add(&histogram->events, 1);
	else
		histogram->events++;
	if (start <= NOT_TIMED)
		return;
	histogram_count(histogram, bpf_ktime_get_ns() - (start & ~(__u64)SAMPLE),
			start & SAMPLE ? WIRE_SAMPLING : 1);
}

static __always_inline void count_error(__u32 slot, __u64 error)
{
	if (error == ERESTARTSYS || error == ERESTARTNOINTR || error == ERESTARTNOHAND ||
	    error == ERESTART_RESTARTBLOCK)
		return;
	tally_add(slot, error < WIRE_ERRNOS ? error : 0, 1);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long result)
{
	__u32 cpu_number = bpf_get_smp_processor_id();
	struct wire_cpu *cpu = bpf_map_lookup_elem(&cpus, &cpu_number);
	struct task_struct *task = bpf_get_current_task_btf();
	__s32 number = number_of(regs);
	bool compat = is_compat(task);
	__u32 key = key_of(number, compat), slot;
	struct wire_histogram *histogram;
	__u64 start;

	if (!cpu)
		return 0;
	cpu->runs[1]++;
	start = cpu->start_ns;
	cpu->start_ns = NO_START;
	if (!start && time_what != WIRE_TIME_NONE) {
		start = take_kept(task);
		if (start)
			key = key_of_switched(key, task, regs);
	}
	if (result == 0 && is_new_task(number, compat))
		return 0;
	slot = slot_of_cached(cpu, task->cgroups->dfl_cgrp);
	histogram = histogram_of(slot, key, cpu_number);
	if (histogram)
		count_call(histogram, start);
	if (result < 0 && result >= -MAX_ERRNO && number != -1)
		count_error(slot, -result);
	return 0;
}

/* The gaps are random, so that no pattern of calls falls in step with them; on average 15. */
static __always_inline bool is_sampled(struct wire_cpu *cpu)
{
	if (cpu->skip) {
		cpu->skip--;
		return false;
	}
	cpu->random = cpu->random * 6364136223846793005ULL + 1442695040888963407ULL;
	cpu->skip = ((cpu->random >> 32) * (2 * WIRE_SAMPLING - 1)) >> 32;
	return true;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter)
{
	struct wire_cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
	cpu->runs[2]++;
	if (time_what == WIRE_TIME_ALL)
		cpu->start_ns = bpf_ktime_get_ns() & ~(__u64)SAMPLE;
	else
		cpu->start_ns = is_sampled(cpu) ? bpf_ktime_get_ns() | SAMPLE : NOT_TIMED;
	return 0;
}
