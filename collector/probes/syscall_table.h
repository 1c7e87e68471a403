/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What system calls are called and what they are for. Names are libseccomp's; classes are ours, by what a
 * call is for and not by what its descriptor is: write() to a socket is a file_write.
 */
#pragma once

#include "bpf/wire_syscalls.h"

enum syscall_class {
	CLASS_FILE_READ,
	CLASS_FILE_WRITE,
	CLASS_SYNC,
	CLASS_METADATA,
	CLASS_NETWORK,
	CLASS_WAIT, /* made to wait for others: being long says nothing about being slow */
	CLASS_MEMORY,
	CLASS_PROCESS,
	CLASS_OTHER,
	N_SYSCALL_CLASSES,
};

/* Of this architecture, by the keys of bpf/wire.h. Owned by whoever made it. */
struct syscall_table {
	char *names[WIRE_CALL_SPARES]; /* of the calls that may wait, twice */
	enum syscall_class classes[WIRE_CALL_KEYS];
	struct wire_call calls[WIRE_CALL_KEYS];
	__u8 error_keys[WIRE_ERRNOS];	     /* 0: of an error that hardly any program sees */
	const char *errors[WIRE_ERROR_KEYS]; /* "ENOENT", ...; [0] is "other" */
};

/* Asks libseccomp for all names. A number that it does not know is called "syscall_NUMBER". */
struct syscall_table *syscall_table_new(void);
/* Accepts NULL. */
void syscall_table_free(struct syscall_table *table);
/* "file_read", "wait", ...: the label `class`. */
const char *syscall_class_name(enum syscall_class class);
