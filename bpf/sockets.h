/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a descriptor of the task that runs to its socket. What is read on the way may be anything. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/current.h"
#include "bpf/kernel.h"

enum { SOCKET_MODE_MASK = 0170000, SOCKET_MODE = 0140000, AF_INET = 2, AF_INET6 = 10 };

static __always_inline struct file *file_of(struct task_struct *task, __u32 fd)
{
	struct files_struct *files = CURRENT_READ(task, files, files);
	struct file **table, *file = 0;

	if (!files || fd >= CURRENT_READ(files, fdt->max_fds, fdt, max_fds))
		return 0;
	table = CURRENT_READ(files, fdt->fd, fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), table + fd);
	return file;
}

/* What a file has where a socket's file has its socket. For other files it is no socket. */
static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket = 0;
	struct sock *sock = 0;

	bpf_probe_read_kernel(&socket, sizeof(socket),
			      __builtin_preserve_access_index(&file->private_data));
	bpf_probe_read_kernel(&sock, sizeof(sock), __builtin_preserve_access_index(&socket->sk));
	return sock;
}

static __always_inline bool is_socket(struct file *file)
{
	__u16 mode = BPF_CORE_READ(file, f_inode, i_mode);

	return (mode & SOCKET_MODE_MASK) == SOCKET_MODE;
}
