/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/syscall_table.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

/* Separated by blanks. Names that this architecture or libseccomp does not know are passed over. */
static const char *const classes[N_SYSCALL_CLASSES] = {
	[CLASS_FILE_READ] = "read pread64 readv preadv preadv2 readahead cachestat",
	[CLASS_FILE_WRITE] =
		"write pwrite64 writev pwritev pwritev2 sendfile copy_file_range splice tee "
		"vmsplice truncate ftruncate fallocate",
	[CLASS_SYNC] = "fsync fdatasync sync syncfs sync_file_range msync",
	[CLASS_METADATA] =
		"open openat openat2 creat close close_range stat fstat lstat newfstatat statx "
		"access "
		"faccessat faccessat2 chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat "
		"rename renameat renameat2 link linkat unlink unlinkat symlink symlinkat readlink "
		"readlinkat mkdir mkdirat rmdir mknod mknodat getcwd chdir fchdir getdents "
		"getdents64 "
		"lseek fcntl dup dup2 dup3 utime utimes utimensat futimesat setxattr lsetxattr "
		"fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr "
		"removexattr "
		"lremovexattr fremovexattr setxattrat getxattrat listxattrat removexattrat statfs "
		"fstatfs mount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount "
		"fspick statmount listmount umask chroot pivot_root quotactl quotactl_fd fadvise64 "
		"name_to_handle_at open_by_handle_at pipe pipe2 eventfd eventfd2 memfd_create "
		"inotify_add_watch inotify_rm_watch inotify_init inotify_init1 fanotify_init "
		"fanotify_mark",
	[CLASS_NETWORK] =
		"socket socketpair connect bind listen sendto sendmsg sendmmsg recvfrom recvmsg "
		"recvmmsg shutdown getsockname getpeername setsockopt getsockopt",
	[CLASS_WAIT] =
		"poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2 epoll_wait_old "
		"futex futex_wait futex_waitv nanosleep clock_nanosleep pause rt_sigsuspend "
		"rt_sigtimedwait accept accept4 wait4 waitid msgrcv semop semtimedop "
		"mq_timedreceive io_getevents io_pgetevents io_uring_enter restart_syscall flock",
	[CLASS_MEMORY] =
		"mmap munmap mprotect brk mremap madvise process_madvise process_mrelease mlock "
		"mlock2 mlockall munlock munlockall mincore mbind migrate_pages move_pages "
		"set_mempolicy get_mempolicy set_mempolicy_home_node shmat shmdt shmget shmctl "
		"remap_file_pages pkey_alloc pkey_free pkey_mprotect mseal map_shadow_stack "
		"process_vm_readv process_vm_writev userfaultfd memfd_secret",
	[CLASS_PROCESS] =
		"fork vfork clone clone3 execve execveat exit exit_group kill tkill tgkill "
		"rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigqueueinfo "
		"rt_tgsigqueueinfo sigaltstack getpid getppid gettid getpgid getpgrp setpgid "
		"getsid "
		"setsid getuid geteuid getgid getegid getresuid getresgid setuid setgid setreuid "
		"setregid setresuid setresgid setfsuid setfsgid getgroups setgroups prctl "
		"arch_prctl "
		"getrlimit setrlimit prlimit64 getrusage times getpriority setpriority sched_yield "
		"sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_setattr "
		"sched_getattr sched_setaffinity sched_getaffinity sched_get_priority_max "
		"sched_get_priority_min sched_rr_get_interval set_tid_address set_robust_list "
		"get_robust_list rseq membarrier capget capset ptrace seccomp unshare setns "
		"personality pidfd_open pidfd_send_signal pidfd_getfd getcpu kcmp ioprio_set "
		"ioprio_get modify_ldt",
	[CLASS_OTHER] = "",
};

/*
 * Calls of other classes whose time is that of waiting when they had to give up the CPU: for data of a
 * peer, for a lock.
 */
static const struct {
	const char *name;
	__u16 waits;
} waiting[] = {
	{ "read", WIRE_WAITS_UNLESS_FILE },
	{ "readv", WIRE_WAITS_UNLESS_FILE },
	{ "preadv2", WIRE_WAITS_UNLESS_FILE },
	{ "splice", WIRE_WAITS_UNLESS_FILE },
	{ "tee", WIRE_WAITS },
	{ "recvfrom", WIRE_WAITS },
	{ "recvmsg", WIRE_WAITS },
	{ "recvmmsg", WIRE_WAITS },
	{ "fcntl", WIRE_WAITS },
};

_Static_assert(ARRAY_SIZE(waiting) <= WIRE_CALL_SPARES - WIRE_CALL_WAITS, "there are too few keys");
_Static_assert(N_SYSCALL_CLASSES <= WIRE_CALL_KEYS - WIRE_CALL_SPARES, "there are too few keys");

const char *syscall_class_name(enum syscall_class class)
{
	static const char *const names[N_SYSCALL_CLASSES] = {
		[CLASS_FILE_READ] = "file_read", [CLASS_FILE_WRITE] = "file_write",
		[CLASS_SYNC] = "sync",		 [CLASS_METADATA] = "metadata",
		[CLASS_NETWORK] = "network",	 [CLASS_WAIT] = "wait",
		[CLASS_MEMORY] = "memory",	 [CLASS_PROCESS] = "process",
		[CLASS_OTHER] = "other",
	};

	return names[class];
}

/* -1 when this architecture has no such call. */
static int number_of(const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	return number >= 0 && number < WIRE_CALLS ? number : -1;
}

static void classify(struct syscall_table *table, enum syscall_class class)
{
	cleanup_free char *names = xstrdup(classes[class]);
	char *rest = names;

	for (char *name = strsep(&rest, " "); name; name = strsep(&rest, " ")) {
		int number = number_of(name);

		if (number >= 0)
			table->classes[number] = class;
	}
}

static char *name_of(int number)
{
	cleanup_free char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

	return name ? xstrdup(name) : xasprintf("syscall_%d", number);
}

static void add_waiting(struct syscall_table *table)
{
	for (unsigned i = 0; i < ARRAY_SIZE(waiting); i++) {
		int number = number_of(waiting[i].name);

		if (number < 0)
			continue;
		table->calls[number].waits = waiting[i].waits;
		table->calls[number].waits_key = (__u16)(WIRE_CALL_WAITS + i);
		table->classes[WIRE_CALL_WAITS + i] = CLASS_WAIT;
		table->names[WIRE_CALL_WAITS + i] = xstrdup(waiting[i].name);
	}
}

/*
 * Errors that are told by name: those of files, processes and sockets (asm-generic/errno-base.h and
 * errno.h). Left out are those of STREAMS, of libraries and of devices that are no more: a counter of each
 * would take half of the memory.
 */
static void add_errors(struct syscall_table *table)
{
	static const struct {
		int first, last;
	} told[] = {
		{ EPERM, ELOOP },	{ ENODATA, ETIME },	  { EPROTO, EPROTO },
		{ EBADMSG, EOVERFLOW }, { EILSEQ, EILSEQ },	  { ENOTSOCK, ESTALE },
		{ EDQUOT, EDQUOT },	{ ECANCELED, ECANCELED },
	};
	__u8 key = 0;

	table->errors[key++] = "other";
	for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
		for (int number = told[i].first; number <= told[i].last; number++) {
			const char *name = strerrorname_np(number);

			if (!name || key == WIRE_ERROR_KEYS)
				continue;
			table->error_keys[number] = key;
			table->errors[key++] = name;
		}
	}
}

struct syscall_table *syscall_table_new(void)
{
	struct syscall_table *table = xcalloc(1, sizeof(*table));

	for (int number = 0; number < WIRE_CALLS; number++)
		table->names[number] = name_of(number);
	table->names[WIRE_CALL_UNKNOWN] = xstrdup("unknown");
	table->names[WIRE_CALL_COMPAT] = xstrdup("compat");
	for (int key = 0; key < WIRE_CALL_KEYS; key++)
		table->classes[key] = CLASS_OTHER;
	for (enum syscall_class class = 0; class < N_SYSCALL_CLASSES; class ++) {
		classify(table, class);
		table->classes[WIRE_CALL_SPARES + class] = class;
	}
	add_waiting(table);
	add_errors(table);
	for (int key = 0; key < WIRE_CALL_KEYS; key++)
		table->calls[key].spare_key = (__u16)(WIRE_CALL_SPARES + table->classes[key]);
	return table;
}

void syscall_table_free(struct syscall_table *table)
{
	if (!table)
		return;
	for (int key = 0; key < WIRE_CALL_SPARES; key++)
		free(table->names[key]);
	free(table);
}
