/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every kernel structure that the probes read, with only the fields they read: libbpf finds the
 * offsets in the running kernel's BTF (CO-RE).
 */
#pragma once

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

struct nsproxy {
	struct net *net_ns;
};

struct kernfs_node {
	__u64 id;
	const char *name;
};

struct cgroup_root {
	int hierarchy_id; /* 0 is cgroup2; ids of groups are unique within one hierarchy only */
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	int level; /* 0 is the root */
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

enum cgroup_subsys_id { memory_cgrp_id = 4 }; /* the number differs: ask for it */

struct css_set {
	struct cgroup_subsys_state *subsys[1]; /* as many as there are controllers */
	struct cgroup *dfl_cgrp;	       /* in cgroup2, also on hybrid hosts */
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long counter;
} atomic_long_t;

struct mem_cgroup {
	struct cgroup_subsys_state css;
	atomic_long_t memory_events_local[9];
};

struct percpu_counter {
	__s64 count;
};

/* Pages in memory: of files, anonymous, swapped out, shared. */
struct mm_struct {
	struct percpu_counter rss_stat[4];
};

struct mm_rss_stat___before_6_2 {
	atomic_long_t count[4];
};

struct mm_struct___before_6_2 {
	struct mm_rss_stat___before_6_2 rss_stat;
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct signal_struct {
	atomic_t live; /* threads that have not begun to exit */
	int nr_threads;
	int group_exit_code;
	unsigned int flags;
	short oom_score_adj;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level; /* 0: in the host's namespace only */
	struct upid numbers[1];
};

struct sched_info {
	unsigned long pcount;		 /* how often it got on a CPU */
	unsigned long long run_delay;	 /* ns waited for a CPU, ever */
	unsigned long long last_arrival; /* rq clock when it got on a CPU */
	unsigned long long last_queued;	 /* rq clock when it began to wait; 0: it does not */
};

struct rq {
	__u64 clock;
};

struct task_group {
	struct cgroup_subsys_state css;
};

struct cfs_rq {
	struct rq *rq;
	struct task_group *tg;
	/* Since 6.6 (677ea015f231): ns for which its own quota or that of a group above held it back. */
	__u64 throttled_clock_self_time;
	/* Since 5.19 (64eaf50731ac): the same by PELT's clock, which a slow CPU slows down. */
	__u64 throttled_clock_pelt_time;
};

struct cfs_rq___task {
	__u64 throttled_clock_task_time; /* before 5.19: by the clock without interrupts */
};

struct sched_entity {
	struct sched_entity *parent; /* of the group, on the same CPU */
	struct cfs_rq *cfs_rq;	     /* of the group, on the CPU; also for tasks of other classes */
};

/* Registers at the entry of a system call. */
struct pt_regs {
#ifdef __TARGET_ARCH_arm64
	__s32 syscallno;
	unsigned long orig_x0;
#else
	unsigned long orig_ax;
	unsigned long di;
#endif
};

struct thread_info {
#ifdef __TARGET_ARCH_arm64
	unsigned long flags;
#else
	__u32 status;
#endif
};

struct inode {
	unsigned short i_mode;
};

struct file {
	struct inode *f_inode;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	struct thread_info thread_info;
	struct sched_entity se;
	struct sched_info sched_info;
	unsigned int flags;
	int exit_code;
	int prio; /* from 100 on: not real-time */
	int pid;
	int tgid;
	__u64 start_time;
	char comm[16];
	struct mm_struct *mm;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	const struct cred *cred;
	struct signal_struct *signal;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	unsigned int memcg_nr_pages_over_high; /* that it was charged for above memory.high */
};

struct gendisk {
	int major;
	int first_minor;
};

struct request_queue {
	struct gendisk *disk; /* since 5.15 (d152c682f03c) */
};

struct blkcg {
	struct cgroup_subsys_state css;
};

struct blkcg_gq {
	struct blkcg *blkcg;
};

struct bio_issue {
	__u64 value; /* the lower BIO_ISSUE_TIME_BITS: when it was submitted, ns */
};

struct bio {
	struct blkcg_gq *bi_blkg;  /* of the cgroup that it is charged to */
	struct bio_issue bi_issue; /* until 6.17 */
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len; /* bytes that are not completed yet */
	struct bio *bio; /* the first that is not completed yet; NULL for requests without data */
	__u64 alloc_time_ns; /* 0 unless the cost model is on */
	__u64 start_time_ns; /* when it was made; 0 without queue/iostats and without a scheduler */
	__u64 io_start_time_ns; /* when it was issued; 0 while nothing asks for the queue's statistics */
};

struct request___before_5_17 {
	struct gendisk *rq_disk; /* f3fa33acca9f */
};

enum req_flag_bits { __REQ_FUA = 17 };

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop
