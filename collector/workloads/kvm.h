/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual machines that no runtime has written down (QEMU or Firecracker by hand, in a unit or a scope):
 * the kernel shows them as an open file of their process. For containers.c, which asks seldom.
 */
#pragma once

#include <stdbool.h>

struct group;
struct hierarchy;
struct members;

/* Asks about one group look at so many open files of one process at most. */
enum { KVM_FILES_MAX = 1024 };

/*
 * Whether the oldest process in the group holds a virtual machine: a descriptor whose link says
 * "anon_inode:kvm-vm" (kvm_dev_ioctl_create_vm() in virt/kvm/kvm_main.c). Needs ptrace rights; without
 * them the answer is no. `procfs` as in procfs.h, `members` as in members.h.
 */
bool kvm_is_machine(int procfs, struct hierarchy *hierarchy, struct group *group,
		    struct members *members);
/* What such a machine is called: its group's name without .scope or .service. The caller frees it. */
char *kvm_name(const char *group_name);
