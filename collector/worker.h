/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread beside the event loop for what would block it: bcrypt, walks over disks. Jobs run in
 * order, one at a time; what they found is handed over on the loop. A job shares nothing with the
 * rest of the program while it runs, so there is no lock but the worker's own.
 * Owned by whoever made it; all functions but worker_stopping() belong to the loop's thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct worker;

enum { WORKER_PATIENCE_S = 10 };

/* Embedded as the first member of what the job works on. */
struct worker_job {
	void (*run)(struct worker *worker, struct worker_job *job); /* on the worker's thread */
	void (*done)(
		struct worker_job *job); /* on the loop's thread; the job is the owner's again */
	struct worker_job *next;	 /* the worker's */
	bool cancelled;			 /* never ran: the worker was freed before */
};

/*
 * Starts a thread of that name (at most 15 bytes); `background` gives it the lowest CPU and disk
 * priority. -errno; *ret_worker untouched on failure.
 */
int worker_new(const char *name, bool background, struct worker **ret_worker);
/*
 * Waits for the job that runs, then calls done() for all: `cancelled` tells those that never ran. One
 * that does not end within WORKER_PATIENCE_S hangs in the kernel: it keeps its thread and its memory
 * for good, and its done() is never called. Accepts NULL.
 */
void worker_free(struct worker *worker);
/* Takes the job until its done() is called. */
void worker_submit(struct worker *worker, struct worker_job *job);
/* Jobs submitted whose done() has not been called. */
unsigned worker_pending(const struct worker *worker);
/* For how long the present job has run; 0: there is none. It tells of one that hangs. */
uint64_t worker_busy_ns(const struct worker *worker);
/* Becomes readable when worker_dispatch() has something to do. */
int worker_fd(const struct worker *worker);
/* Calls done() of all finished jobs. May also be called without the descriptor being readable. */
void worker_dispatch(struct worker *worker);
/* For long jobs: whether worker_free() waits for them, so that they return early. Any thread. */
bool worker_stopping(struct worker *worker);
