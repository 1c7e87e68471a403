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
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/cpus.h"
#include "bpf/current.h"
#include "bpf/histograms.h"
#include "bpf/kernel.h"
#include "bpf/slots.h"
#include "bpf/system_calls.h"
#include "bpf/tallies.h"
#include "bpf/wire_syscalls.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* include/linux/errno.h: the kernel's own, which no program sees. */
enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 };
enum { MAX_ERRNO = 4095 };
enum { TASK_DEAD = 0x80 };

enum { S_IFMT = 0170000, S_IFREG = 0100000, S_IFDIR = 0040000, S_IFBLK = 0060000 };

/* Beginnings: none, one that is not timed, or a time; its lowest bit says that it is a sample. */
enum { NO_START, NOT_TIMED, SAMPLE = 1 };

#ifdef __TARGET_ARCH_arm64
enum { NR_RT_SIGRETURN = 139, NR_CLONE = 220, NR_CLONE3 = 435 };
enum { NR_FIRST_FORK = NR_CLONE, NR_LAST_FORK = NR_CLONE };
#else
enum { NR_RT_SIGRETURN = 15, NR_CLONE = 56, NR_VFORK = 58, NR_CLONE3 = 435 };
enum { NR_FIRST_FORK = NR_CLONE, NR_LAST_FORK = NR_VFORK };
#endif
/* Of 32-bit programs: i386; arm has fork, vfork and clone3 under the same numbers. */
enum { COMPAT_FORK = 2, COMPAT_CLONE = 120, COMPAT_VFORK = 190 };

/* Written while it runs: beginnings that were kept in another one are not to be used. */
volatile __u32 epoch;

const volatile bool has_storage = 1; /* tasks have one for programs like these since 5.13 */
const volatile struct wire_call calls[WIRE_CALL_KEYS];
const volatile __u8 error_keys[WIRE_ERRNOS]; /* of tallies, by number */

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

/* Where tasks have no storage. The collector makes one of both. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct kept);
} kept_by_number SEC(".maps");

/* For sums per class, when the others are all in use. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} spare_histograms SEC(".maps");

/* A number may be given again as soon as its task has ended. */
static __always_inline __u64 number_of_task(struct task_struct *task)
{
	return BPF_CORE_READ(task, start_time) ^ (__u64)BPF_CORE_READ(task, pid) << 40;
}

static __always_inline struct kept *kept_of(struct task_struct *task, bool make)
{
	static const struct kept nothing;
	struct kept *kept;
	__u64 number;

	if (has_storage)
		return bpf_task_storage_get(&kept_starts, task, 0,
					    make ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	number = number_of_task(task);
	kept = bpf_map_lookup_elem(&kept_by_number, &number);
	if (kept || !make)
		return kept;
	bpf_map_update_elem(&kept_by_number, &number, &nothing, BPF_NOEXIST);
	return bpf_map_lookup_elem(&kept_by_number, &number);
}

/* A storage goes with its task. */
static __always_inline void forget_the_dead(struct task_struct *task)
{
	struct task_struct___before_5_14 *before = (void *)task;
	__u64 number, state;

	if (has_storage)
		return;
	number = number_of_task(task);
	state = bpf_core_field_exists(before->state) ? before->state : task->__state;
	if (state & TASK_DEAD)
		bpf_map_delete_elem(&kept_by_number, &number);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev)
{
	struct wire_cpu *cpu = this_cpu();
	struct kept *kept;

	if (!cpu)
		return 0;
	cpu->runs[0]++;
	forget_the_dead(prev);
	if (!cpu->start_ns)
		return 0;
	if (cpu->start_ns != NOT_TIMED) {
		kept = kept_of(prev, false);
		if (kept) {
			kept->start = cpu->start_ns;
			kept->epoch = epoch;
		}
	}
	cpu->start_ns = NO_START;
	return 0;
}

/* What a task kept when it was switched out. Without a place it gets one for its next call. */
static __noinline __u64 take_kept(struct task_struct *task)
{
	struct kept *kept;
	__u64 start;

	kept = kept_of(task, true);
	if (!kept)
		return NO_START;
	start = kept->epoch == epoch ? kept->start : NO_START;
	kept->start = NO_START;
	return start;
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
	__u32 fd = call_argument(regs, 0);
	struct files_struct *files = CURRENT_READ(task, files, files);
	struct file **table, *file = 0;
	struct inode *inode = 0;
	__u16 mode = 0;

	if (!files || fd >= CURRENT_READ(files, fdt->max_fds, fdt, max_fds))
		return true;
	table = CURRENT_READ(files, fdt->fd, fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), table + fd);
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
static __noinline __u32 key_of_switched(__u32 key, struct task_struct *task, struct pt_regs *regs)
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

/* On first sight; without one the class may have one, and else it is counted as lost. */
static __noinline __u32 histogram_first(__u32 slot, __u32 key)
{
	__u32 number = histogram_new(slot * n_keys + key);

	return number ? number : histogram_of_class(slot, key);
}

/* What histogram_at() finds, with less to reckon: the number of keys is known here, and the shard by the CPU. */
static __always_inline struct wire_histogram *histogram_of(const struct wire_cpu *cpu, __u32 slot,
							   __u32 key)
{
	__u16 *place = histogram_number(slot * WIRE_CALL_KEYS + key);
	__u32 number = place ? *place : 0, at;

	if (!number && slot)
		number = histogram_first(slot, key);
	at = cpu->first_histogram + number;
	return bpf_map_lookup_elem(&histograms, &at);
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

static __noinline int count_error(__u32 slot, __u64 error)
{
	if (error == ERESTARTSYS || error == ERESTARTNOINTR || error == ERESTARTNOHAND ||
	    error == ERESTART_RESTARTBLOCK)
		return 0;
	asm volatile("" : "+r"(error));
	tally_add(slot, error < WIRE_ERRNOS ? error_keys[error] : 0, 1);
	return 0;
}

static __always_inline __u32 slot_of_current(struct wire_cpu *cpu, struct task_struct *task)
{
	__u64 id = current_group_id(task);

	return cpu->cgroup_id == id ? cpu->slot : slot_look_up(cpu, current_group(task), id);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long result)
{
	struct wire_cpu *cpu = this_cpu();
	struct task_struct *task = current_task();
	__s32 number = call_number(regs);
	bool compat = call_is_compat(task);
	__u32 key = key_of(number, compat), slot;
	struct wire_histogram *histogram;
	__u64 start;

	if (!cpu)
		return 0;
	cpu->runs[1]++;
	start = cpu->start_ns;
	cpu->start_ns = NO_START;
	if (!start) {
		start = take_kept(task);
		if (start)
			key = key_of_switched(key, task, regs);
	}
	if (result == 0 && is_new_task(number, compat))
		return 0;
	slot = slot_of_current(cpu, task);
	histogram = histogram_of(cpu, slot, key);
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
	cpu->random =
		cpu->random * 1664525 + 1013904223; /* of 32 bits: the upper ones are random */
	cpu->skip = (__u64)cpu->random * (2 * WIRE_SAMPLING - 1) >> 32;
	return true;
}

/* How calls begin, by mode: one of these three is attached. */

SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter)
{
	struct wire_cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
	cpu->runs[2]++;
	cpu->start_ns = bpf_ktime_get_ns() & ~(__u64)SAMPLE;
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter_sampled)
{
	struct wire_cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
	cpu->runs[3]++;
	cpu->start_ns = is_sampled(cpu) ? bpf_ktime_get_ns() | SAMPLE : NOT_TIMED;
	return 0;
}

/* The only program of its mode: without another one on sys_exit nobody knows of errors. */
SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter_counted, struct pt_regs *regs, long number)
{
	struct wire_cpu *cpu = this_cpu();
	struct task_struct *task = current_task();
	__u32 key = (__u32)number < WIRE_CALLS ? number : WIRE_CALL_UNKNOWN;
	struct wire_histogram *histogram;

	if (!cpu)
		return 0;
	cpu->runs[4]++;
	if (call_is_compat(task))
		key = WIRE_CALL_COMPAT;
	histogram = histogram_of(cpu, slot_of_current(cpu, task), key);
	if (histogram)
		count_call(histogram, NOT_TIMED);
	return 0;
}
