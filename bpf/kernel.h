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
	int hierarchy_id;   /* 0 is cgroup2; ids of groups are unique within one hierarchy only */
	unsigned int flags; /* how it was mounted */
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
	unsigned int flags;
	int nr_populated_csets; /* in 7.2; before that in struct cgroup */
};

/* CPU time in nanoseconds: by ticks, and as the scheduler measured it. */
struct task_cputime {
	__u64 stime;
	__u64 utime;
	unsigned long long sum_exec_runtime;
};

/* What was last told of it, so that it never falls: cputime_adjust(). */
struct prev_cputime {
	__u64 utime;
	__u64 stime;
};

struct cgroup_base_stat {
	struct task_cputime cputime;
	__u64 forceidle_sum; /* with CONFIG_SCHED_CORE */
	__u64 ntime;	     /* since 6.11 (aefa398d93d5) */
};

struct mutex {
	struct {
		long counter;
	} owner; /* 0: nobody holds it; none on PREEMPT_RT */
};

struct psi_group_cpu {
	__u32 state_mask;
	__u32 times[8];
	__u32 times_prev[16]; /* at the last folding, for averages first */
};

/* The type information of 7.2 tells of arrays in arrays as such, that of earlier ones of one long array. */
struct psi_group_cpu___nested {
	__u32 times_prev[2][8];
};

struct psi_group {
	_Bool enabled;
	struct mutex avgs_lock;
	struct psi_group_cpu *pcpu; /* per CPU */
	__u64 avg_total[7];	    /* of total, what is in the averages */
	__u64 total[14];	    /* nanoseconds by state, for averages first */
	unsigned long avg[21];	    /* three by state */
};

struct psi_group___nested {
	__u64 total[2][7];
	unsigned long avg[7][3];
};

enum psi_states {
	PSI_IO_SOME,
	PSI_IO_FULL,
	PSI_MEM_SOME,
	PSI_MEM_FULL,
	PSI_CPU_SOME,
	PSI_CPU_FULL,
	PSI_IRQ_FULL,
	/* Not everywhere: then another one has its number. */
};

struct cgroup {
	struct cgroup_subsys_state self;
	unsigned long flags;
	int level; /* 0 is the root */
	int nr_descendants;
	int nr_dying_descendants;
	int nr_populated_csets; /* not in 7.2 */
	int nr_populated_domain_children;
	int nr_populated_threaded_children;
	struct kernfs_node *kn;
	struct cgroup_subsys_state *subsys[1]; /* as many as there are controllers */
	struct cgroup_root *root;
	struct cgroup *dom_cgrp; /* another one, where it is threaded */
	struct cgroup_base_stat bstat;
	struct prev_cputime prev_cputime;
	struct psi_group *psi; /* since 6.1 (57899a6610e6) no part of it */
};

/* The numbers differ: ask for them. */
enum cgroup_subsys_id { cpu_cgrp_id = 1, io_cgrp_id = 3, memory_cgrp_id = 4, pids_cgrp_id = 8 };

struct css_set {
	struct cgroup_subsys_state *subsys[1]; /* as many as there are controllers */
	struct cgroup *dfl_cgrp;	       /* in cgroup2, also on hybrid hosts */
	struct css_set *dom_cset; /* of its domain, where threads are in groups of their own */
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long counter;
} atomic_long_t;

struct page_counter {
	atomic_long_t usage; /* pages, as all here */
	unsigned long watermark;
	unsigned long min;
	unsigned long low;
	unsigned long high;
	unsigned long max;
};

/* What memory.stat shows; how many of each there are, and which, differs. */
struct memcg_vmstats {
	long state[1];
	unsigned long events[1];
	atomic_long_t
		stats_updates; /* pages that the CPUs have counted and not added up, by batches; since 6.8 */
};

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct memcg_vmstats *vmstats;
	struct page_counter memory;
	struct page_counter swap;
	unsigned long zswap_max;
	_Bool oom_group;
	atomic_long_t memory_events[9];
	atomic_long_t memory_events_local[9];
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct pids_cgroup {
	struct cgroup_subsys_state css;
	atomic64_t counter;
	atomic64_t limit;
	__s64 watermark;
	atomic64_t events_limit; /* until 6.11 (73e75e6fc352) */
	atomic64_t events[2];	 /* since then, by enum pidcg_event */
	atomic64_t events_local[2];
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

struct cfs_bandwidth {
	__s64 period; /* nanoseconds, as all times here */
	__u64 quota;
	__u64 burst;
	int nr_periods;
	int nr_throttled;
	int nr_burst;
	__u64 throttled_time;
	__u64 burst_time;
};

struct task_group {
	struct cgroup_subsys_state css;
	int idle;
	unsigned long shares; /* the weight, 1024 << 10 by default */
	struct cfs_bandwidth cfs_bandwidth;
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
	__u64 sum_exec_runtime;	     /* ns on a CPU, ever, up to the last tick or switch */
	struct sched_entity *parent; /* of the group, on the same CPU */
	struct cfs_rq *cfs_rq;	     /* of the group, on the CPU; also for tasks of other classes */
};

/* While kernel.task_delayacct is on. */
struct task_delay_info {
	__u64 blkio_delay; /* ns waited for block I/O, ever */
};

/* Registers at the entry of a system call. */
struct pt_regs {
#ifdef __TARGET_ARCH_arm64
	__s32 syscallno;
	unsigned long orig_x0;
	unsigned long regs[31];
#else
	unsigned long orig_ax;
	unsigned long di;
	unsigned long si;
	unsigned long dx;
	unsigned long r10;
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
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
	void *private_data; /* of a socket's file: its socket */
};

struct socket {
	struct file *file;
	struct sock *sk;
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
	unsigned int __state; /* since 5.14 (2f064a59a11f) */
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
	struct task_delay_info *delays; /* NULL: they are not accounted */
	struct css_set *cgroups;
	unsigned int memcg_nr_pages_over_high; /* that it was charged for above memory.high */
};

struct task_struct___before_5_14 {
	long state;
};

/* Of a program that is being started. */
struct linux_binprm {
	const char *fdpath; /* what stands for its name where it is started by execveat(fd, "") */
};

struct gendisk {
	int major;
	int first_minor;
};

struct request_queue {
	struct gendisk *disk; /* since 5.15 (d152c682f03c) */
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

/* What the policies of I/O keep for each group; which of them has which place is not told. */
struct blkcg {
	struct cgroup_subsys_state css;
	struct hlist_head blkg_list;
	void *cpd[1];
};

/* The cost model's. */
struct ioc_cgrp {
	unsigned int dfl_weight;
};

/* Of reads, writes, discards. */
struct blkg_iostat {
	__u64 bytes[3];
	__u64 ios[3];
};

struct blkg_iostat_set {
	struct blkg_iostat cur;
};

struct blkcg_gq {
	struct request_queue *q;
	struct hlist_node blkcg_node;
	struct blkcg *blkcg;
	_Bool online;
	struct blkg_iostat_set iostat;
	void *pd[1]; /* as blkcg->cpd, for this device */
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

struct in6_addr {
	__u32 address[4];
};

typedef struct {
	struct net *net;
} possible_net_t;

/* Addresses and ports of the other end, in network order. */
struct sock_common {
	__u32 skc_daddr;
	__u16 skc_dport;
	__u16 skc_num; /* the port of this end */
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
};

struct sock_cgroup_data {
	struct cgroup *cgroup; /* of who made the socket, in cgroup2; since 5.16 (8520e224f547) */
};

struct sock {
	struct sock_common __sk_common;
	unsigned short sk_type;
	unsigned short sk_protocol;
	int sk_err;
	__u32 sk_ack_backlog;	  /* of a listener: connections that nobody has accepted yet */
	__u32 sk_max_ack_backlog; /* and how many there may be */
	atomic_t sk_drops;
	struct sock_cgroup_data sk_cgrp_data;
	struct socket *sk_socket; /* NULL: no program has it any more */
	unsigned char sk_shutdown;
};

struct tcp_sock {
	__u32 srtt_us;	     /* smoothed round-trip time, in eighths of a microsecond */
	__u32 total_retrans; /* segments, ever */
	__u32 rcv_nxt;	     /* sequence number that comes next */
	__u32 copied_seq;    /* the first that no program has read */
	__u32 snd_una;	     /* the first that is not acknowledged */
	__u64 bytes_acked;
	__u64 bytes_received;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__cgroup {
	struct bpf_iter_meta *meta;
	struct cgroup *cgroup;
};

struct bpf_array {
	void *pptrs[1]; /* of a map with a value per CPU: from here on, as a per-CPU variable */
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

#pragma clang attribute pop
