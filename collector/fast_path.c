/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/fast_path.h"

#include <errno.h>
#include <stdlib.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/record_pass.h"
#include "collector/source.h"
#include "collector/sources/cgroup_check.h"

enum {
	FIRST_ROOM = 1024, /* records; one megabyte and a half */
	CHECK_TRIES = 4,   /* in which a number has to be wrong each time */
	TOLD_PASSES = 256, /* for which it is remembered what was told of a group that is gone */
};

static const uint64_t check_interval_ns = UINT64_C(60) * 1000 * 1000 * 1000;

struct fast_path {
	bool wanted;
	char *failure;	/* why it could not be opened, or not go on: until another configuration */
	char *passing;	/* the same of the last pass alone: until the next one */
	char *mismatch; /* which number was wrong: for good */
	struct record_pass *pass;
	unsigned room;
	const struct hierarchy *hierarchy; /* that the pass is over */
	struct record_check *check;
	uint64_t next_check_ns;
	uint64_t passes, compared, mismatches;
	struct told *told;
};

struct fast_path *fast_path_new(void)
{
	return xcalloc(1, sizeof(struct fast_path));
}

static void close_pass(struct fast_path *fast_path)
{
	record_pass_close(fast_path->pass);
	fast_path->pass = NULL;
}

void fast_path_free(struct fast_path *fast_path)
{
	struct told *told, *next;

	if (!fast_path)
		return;
	close_pass(fast_path);
	record_check_free(fast_path->check);
	HASH_ITER(hh, fast_path->told, told, next) {
		HASH_DEL(fast_path->told, told);
		free(told);
	}
	free(fast_path->failure);
	free(fast_path->passing);
	free(fast_path->mismatch);
	free(fast_path);
}

void fast_path_apply(struct fast_path *fast_path, const struct options *options)
{
	free(fast_path->failure);
	fast_path->failure = NULL;
	fast_path->wanted = options->cgroups_fast_path == FAST_PATH_AUTO;
	if (!fast_path->check)
		fast_path->check = record_check_new(options);
	fast_path->next_check_ns = 0;
}

void fast_path_skip(const struct hierarchy *hierarchy)
{
	for_each_group(group, hierarchy)
		group->record = NULL;
}

/* What is short just now may be there at the next scrape: until then files are read, and nothing is given up. */
static void fail(struct fast_path *fast_path, int err, const char *reason)
{
	char *why = xstrdup(reason ? reason : strerror(-err));

	if (is_passing(err)) {
		fast_path->passing = why;
		return;
	}
	fast_path->failure = why;
	close_pass(fast_path);
}

/* Sees to it that there is a pass over this hierarchy, with room for all that is in it. */
static int make_ready(struct fast_path *fast_path, const struct hierarchy *hierarchy)
{
	unsigned room = fast_path->room > FIRST_ROOM ? fast_path->room : FIRST_ROOM;
	const char *reason;

	while (room < hierarchy->n_groups)
		room *= 2;
	if (fast_path->pass && fast_path->hierarchy == hierarchy && fast_path->room == room)
		return 0;
	close_pass(fast_path);
	int err = record_pass_open(hierarchy->root_fd, room, &fast_path->pass, &reason);
	if (err < 0) {
		fail(fast_path, err, reason);
		return err;
	}
	fast_path->hierarchy = hierarchy;
	fast_path->room = room;
	return 0;
}

/* Groups that came after the walk have a record that nobody wants; those for which no room was left have none. */
static int run(struct fast_path *fast_path, struct hierarchy *hierarchy)
{
	const struct wire_record *records;
	unsigned n = 0;
	int err = record_pass_run(fast_path->pass, hierarchy, &records, &n);

	hierarchy->layout = record_pass_layout(fast_path->pass);
	fast_path_skip(hierarchy); /* not all may have one again */
	if (err < 0 && err != -ENOSPC) {
		fail(fast_path, err, NULL);
		return err;
	}
	for (unsigned i = 0; i < n; i++) {
		struct group *group = hierarchy_find(hierarchy, records[i].id);

		if (group)
			group->record = &records[i];
	}
	return 0;
}

/* A pass between two readings of some groups' files. */
static int run_checked(struct fast_path *fast_path, struct hierarchy *hierarchy)
{
	unsigned compared, wrong;
	int err = 0;

	record_check_begin(fast_path->check, hierarchy);
	for (int i = 0; i < CHECK_TRIES; i++) {
		cleanup_free char *mismatch = NULL;

		record_check_before(fast_path->check, hierarchy);
		err = run(fast_path, hierarchy);
		if (err < 0)
			return err;
		wrong = record_check_after(fast_path->check, hierarchy, &compared, &mismatch);
		fast_path->compared += compared;
		if (!wrong)
			return 0;
		if (i < CHECK_TRIES - 1)
			continue;
		fast_path->mismatches += wrong;
		fast_path->mismatch = mismatch;
		mismatch = NULL;
	}
	fast_path_skip(hierarchy);
	close_pass(fast_path);
	return -EBADMSG;
}

/* Forgets what was told of groups that are gone. */
static void forget(struct fast_path *fast_path)
{
	struct told *told, *next;

	if (fast_path->passes % TOLD_PASSES != 0)
		return;
	HASH_ITER(hh, fast_path->told, told, next) {
		if (told->pass + TOLD_PASSES >= fast_path->passes)
			continue;
		HASH_DEL(fast_path->told, told);
		free(told);
	}
}

void fast_path_read(struct fast_path *fast_path, struct hierarchy *hierarchy)
{
	uint64_t now = clock_monotonic_ns();
	int err;

	free(fast_path->passing);
	fast_path->passing = NULL;
	fast_path->passes++;
	forget(fast_path);
	if (fast_path_reason(fast_path)) {
		fast_path_skip(hierarchy);
		/* A reload that switches it off brings another hierarchy. */
		if (fast_path->hierarchy != hierarchy)
			close_pass(fast_path);
		return;
	}
	if (make_ready(fast_path, hierarchy) < 0) {
		fast_path_skip(hierarchy);
		return;
	}
	if (now < fast_path->next_check_ns) {
		(void)run(fast_path, hierarchy);
		return;
	}
	err = run_checked(fast_path, hierarchy);
	if (err == 0)
		fast_path->next_check_ns = now + check_interval_ns;
}

const char *fast_path_reason(const struct fast_path *fast_path)
{
	if (fast_path->mismatch)
		return fast_path->mismatch;
	if (!fast_path->wanted)
		return "it is switched off";
	return fast_path->failure ? fast_path->failure : fast_path->passing;
}

const char *fast_path_left(const struct fast_path *fast_path)
{
	bool records = fast_path->pass && !fast_path_reason(fast_path);

	return records ? record_pass_left(fast_path->pass) : NULL;
}

uint64_t fast_path_mismatches(const struct fast_path *fast_path)
{
	return fast_path->mismatches;
}

uint64_t fast_path_compared(const struct fast_path *fast_path)
{
	return fast_path->compared;
}

size_t fast_path_memory(const struct fast_path *fast_path)
{
	return record_pass_memory(fast_path->pass);
}

struct told *fast_path_told(struct fast_path *fast_path, uint64_t id, bool add)
{
	struct told *told;

	if (!fast_path)
		return NULL;
	HASH_FIND(hh, fast_path->told, &id, sizeof(id), told);
	if (!told && add) {
		told = xcalloc(1, sizeof(*told));
		told->id = id;
		HASH_ADD(hh, fast_path->told, id, sizeof(told->id), told);
	}
	if (told)
		told->pass = fast_path->passes;
	return told;
}
