/* SPDX-License-Identifier: Apache-2.0 */
/* A host of a slice, pods and containers, as a pass over it tells the survivors; for their test. */
#pragma once

#include "collector/workloads/survivors.h"

#include "tests/support.h"

enum { ROOT = 1, SLICE = 2, POD = 3, SECOND_MS = 1000, SHOWN_MAX = 16384 };

struct world {
	struct events *events;
	struct survivors *survivors;
	struct pass pass;
	struct last_state state; /* what the runtime's files tell of every container */
	int state_error;
	const char *killed; /* the one container that its runtime calls OOM-killed */
	struct {
		struct survivor s;
		char name[64];
	} shown[SHOWN_MAX];
	size_t n_shown;
};

SUPPORT int look_up(void *context, const char *runtime, const char *container_id, const char *file,
		    struct last_state *ret)
{
	const struct world *w = context;

	(void)runtime;
	(void)file;
	if (w->state_error)
		return w->state_error;
	*ret = w->state;
	if (w->killed)
		ret->oom_killed = streq(w->killed, container_id);
	ret->name = w->state.name ? xstrdup(w->state.name) : NULL;
	return 0;
}

SUPPORT int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->events = events_new();
	w->survivors = survivors_new(w->events);
	w->state_error = -ENOENT;
	w->pass = (struct pass){
		.now_ms = 1000000,
		.time_ms = 1795441508000,
		.remember_ms = 3600 * SECOND_MS,
		.look_up = look_up,
		.context = w,
	};
	*state = w;
	return 0;
}

SUPPORT int tear_down(void **state)
{
	struct world *w = *state;

	survivors_free(w->survivors);
	events_free(w->events);
	free(w);
	return 0;
}

SUPPORT void begin(struct world *w, uint64_t seconds)
{
	w->pass.now_ms += seconds * SECOND_MS;
	w->pass.time_ms += (int64_t)seconds * SECOND_MS;
	survivors_begin(w->survivors, &w->pass);
}

/* The root, and a slice with `kills` here and below, `own` in itself. */
SUPPORT void see_slices(const struct world *w, uint64_t kills, uint64_t own)
{
	const struct sighting root = { .id = ROOT,
				       .key = { KIND_HOST, "/", "", "", "" },
				       .known = true,
				       .has_kills = true,
				       .kills = kills,
				       .attempt = -1,
				       .path = "/",
				       .container_id = "",
				       .runtime = "" };
	struct sighting slice = root;

	slice.id = SLICE;
	slice.parent = ROOT;
	slice.key = (struct survivor_key){ KIND_SLICE, "/s", "", "", "" };
	slice.has_own = true;
	slice.own = own;
	survivors_see(w->survivors, &root);
	survivors_see(w->survivors, &slice);
}

SUPPORT struct sighting container(uint64_t id, const char *name, uint64_t kills)
{
	return (struct sighting){ .id = id,
				  .parent = SLICE,
				  .key = { KIND_CONTAINER, name, "", "", "" },
				  .known = true,
				  .restarts = true,
				  .whole = true,
				  .has_kills = true,
				  .kills = kills,
				  .attempt = -1,
				  .path = "/s/c",
				  .image = "demo",
				  .container_id = name,
				  .runtime = "docker" };
}

SUPPORT void see(const struct world *w, struct sighting sighting)
{
	survivors_see(w->survivors, &sighting);
}

SUPPORT void keep(void *context, const struct survivor *survivor)
{
	struct world *w = context;

	assert_true(w->n_shown < SHOWN_MAX);
	w->shown[w->n_shown].s = *survivor;
	snprintf(w->shown[w->n_shown].name, sizeof(w->shown[0].name), "%s%s", survivor->key.name,
		 survivor->key.container);
	w->n_shown++;
}

SUPPORT void end(struct world *w)
{
	survivors_end(w->survivors);
	w->n_shown = 0;
	survivors_show(w->survivors, keep, w);
}

/* One whole pass over some containers; ended by one with id 0. */
SUPPORT void pass(struct world *w, uint64_t seconds, uint64_t kills, const struct sighting *c)
{
	begin(w, seconds);
	see_slices(w, kills, 0);
	for (; c->id; c++)
		survivors_see(w->survivors, c);
	end(w);
}

#define PASS(w, seconds, kills, ...)                                                               \
	pass(w, seconds, kills, (const struct sighting[]){ __VA_ARGS__{ .id = 0 } })
#define C(id, name, kills) container(id, name, kills),
#define TEST(name)	   cmocka_unit_test_setup_teardown(name, set_up, tear_down)

SUPPORT const struct survivor *find(const struct world *w, const char *name)
{
	const struct survivor *found = NULL;

	for (size_t i = 0; i < w->n_shown; i++) {
		if (!streq(w->shown[i].name, name))
			continue;
		assert_null(found); /* one series per key */
		found = &w->shown[i].s;
	}
	return found;
}

SUPPORT void expect(const struct world *w, const char *name, uint64_t kills, uint64_t restarts)
{
	const struct survivor *s = find(w, name);

	assert_non_null(s);
	assert_int_equal(s->oom_kills, kills);
	assert_int_equal(s->restarts, restarts);
}

SUPPORT unsigned count_events(const struct world *w, enum event_type type)
{
	unsigned n = 0;

	for (uint64_t i = events_first(w->events); i <= events_last(w->events); i++)
		n += events_find(w->events, i)->type == type;
	return n;
}
