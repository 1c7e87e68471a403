/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool of others that loads programs into the kernel, run beside a measurement: `syscount`,
 * `bpftrace`. Owned by the benchmark that starts it.
 */
#pragma once

#include <sys/types.h>

/*
 * Starts a command on all CPUs, with tracefs mounted for it alone, and returns when its programs have been
 * attached for two seconds. -ENODATA when it ends before that, or has attached none after 30 s.
 */
int peer_start(const char *const argv[], pid_t *ret_pid);
/* Kills it, for some hang when asked to end, and waits until its programs have gone. */
void peer_stop(pid_t pid);
