/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Beginnings and ends: of cgroups, of what runs in them, and of the victims of the OOM killer. Each
 * cgroup that is made from here on has a record of its life, which is given up when it is removed.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/cpus.h"
#include "bpf/current.h"
#include "bpf/events.h"
#include "bpf/kernel.h"
#include "bpf/slots.h"
#include "bpf/tallies.h"
#include "bpf/wire_lifetime.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
	SIGINT = 2,
	SIGQUIT = 3,
	SIGKILL = 9,
	SIGTERM = 15,
	SIGRTMIN_3 = 37, /* what stops systemd, glibc's SIGRTMIN+3 */
	SIGNAL_GROUP_EXIT = 4,
	TCP_LISTEN = 10,
	MEMCG_OOM = 3,
	PF_KTHREAD = 0x00200000,
};

struct life {
	__u64 stop_ns;
	__u32 pid;  /* of its first process; 0: none has come, or it has gone */
	__u8 turns; /* processes that were its first, one after the other */
	bool first_in_namespace, executed, listens;
};

/* A service whose launchers have ended has no first process any more, whatever it starts later. */
enum { TURNS_MAX = 4 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct life);
} lives SEC(".maps");

/* Processes of several threads whose end has been seen: two threads may both be the last. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u8);
} ended SEC(".maps");

const volatile __u32 exit_keys[256];   /* the key of `tallies` for an exit code */
const volatile __u32 signal_keys[128]; /* and for a killing signal */

struct kernel_siginfo;
struct sock;

static const struct life no_life;
static const struct wire_victim no_victim;

static __always_inline void ran(int program)
{
	struct wire_cpu *cpu = this_cpu();

	if (cpu)
		cpu->runs[program]++;
}

static __always_inline bool is_ours(struct cgroup *group)
{
	return group->root->hierarchy_id == 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_mkdir, struct cgroup *group)
{
	struct cgroup_subsys_state *above = group->self.parent;
	__u64 id = group->kn->id;
	struct wire_made *made;
	long length;

	ran(0);
	if (!is_ours(group))
		return 0;
	event_count(WIRE_COUNT_MADE);
	if (bpf_map_update_elem(&lives, &id, &no_life, BPF_ANY) < 0)
		event_count(WIRE_COUNT_UNWATCHED);
	made = event_begin(WIRE_MADE, sizeof(*made), id);
	if (!made)
		return 0;
	made->parent = above ? above->cgroup->kn->id : 0;
	length = bpf_probe_read_kernel_str(made->name, sizeof(made->name), group->kn->name);
	made->length = length < 0 ? 0 : length;
	event_end(made, true);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(on_rmdir, struct cgroup *group)
{
	__u64 id = group->kn->id;
	struct wire_event *removed;

	ran(1);
	if (!is_ours(group))
		return 0;
	event_count(WIRE_COUNT_REMOVED);
	bpf_map_delete_elem(&lives, &id);
	removed = event_begin(WIRE_REMOVED, sizeof(*removed), id);
	if (removed)
		event_end(removed, true);
	return 0;
}

/*
 * Whether it is the first process of a pid namespace below the host's, which most runtimes start a
 * container with: how far below.
 */
static __always_inline __u32 first_of(struct task_struct *task)
{
	struct pid *pid = task->thread_pid;
	const char *numbers = (const char *)pid + bpf_core_field_offset(struct pid, numbers);
	struct upid upid = { 0 };

	if (!pid || !pid->level)
		return 0;
	bpf_probe_read_kernel(&upid, sizeof(upid), numbers + pid->level * sizeof(upid));
	return upid.nr == 1 ? pid->level : 0;
}

static __always_inline bool is_vacant(const struct life *life, bool first)
{
	if (first)
		return !life->first_in_namespace;
	return !life->pid && life->turns < TURNS_MAX;
}

/*
 * A stage that a group and those above it reach with the first process that does. Read in a way that
 * takes any pointer: this is for once in a group's life.
 */
static __always_inline void reach(struct cgroup *group, enum wire_event_type stage, __u32 pid,
				  bool first)
{
	struct cgroup_subsys_state *css = &group->self;

#pragma unroll
	for (int i = 0; i < WIRE_LEVELS; i++) {
		__u64 id = css ? BPF_CORE_READ(css, cgroup, kn, id) : 0;
		struct life *life = id ? bpf_map_lookup_elem(&lives, &id) : 0;
		bool *reached = 0;

		css = css ? BPF_CORE_READ(css, parent) : 0;
		if (!life)
			continue;
		if (stage == WIRE_EXECUTED &&
		    (!life->pid || (first && !life->first_in_namespace))) {
			life->pid = pid;
			life->first_in_namespace = first;
		}
		reached = stage == WIRE_EXECUTED ? &life->executed : &life->listens;
		if (*reached)
			continue;
		*reached = true;
		struct wire_event *event = event_begin(stage, sizeof(*event), id);
		/* By its first program the runtime has written down who it is. */
		if (event)
			event_end(event, stage == WIRE_EXECUTED);
	}
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int before, struct linux_binprm *binary)
{
	struct cgroup *group = task->cgroups->dfl_cgrp;
	struct wire_cpu *cpu = this_cpu();
	__u64 id = group->kn->id;
	struct life *life;
	bool first;

	if (!cpu)
		return 0;
	cpu->runs[2]++;
	tally_add(slot_of_cached(cpu, group), WIRE_TALLY_EXECS, 1);
	life = bpf_map_lookup_elem(&lives, &id);
	if (!life)
		return 0;
	first = first_of(task);
	/* runc starts itself anew through a descriptor, while systemd puts it into the container's cgroup. */
	if (!first && bpf_core_field_exists(binary->fdpath) && binary->fdpath)
		return 0;
	if (!life->executed || is_vacant(life, first))
		reach(group, WIRE_EXECUTED, task->tgid, first);
	return 0;
}

/* Two threads may both see that none is left: the first one counts. */
static __always_inline bool ends_process(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	__u64 process = task->group_leader->start_time ^ (__u64)task->tgid << 40;
	__u8 yes = 1;

	if (signal->live.counter != 0)
		return false;
	if (signal->nr_threads > 1)
		return bpf_map_update_elem(&ended, &process, &yes, BPF_NOEXIST) == 0;
	return !bpf_map_lookup_elem(&ended, &process);
}

static __always_inline void tell_exit(__u64 id, __u64 stop_ns, __u32 status, __u32 level)
{
	struct wire_exited *exited = event_begin(WIRE_EXITED, sizeof(*exited), id);

	if (!exited)
		return;
	exited->stop_ns = stop_ns;
	exited->status = status;
	exited->level = level;
	event_end(exited, false);
}

/* Of the group in which it ran, and of those above that it was the first process of. */
static __always_inline void end_lives(struct task_struct *task, struct cgroup *group, __u32 status)
{
	struct cgroup_subsys_state *css = &group->self;
	__u32 level = first_of(task);
	__u64 stop_ns = 0;

#pragma unroll
	for (int i = 0; i < WIRE_LEVELS; i++) {
		__u64 id = css ? css->cgroup->kn->id : 0;
		struct life *life = id ? bpf_map_lookup_elem(&lives, &id) : 0;
		bool whose = life && life->pid == (__u32)task->tgid;

		css = css ? css->parent : 0;
		if (whose && life->stop_ns)
			stop_ns = life->stop_ns;
		if (whose) {
			life->pid = 0;
			life->first_in_namespace = false;
		}
		/* A container that was there before us has no life; its first process is known. */
		if (whose || (i == 0 && level))
			tell_exit(id, stop_ns, status, i == 0 ? level : 0);
	}
}

static __always_inline __u32 exit_key(__u64 code)
{
	asm volatile("" : "+r"(code));
	return exit_keys[code & 0xff];
}

static __always_inline __u32 signal_key(__u64 signal)
{
	asm volatile("" : "+r"(signal));
	return signal_keys[signal & 0x7f];
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct cgroup *group = task->cgroups->dfl_cgrp;
	struct wire_cpu *cpu = this_cpu();
	__u32 status, signal, code, key;
	__u64 id = group->kn->id;
	struct life *life;

	if (!cpu)
		return 0;
	cpu->runs[3]++;
	if ((task->flags & PF_KTHREAD) || !ends_process(task))
		return 0;
	status = task->signal->flags & SIGNAL_GROUP_EXIT ? task->signal->group_exit_code
							 : task->group_leader->exit_code;
	signal = status & 0x7f;
	code = status >> 8 & 0xff;
	key = signal ? signal_key(signal) : exit_key(code);
	tally_add(slot_of_cached(cpu, group), key, 1);
	life = bpf_map_lookup_elem(&lives, &id);
	if ((life && life->pid == (__u32)task->tgid) || first_of(task))
		end_lives(task, group, status & 0xffff);
	return 0;
}

static __always_inline bool is_stop(int signal)
{
	return signal == SIGTERM || signal == SIGKILL || signal == SIGINT || signal == SIGQUIT ||
	       signal == SIGRTMIN_3;
}

/*
 * struct percpu_counter since kernel commit f1a7941243c1 ("mm: convert mm's rss stats into percpu_counter", 6.2).
 * A macro: the place of an element is found for the running kernel where its number is a constant alone.
 * Asked of mm_struct, which is there: for a type that is not libbpf would list all modules, as root alone may.
 */
#define pages_of(mm, kind)                                                                         \
	not_negative(                                                                              \
		bpf_core_field_exists(((struct mm_struct___before_6_2 *)(mm))->rss_stat.count)     \
			? BPF_CORE_READ((struct mm_struct___before_6_2 *)(mm),                     \
					rss_stat.count[kind].counter)                              \
			: BPF_CORE_READ(mm, rss_stat[kind].count))

static __always_inline __u64 not_negative(__s64 pages)
{
	return pages > 0 ? pages : 0;
}

static __always_inline struct cgroup_subsys_state *memory_of(struct task_struct *task)
{
	const char *list = (const char *)BPF_CORE_READ(task, cgroups) +
			   bpf_core_field_offset(struct css_set, subsys);
	struct cgroup_subsys_state *css = 0;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return 0;
	bpf_probe_read_kernel(&css, sizeof(css),
			      list + bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) *
					      sizeof(css));
	return css;
}

/* A memory cgroup begins with its css. */
static __always_inline __u64 ooms_of(struct cgroup_subsys_state *css)
{
	struct mem_cgroup *memory = (void *)css;

	return BPF_CORE_READ(memory, memory_events_local[MEMCG_OOM].counter);
}

static __always_inline void describe_victim(struct wire_victim *victim, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);

	victim->pid = BPF_CORE_READ(task, pid);
	victim->uid = BPF_CORE_READ(task, cred, uid.val);
	victim->oom_score_adj = BPF_CORE_READ(task, signal, oom_score_adj);
	victim->event.id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	bpf_probe_read_kernel_str(victim->comm, sizeof(victim->comm), task->comm);
	victim->has_pages = mm != 0;
	victim->file_pages = mm ? pages_of(mm, 0) : 0;
	victim->anon_pages = mm ? pages_of(mm, 1) : 0;
	victim->swap_pages = mm ? pages_of(mm, 2) : 0;
	victim->shmem_pages = mm ? pages_of(mm, 3) : 0;
}

/* How often each memory cgroup above (and of) the victim ran out of its own limit: who has risen is it. */
static __always_inline void describe_levels(struct wire_victim *victim, struct task_struct *task)
{
	struct cgroup_subsys_state *css = memory_of(task);

#pragma unroll
	for (int i = 0; i < WIRE_LEVELS; i++) {
		struct cgroup *group = css ? BPF_CORE_READ(css, cgroup) : 0;
		bool ours = group && BPF_CORE_READ(group, root, hierarchy_id) == 0;

		victim->levels[i].id = ours ? BPF_CORE_READ(group, kn, id) : 0;
		victim->levels[i].ooms = ours ? ooms_of(css) : 0;
		css = css ? BPF_CORE_READ(css, parent) : 0;
	}
}

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int signal, struct kernel_siginfo *info, struct task_struct *task)
{
	struct wire_cpu *cpu = this_cpu();
	struct cgroup *group;
	struct life *life;
	__u64 id;

	if (!cpu)
		return 0;
	cpu->runs[4]++;
	if (!is_stop(signal))
		return 0;
	group = task->cgroups->dfl_cgrp;
	id = group->kn->id;
	if (current_group_id(current_task()) == id)
		return 0;
	life = bpf_map_lookup_elem(&lives, &id);
	if (!life && first_of(task)) {
		struct life fresh = { .pid = task->tgid, .first_in_namespace = true };

		bpf_map_update_elem(&lives, &id, &fresh, BPF_NOEXIST);
		life = bpf_map_lookup_elem(&lives, &id);
	}
	if (life && life->pid == (__u32)task->tgid && !life->stop_ns)
		life->stop_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, const struct sock *sock, const int before, const int state)
{
	struct wire_cpu *cpu = this_cpu();
	struct task_struct *task;
	struct life *life;
	__u64 id;

	if (!cpu)
		return 0;
	cpu->runs[5]++;
	if (state != TCP_LISTEN)
		return 0;
	task = current_task();
	id = current_group_id(task);
	life = bpf_map_lookup_elem(&lives, &id);
	if (life && !life->listens)
		reach(current_group(task), WIRE_LISTENS, 0, false);
	return 0;
}

/* The form since kernel commit 72ba14deb40a ("mm: update mark_victim tracepoints fields", 6.10). */
SEC("tp_btf/mark_victim")
int BPF_PROG(on_victim_task, struct task_struct *task)
{
	struct wire_victim *victim;

	ran(6);
	victim = event_begin(WIRE_VICTIM, sizeof(*victim), 0);
	if (!victim)
		return 0;
	describe_victim(victim, task);
	describe_levels(victim, task);
	event_end(victim, true);
	return 0;
}

/* The form before: a number. It is known whose it is when it kills itself. */
SEC("tp_btf/mark_victim")
int BPF_PROG(on_victim_pid, int pid)
{
	struct task_struct *task = current_task();
	struct wire_victim *victim;

	ran(7);
	victim = event_begin(WIRE_VICTIM, sizeof(*victim), 0);
	if (!victim)
		return 0;
	if (CURRENT_READ(task, pid, pid) == pid) {
		describe_victim(victim, task);
		describe_levels(victim, task);
	} else {
		struct wire_event event = victim->event;

		*victim = no_victim;
		victim->event = event;
		victim->pid = pid;
	}
	event_end(victim, true);
	return 0;
}
