/* SPDX-License-Identifier: Apache-2.0 */
/* Beginnings and ends in this very kernel: groups and processes of our own, counted by us as well. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "collector/cgroups.h"
#include "collector/clock.h"
#include "collector/collect.h"
#include "collector/workloads/events.h"
#include "collector/log.h"
#include "collector/source.h"
#include "tests/support.h"

/* The storm is so far ahead at most: what is told of it must fit where the last 4,096 events are kept. */
enum { STORM = 10000, AHEAD = 1500, PATIENCE_S = 60, TRIES = 20 };

struct world {
	struct options options;
	struct self_counters counters;
	struct collector *collector;
	char *top;			     /* our group, a slice */
	char *own;			     /* its path */
	uint64_t read;			     /* events so far */
	uint8_t started[STORM], gone[STORM]; /* of the storm, by name: how often */
	atomic_uint told;		     /* ends in it */
	atomic_bool given_up;
};

static uint64_t bit_of(const char *name)
{
	for (size_t i = 0; i < n_sources; i++)
		if (streq(sources[i]->name, name))
			return UINT64_C(1) << i;
	fail_msg("no source %s", name);
	return 0;
}

static const struct snapshot *scrape(struct world *w)
{
	const struct collect_request request = { .sources = w->options.sources_enabled };

	return collector_acquire(w->collector, &request);
}

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	const char *root = own_groups_root();

	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);

	w->top = own_group_new("life.slice");
	w->own = xstrdup(w->top + strlen(root));
	w->options = options_for_tree("");
	free(w->options.path_cgroupfs);
	w->options.path_cgroupfs = xstrdup(root);
	w->options.containers_remember_s = 3600;
	w->options.cgroups_max = HIERARCHY_GROUPS_MAX; /* whatever else is on this host */
	w->options.probe_max_memory_mib = 64;
	w->options.probe_histogram_schema = 3;
	w->options.sources_enabled = bit_of("lifetime") | bit_of("lifecycle");
	assert_int_equal(collector_new(&w->options, &w->counters, &w->collector), 0);
	collector_start_probes(w->collector);
	(void)collector_follow(w->collector, true);
	const struct snapshot *snapshot = scrape(w);
	bool up = false;
	for (size_t i = 0; i < snapshot->n_sources; i++)
		if (streq(snapshot->sources[i].name, "lifetime")) {
			up = snapshot->sources[i].up;
			if (!up)
				printf("SKIP: no kernel probe here: %s\n",
				       snapshot->sources[i].reason);
		}
	snapshot_unref(snapshot);
	*state = w;
	if (!up)
		skip();
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	collector_free(w->collector);
	rmdir(w->top);
	options_for_tree_free(&w->options);
	free(w->top);
	free(w->own);
	free(w);
	return 0;
}

static void note_name(struct world *w, const struct event *event)
{
	uint8_t *counts = event->type == EVENT_GONE ? w->gone : w->started;
	int number;

	if (event->type != EVENT_STARTED && event->type != EVENT_GONE)
		return;
	if (sscanf(event->path + strlen(w->own), "/unit-%d.service", &number) == 1)
		counts[number]++;
	w->told += event->type == EVENT_GONE;
}

/* The new events of our own groups, by type. The ring of events must not overrun in between. */
static void count_events(struct world *w, uint64_t counts[N_EVENT_TYPES])
{
	struct events *events = collector_events(w->collector);

	for (; w->read < events_last(events); w->read++) {
		const struct event *event = events_find(events, w->read + 1);

		assert_non_null(event);
		if (strncmp(event->path, w->own, strlen(w->own)) != 0)
			continue;
		counts[event->type]++;
		note_name(w, event);
	}
}

static const struct event *last_event(struct world *w, enum event_type type, const char *path)
{
	struct events *events = collector_events(w->collector);

	for (uint64_t n = events_last(events); n >= events_first(events) && n; n--) {
		const struct event *event = events_find(events, n);

		if (event->type == type && streq(event->path, path))
			return event;
	}
	fail_msg("no event %s of %s", event_type_name(type), path);
	return NULL;
}

/* As the event loop does it: waits for news, and looks. */
static void follow(struct world *w, int ms)
{
	struct pollfd fd = { .fd = collector_watch_fd(w->collector), .events = POLLIN };

	(void)poll(&fd, 1, ms);
	(void)collector_follow(w->collector, false);
}

static uint64_t value_of(const struct snapshot *snapshot, const char *name, const char *path,
			 const char *first, const char *second)
{
	const struct family *family = snapshot_family(snapshot, name);
	uint64_t sum = 0;

	assert_non_null(family);
	for_each_sample(sample, family) {
		if (path && !streq(sample->workload->path, path))
			continue;
		if (first &&
		    (!streq(sample->labels[0], first) || !streq(sample->labels[1], second)))
			continue;
		sum += sample->integer;
	}
	return sum;
}

static uint64_t lost(struct world *w)
{
	const struct snapshot *snapshot;
	uint64_t n = 0;

	w->options.sources_enabled |= bit_of("probes");
	snapshot = scrape(w);
	const struct family *family = snapshot_family(snapshot, "tallyman_probe_lost_total");
	if (family)
		for_each_sample(sample, family)
			n += strncmp(sample->labels[1], "ring full", 9) == 0 ? sample->integer : 0;
	snapshot_unref(snapshot);
	return n;
}

static void *make_storm(void *data)
{
	struct world *w = data;

	for (unsigned i = 0; i < STORM; i++) {
		cleanup_free char *path = xasprintf("%s/unit-%u.service", w->top, i);

		while (i - w->told > AHEAD && !w->given_up)
			poll(NULL, 0, 1);
		if (mkdir(path, 0755) < 0 || rmdir(path) < 0)
			return NULL;
	}
	return data;
}

/* Each of them is known by name, however short it was there, and the kernel has counted them all. */
static void test_storm(void **state)
{
	struct world *w = *state;
	uint64_t counts[N_EVENT_TYPES] = { 0 };
	uint64_t end = clock_monotonic_ns() + PATIENCE_S * UINT64_C(1000000000);
	const struct snapshot *before = scrape(w);
	uint64_t made = value_of(before, "tallyman_cgroups_created_total", NULL, NULL, NULL);
	uint64_t removed = value_of(before, "tallyman_cgroups_removed_total", NULL, NULL, NULL);
	pthread_t thread;
	void *done = NULL;

	snapshot_unref(before);
	w->read = events_last(collector_events(w->collector));
	assert_int_equal(pthread_create(&thread, NULL, make_storm, w), 0);
	while (counts[EVENT_GONE] < STORM && clock_monotonic_ns() < end) {
		follow(w, 100);
		count_events(w, counts);
	}
	w->given_up = true;
	assert_int_equal(pthread_join(thread, &done), 0);
	assert_ptr_equal(done, w);
	assert_int_equal(lost(w), 0);
	assert_int_equal(counts[EVENT_STARTED], STORM);
	assert_int_equal(counts[EVENT_RESTARTED], 0);
	assert_int_equal(counts[EVENT_GONE], STORM);
	for (int i = 0; i < STORM; i++) {
		assert_int_equal(w->started[i], 1);
		assert_int_equal(w->gone[i], 1);
	}
	const struct snapshot *after = scrape(w);
	/* Others may make groups on this host, too. */
	assert_true(value_of(after, "tallyman_cgroups_created_total", NULL, NULL, NULL) >=
		    made + STORM);
	assert_true(value_of(after, "tallyman_cgroups_removed_total", NULL, NULL, NULL) >=
		    removed + STORM);
	snapshot_unref(after);
}

/* Whether the group of that path is in a scrape. */
static bool is_scraped(struct world *w, const char *path)
{
	const struct snapshot *snapshot = scrape(w);
	bool found = false;

	for (size_t i = 0; i < snapshot->n_workloads; i++)
		found |= streq(snapshot->workloads[i].path, path + strlen(own_groups_root()));
	snapshot_unref(snapshot);
	return found;
}

/* As if nobody had told of it. */
static void forget(struct world *w, const char *path)
{
	struct hierarchy *hierarchy = collector_hierarchy(w->collector);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	struct group *group = hierarchy_find(hierarchy, st.st_ino);
	assert_non_null(group);
	hierarchy_remove(hierarchy, group);
}

/* When others make so many groups that news are lost, all are listed: not each time. */
static bool stays_forgotten(struct world *w, const char *path)
{
	bool found = true;

	for (int i = 0; i < TRIES && found; i++) {
		forget(w, path);
		found = is_scraped(w, path);
	}
	return !found;
}

/* A scrape lists the groups again in which others came or went, and takes the rest as it was. */
static void test_lists_what_is_told(void **state)
{
	struct world *w = *state;
	cleanup_free char *slice = xasprintf("%s/one.slice", w->top);
	cleanup_free char *service = xasprintf("%s/quiet.service", slice);
	cleanup_free char *other = xasprintf("%s/other.service", slice);

	assert_false(is_scraped(w, slice));
	assert_int_equal(mkdir(slice, 0755), 0);
	assert_int_equal(mkdir(service, 0755), 0);
	assert_true(is_scraped(w, service)); /* one in another, both new */
	assert_true(stays_forgotten(w, service));
	assert_true(is_scraped(w, slice));
	assert_int_equal(mkdir(other, 0755), 0);
	assert_true(is_scraped(w, other));
	assert_true(is_scraped(w, service)); /* found by the way */
	assert_int_equal(rmdir(other), 0);
	assert_false(is_scraped(w, other));
	assert_true(is_scraped(w, service));
	forget(w, service);
	assert_int_equal(rmdir(service), 0);
	assert_int_equal(rmdir(slice), 0);
	assert_false(is_scraped(w, slice));
	assert_false(is_scraped(w, service));
}

/* Into the group, and then another program. */
static void become(const char *group, char *const arguments[])
{
	cleanup_free char *procs = xasprintf("%s/cgroup.procs", group);
	FILE *file = fopen(procs, "we");

	if (!file || fprintf(file, "0\n") < 0 || fclose(file) != 0)
		_exit(99);
	execv(arguments[0], arguments);
	_exit(98);
}

enum way { TRUE, FALSE, CODE, TERM, KILL, THREADS, N_WAYS, TIMES = 10 };

static void *wait_for_ever(void *data)
{
	pause();
	return data;
}

static void end_in(enum way way)
{
	static char yes[] = "/bin/true", no[] = "/bin/false";
	char *const arguments[N_WAYS][2] = { { yes, NULL }, { no, NULL } };
	pthread_t thread;

	if (way == TRUE || way == FALSE)
		execv(arguments[way][0], arguments[way]);
	if (way == TERM || way == KILL)
		raise(way == TERM ? SIGTERM : SIGKILL);
	for (int i = 0; way == THREADS && i < 8; i++)
		pthread_create(&thread, NULL, wait_for_ever, NULL);
	_exit(way == CODE ? 7 : 0);
}

/* A process in the group that starts others and waits for each. */
static void run_all(const char *group)
{
	cleanup_free char *procs = xasprintf("%s/cgroup.procs", group);
	FILE *file = fopen(procs, "we");
	int status;

	if (!file || fprintf(file, "0\n") < 0 || fclose(file) != 0)
		_exit(99);
	for (int i = 0; i < N_WAYS * TIMES; i++) {
		pid_t pid = fork();

		if (pid == 0)
			end_in((enum way)(i % N_WAYS));
		if (waitpid(pid, &status, 0) != pid)
			_exit(98);
	}
	_exit(0);
}

/* A known number of programs that end in known ways; a process of many threads ends once. */
static void test_counts(void **state)
{
	struct world *w = *state;
	cleanup_free char *group = xasprintf("%s/counts.service", w->top);
	cleanup_free char *path = xasprintf("%s/counts.service", w->own);
	const char *const exits = "container_exits_total";
	int status;

	assert_int_equal(mkdir(group, 0755), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		run_all(group);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	const struct snapshot *snapshot = scrape(w);
	assert_int_equal(value_of(snapshot, "container_execs_total", path, NULL, NULL), 2 * TIMES);
	assert_int_equal(value_of(snapshot, exits, path, "0", ""), 2 * TIMES + 1);
	assert_int_equal(value_of(snapshot, exits, path, "1", ""), TIMES);
	assert_int_equal(value_of(snapshot, exits, path, "other", ""), TIMES);
	assert_int_equal(value_of(snapshot, exits, path, "", "TERM"), TIMES);
	assert_int_equal(value_of(snapshot, exits, path, "", "KILL"), TIMES);
	assert_int_equal(value_of(snapshot, exits, path, NULL, NULL), N_WAYS * TIMES + 1);
	snapshot_unref(snapshot);
	assert_int_equal(rmdir(group), 0);
}

static uint64_t stage_count(const struct snapshot *snapshot, const char *name, const char *stage)
{
	const struct family *family = snapshot_family(snapshot, name);

	assert_non_null(family);
	for_each_sample(sample, family)
		if (streq(sample->labels[0], "machine") && streq(sample->labels[2], stage))
			return histogram_count(sample->histogram);
	return 0;
}

static void assert_life_told(struct world *w, const char *path)
{
	const struct event *executed = last_event(w, EVENT_EXECUTED, path);
	const struct event *listening = last_event(w, EVENT_LISTENING, path);
	const struct event *exited = last_event(w, EVENT_EXITED, path);
	const struct event *gone = last_event(w, EVENT_GONE, path);

	assert_true(executed->has_seconds && listening->has_seconds && exited->has_seconds);
	assert_true(executed->seconds >= 0.05); /* it was made that long before */
	assert_true(listening->seconds > executed->seconds);
	assert_true(exited->seconds < 30);
	assert_true(exited->has_signal);
	assert_int_equal(exited->signal, SIGTERM);
	assert_true(gone->has_exit_code);
	assert_int_equal(gone->exit_code, 128 + SIGTERM);
}

/* Made, first program, first listening socket, stop signal, end, removal. */
static void test_life(void **state)
{
	static char program[] = "/usr/bin/python3", flag[] = "-c";
	static char script[] = "import socket,os,signal; s=socket.socket(); s.listen(); "
			       "os.write(1, b'x'); signal.pause()";
	char *const arguments[] = { program, flag, script, NULL };
	struct world *w = *state;
	cleanup_free char *group = xasprintf("%s/machine-tallyman.scope", w->top);
	cleanup_free char *path = xasprintf("%s/machine-tallyman.scope", w->own);
	const struct timespec pause = { .tv_nsec = 50000000 };
	int fds[2], status;
	char byte;

	assert_int_equal(mkdir(group, 0755), 0);
	nanosleep(&pause, NULL);
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		become(group, arguments);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1); /* it listens */
	close(fds[0]);
	follow(w, 100);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(rmdir(group), 0);
	const struct snapshot *snapshot = scrape(w);
	assert_life_told(w, path);
	snapshot_unref(snapshot);
	snapshot = scrape(w); /* what the last one has counted */
	assert_int_equal(stage_count(snapshot, "container_start_duration_seconds", "exec"), 1);
	assert_int_equal(stage_count(snapshot, "container_start_duration_seconds", "listen"), 1);
	assert_int_equal(stage_count(snapshot, "container_stop_duration_seconds", "exit"), 1);
	assert_int_equal(stage_count(snapshot, "container_stop_duration_seconds", "removed"), 1);
	snapshot_unref(snapshot);
}

/* Where a part of the hierarchy is read, groups elsewhere are no reason to list all of it. */
static void test_part(void **state)
{
	struct world *w = *state;
	cleanup_free char *inner = xasprintf("%s/inner", w->top);
	struct stat st;

	collector_free(w->collector);
	free(w->options.path_cgroupfs);
	w->options.path_cgroupfs = xstrdup(w->top);
	assert_int_equal(collector_new(&w->options, &w->counters, &w->collector), 0);
	collector_start_probes(w->collector);
	for (int i = 0; i < 2; i++)
		snapshot_unref(scrape(w));
	struct hierarchy *hierarchy = collector_hierarchy(w->collector);
	hierarchy->root->absent_since_ns = 0; /* it is set where all are listed */
	cleanup_free char *elsewhere = own_group_new("elsewhere");
	assert_int_equal(mkdir(inner, 0755), 0);
	assert_int_equal(stat(inner, &st), 0);
	snapshot_unref(scrape(w));
	assert_non_null(hierarchy_find(hierarchy, st.st_ino));
	assert_int_equal(hierarchy->root->absent_since_ns, 0);
	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(rmdir(elsewhere), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_storm, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lists_what_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_life, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_part, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
