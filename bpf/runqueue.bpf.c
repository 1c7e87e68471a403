/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long tasks wait for a CPU, from runnable to running, counted for the cgroup of the one that
 * waited, and who ran meanwhile. The scheduler keeps the time itself (sched_info, kernel/sched/stats.h)
 * and adds it up right behind this tracepoint by the same clock, so one program without a clock of its own
 * counts to the nanosecond what /proc/PID/schedstat tells.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/cpus.h"
#include "bpf/histograms.h"
#include "bpf/kernel.h"
#include "bpf/pairs.h"
#include "bpf/slots.h"
#include "bpf/tallies.h"
#include "bpf/throttles.h"
#include "bpf/wire_runqueue.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * What is known of a task since it got on last, in one word, so that two tasks that share a place never
 * make a wrong number of it: its run_delay, then how often it got on, then the rest of its number.
 */
enum { TOTAL_BITS = 48, COUNT_BITS = 9, MISSED_MAX = 8 };
#define TOTAL_MASK ((1ULL << TOTAL_BITS) - 1)
#define COUNT_MASK ((1ULL << COUNT_BITS) - 1)

static const __u64 clocks_differ_ns = 1000 * 1000; /* CPU from CPU, at most */
static const __u64 missed_max_ns = 1ULL << 36;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the collector makes it as many as there are CPUs */
	__type(key, __u32);
	__type(value, struct wire_runner);
} runners SEC(".maps");

/* By the low bits of the number of a task. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_TASKS);
	__type(key, __u32);
	__type(value, __u64);
} totals SEC(".maps");

static __always_inline __u32 slot_of_group(struct wire_runner *runner, struct cgroup *group)
{
	__u64 id = group->kn->id, at = id;
	__u32 slot;

	asm volatile("" : "+r"(at));
	at &= WIRE_GROUPS - 1;
	if (runner->groups[at].id == id)
		return runner->groups[at].slot;
	slot = slot_of(group);
	if (slot) { /* a free one may be there next time */
		runner->groups[at].slot = slot;
		runner->groups[at].id = id;
	}
	return slot;
}

/*
 * A task that is moved to another CPU while it waits begins anew there: run_delay has what was before.
 * So it has what was missed: some kernels switch now and then without this tracepoint. Without a word about
 * the task (first sight after the start, or another took its place) only what it waited here is told.
 */
static __always_inline __u64 whole_wait(struct task_struct *task, __u64 wait, __u64 now)
{
	__u32 pid = task->pid, at = pid & (WIRE_TASKS - 1);
	__u64 count = task->sched_info.pcount, run_delay = task->sched_info.run_delay + wait;
	__u64 tag = (__u64)(pid / WIRE_TASKS) + 1, before, whole, missed;
	__u64 *known = bpf_map_lookup_elem(&totals, &at);

	if (!known)
		return wait;
	before = *known;
	*known =
		(tag << COUNT_BITS | (count & COUNT_MASK)) << TOTAL_BITS | (run_delay & TOTAL_MASK);
	if (!count)
		return run_delay;
	if (before >> (TOTAL_BITS + COUNT_BITS) != tag)
		return wait;
	whole = (run_delay - before) & TOTAL_MASK;
	missed = (count - 1 - (before >> TOTAL_BITS)) & COUNT_MASK;
	/* A thread that has executed a program has got the number of another. */
	if (whole < wait || missed >= MISSED_MAX || whole > missed_max_ns)
		return wait;
	if (!missed && whole > now - task->sched_info.last_arrival + clocks_differ_ns)
		return wait;
	return whole;
}

static __always_inline void charge(struct wire_runner *runner, __u32 cpu, __u32 victim, __u32 by,
				   __u64 ns)
{
	__u64 pair = (__u64)victim << 32 | by, at = victim * 7 + by;
	__u32 key = WIRE_WAIT_LOST;

	asm volatile("" : "+r"(at));
	at &= WIRE_PAIRS - 1;
	if (by == victim)
		key = WIRE_WAIT_SELF;
	else if (by == WIRE_SLOT_IDLE)
		key = WIRE_WAIT_IDLE;
	else if (!victim || !by)
		key = WIRE_WAIT_OTHER;
	else if (pair_add(cpu, pair, &runner->pairs[at], 0, ns))
		return;
	else
		tally_add_on(cpu, 0, WIRE_WAIT_UNNAMED, 1);
	tally_add_on(cpu, victim, key, ns);
}

/* The part of the wait that quotas took, charged to their level. */
static __noinline __u64 charge_quotas(struct wire_runner *runner, struct task_struct *task,
				      __u32 victim, __u64 queued, __u64 now)
{
	__u64 group = task->se.cfs_rq->tg->css.cgroup->kn->id, at = group, left = now - queued;
	struct wire_throttle *throttle;

	if (task->prio < FIRST_PRIO_WITHOUT_REAL_TIME)
		return 0;
	asm volatile("" : "+r"(at));
	at &= WIRE_THROTTLES - 1;
	throttle = &runner->throttles[at];
	throttle_look(throttle, task, group, now, left);
	for (int i = 0; i < WIRE_THROTTLE_STEPS; i++) {
		__u64 ns = throttle->steps[i].ns, since = throttle->steps[i].at_ns - queued;

		if (i >= throttle->n_steps || throttle->steps[i].at_ns <= queued)
			continue;
		ns = ns < since ? ns : since;
		ns = ns < left ? ns : left;
		left -= ns;
		tally_add(victim, throttle->steps[i].key, ns);
	}
	return now - queued - left;
}

/* Who ran further back than the task that ran until now. */
static __noinline void charge_earlier(struct wire_runner *runner, __u32 cpu, __u32 victim,
				      __u64 from, __u64 end)
{
	__u64 newest = runner->newest;

	for (__u64 i = 1; i < WIRE_RUNS && end > from; i++) {
		__u64 at = newest - i, since;

		asm volatile("" : "+r"(at));
		at &= WIRE_RUNS - 1;
		since = runner->runs[at].since_ns;
		if (!since || since > end)
			break;
		since = since > from ? since : from;
		charge(runner, cpu, victim, runner->runs[at].slot, end - since);
		end = since;
	}
	if (end > from)
		tally_add_on(cpu, victim, WIRE_WAIT_OTHER, end - from);
}

/* A cgroup has one histogram here: the number of its slot is all. */
static __always_inline void waited(struct wire_runner *runner, __u32 first_histogram, __u32 cpu,
				   struct task_struct *task, __u32 slot, __u64 queued, __u64 now)
{
	__u64 whole = whole_wait(task, now - queued, now), at = runner->newest, since;

	histogram_add_from(first_histogram, slot, slot, whole);
	if (whole > now - queued)
		tally_add_on(cpu, slot, WIRE_WAIT_OTHER, whole - (now - queued));
	if (throttled_ns(task->se.cfs_rq))
		queued += charge_quotas(runner, task, slot, queued, now);
	asm volatile("" : "+r"(at));
	at &= WIRE_RUNS - 1;
	since = runner->runs[at].since_ns;
	if (since <= queued)
		since = queued;
	if (now > since)
		charge(runner, cpu, slot, runner->runs[at].slot, now - since);
	if (since > queued)
		charge_earlier(runner, cpu, slot, queued, since);
}

/* Tasks of one cgroup in turn are one run. */
static __always_inline void run_begins(struct wire_runner *runner, __u32 slot, __u64 now)
{
	__u64 at = runner->newest;

	asm volatile("" : "+r"(at));
	at &= WIRE_RUNS - 1;
	if (runner->runs[at].slot == slot && runner->runs[at].since_ns)
		return;
	at = ++runner->newest;
	asm volatile("" : "+r"(at));
	at &= WIRE_RUNS - 1;
	runner->runs[at].since_ns = now;
	runner->runs[at].slot = slot;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 number = bpf_get_smp_processor_id();
	struct wire_cpu *cpu = bpf_map_lookup_elem(&cpus, &number);
	struct wire_runner *runner = bpf_map_lookup_elem(&runners, &number);
	struct cfs_rq *cfs_rq = next->se.cfs_rq;
	__u64 queued = next->sched_info.last_queued, now;
	__u32 slot = WIRE_SLOT_IDLE;

	if (!cpu || !runner || !cfs_rq)
		return 0;
	cpu->runs[0]++;
	now = cfs_rq->rq->clock;
	if (next->pid) { /* each CPU's idle task is 0 */
		slot = slot_of_group(runner, next->cgroups->dfl_cgrp);
		if (queued && now >= queued)
			waited(runner, cpu->first_histogram, number, next, slot, queued, now);
	}
	run_begins(runner, slot, now);
	return 0;
}
