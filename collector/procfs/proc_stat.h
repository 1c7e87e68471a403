/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of <procfs>/PID/stat. Pure parsing and one read; used by the sources that look at processes.
 */
#pragma once

#include <stdint.h>

struct proc_stat {
	int32_t ppid;
	char state;
	char comm[64];	       /* raw bytes, without the parentheses */
	uint64_t utime, stime; /* USER_HZ */
	uint64_t threads;
	uint64_t starttime; /* USER_HZ after boot */
	uint64_t vsize;	    /* bytes */
	uint64_t rss_pages;
};

/* Parses the text of a stat file: proc_pid_stat(5). 0 or -EINVAL; *ret untouched on failure. */
int proc_stat_parse(const char *text, struct proc_stat *ret);
/* Reads <procfs>/PID/stat; `pid` is "self" or a number. 0 or -errno. */
int proc_stat_read(const char *procfs, const char *pid, struct proc_stat *ret);
/* Reads a stat file at openat()'s `dirfd` and path. 0 or -errno. */
int proc_stat_read_at(int dirfd, const char *path, struct proc_stat *ret);
/* Unix time of the boot in milliseconds, from <procfs>/stat's btime line; 0 when it cannot be read. */
int64_t proc_boot_time_ms(const char *procfs);
