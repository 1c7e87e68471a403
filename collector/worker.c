/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/memory.h"
#include "collector/worker.h"

struct job_list {
	struct worker_job *first, **end;
};

struct worker {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct job_list waiting, finished; /* under the mutex */
	atomic_bool stopping;
	atomic_uint_least64_t started_ns; /* of the job that runs; 0: none does */
	unsigned pending;		  /* the loop's */
	int event_fd;
	bool background;
};

static void list_clear(struct job_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void list_append(struct job_list *list, struct worker_job *job)
{
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
}

static struct worker_job *list_take(struct job_list *list)
{
	struct worker_job *job = list->first;

	if (job && !(list->first = job->next))
		list->end = &list->first;
	return job;
}

/* Best effort: a kernel without these classes runs the thread like any other. */
static void lower_priority(void)
{
	struct sched_param param = { 0 };

	(void)sched_setscheduler(0, SCHED_IDLE, &param);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
		      IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}

static void *worker_thread(void *data)
{
	struct worker *worker = data;

	if (worker->background)
		lower_priority();
	pthread_mutex_lock(&worker->mutex);
	while (!worker->stopping) {
		struct worker_job *job = list_take(&worker->waiting);

		if (!job) {
			pthread_cond_wait(&worker->wake, &worker->mutex);
			continue;
		}
		pthread_mutex_unlock(&worker->mutex);
		worker->started_ns = clock_monotonic_ns();
		job->run(worker, job);
		worker->started_ns = 0;
		pthread_mutex_lock(&worker->mutex);
		list_append(&worker->finished, job);
		(void)eventfd_write(worker->event_fd, 1);
	}
	pthread_mutex_unlock(&worker->mutex);
	return NULL;
}

/* Signals belong to the loop: the thread is born with all of them blocked. */
static int thread_start(struct worker *worker, const char *name)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&worker->thread, NULL, worker_thread, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!err)
		(void)pthread_setname_np(worker->thread, name);
	return -err;
}

int worker_new(const char *name, bool background, struct worker **ret_worker)
{
	struct worker *worker = xcalloc(1, sizeof(*worker));
	int r;

	worker->background = background;
	list_clear(&worker->waiting);
	list_clear(&worker->finished);
	pthread_mutex_init(&worker->mutex, NULL);
	pthread_cond_init(&worker->wake, NULL);
	worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = worker->event_fd < 0 ? -errno : thread_start(worker, name);
	if (r < 0) {
		cleanup_close_fn(&worker->event_fd);
		pthread_cond_destroy(&worker->wake);
		pthread_mutex_destroy(&worker->mutex);
		free(worker);
		return r;
	}
	*ret_worker = worker;
	return 0;
}

uint64_t worker_busy_ns(const struct worker *worker)
{
	uint64_t started = worker->started_ns;

	return started ? clock_monotonic_ns() - started : 0;
}

static void cancel_waiting(struct worker *worker, struct worker_job *job)
{
	for (struct worker_job *next; job; job = next) {
		next = job->next;
		worker->pending--;
		job->cancelled = true;
		job->done(job);
	}
}

void worker_free(struct worker *worker)
{
	struct timespec until;

	if (!worker)
		return;
	pthread_mutex_lock(&worker->mutex);
	worker->stopping = true;
	struct worker_job *waiting = worker->waiting.first;
	list_clear(&worker->waiting);
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->mutex);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WORKER_PATIENCE_S;
	bool hangs = pthread_timedjoin_np(worker->thread, NULL, &until) != 0;
	worker_dispatch(worker);
	cancel_waiting(worker, waiting);
	if (hangs) {
		pthread_detach(worker->thread);
		return;
	}
	close(worker->event_fd);
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->mutex);
	free(worker);
}

void worker_submit(struct worker *worker, struct worker_job *job)
{
	job->cancelled = false;
	worker->pending++;
	pthread_mutex_lock(&worker->mutex);
	list_append(&worker->waiting, job);
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->mutex);
}

unsigned worker_pending(const struct worker *worker)
{
	return worker->pending;
}

int worker_fd(const struct worker *worker)
{
	return worker->event_fd;
}

void worker_dispatch(struct worker *worker)
{
	struct worker_job *job, *next;
	eventfd_t count;

	(void)eventfd_read(worker->event_fd, &count);
	pthread_mutex_lock(&worker->mutex);
	job = worker->finished.first;
	list_clear(&worker->finished);
	pthread_mutex_unlock(&worker->mutex);
	for (; job; job = next) {
		next = job->next;
		worker->pending--;
		job->done(job);
	}
}

bool worker_stopping(struct worker *worker)
{
	return worker->stopping;
}
