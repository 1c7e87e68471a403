/* SPDX-License-Identifier: Apache-2.0 */
/* What is there, and what it tells. What is gone: survivors_gone.c. */
#include "collector/workloads/survivors.h"

#include <stdlib.h>
#include <utlist.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/workloads/survivor_instances.h"

/* A name is waited for this long. */
enum { KNOWN_WITHIN_MS = 10000 };

struct survivors *survivors_new(struct events *events)
{
	struct survivors *s = xcalloc(1, sizeof(*s));

	s->events = events;
	return s;
}

static void key_free(struct survivor_key *key)
{
	free((char *)key->name);
	free((char *)key->namespace);
	free((char *)key->pod);
	free((char *)key->container);
}

void instance_free(struct survivors *s, struct instance *instance)
{
	HASH_DEL(s->by_id, instance);
	if (instance->gone) {
		DL_DELETE(s->gone, instance);
		s->n_gone--;
	}
	if (instance->entry)
		keys_release(&s->keys, instance->entry);
	key_free(&instance->key);
	free(instance->path);
	free(instance->image);
	free(instance->container_id);
	free(instance->file);
	instance_free_life(instance);
	free(instance);
}

void survivors_free(struct survivors *survivors)
{
	struct instance *instance, *next;

	if (!survivors)
		return;
	HASH_ITER(hh, survivors->by_id, instance, next)
		instance_free(survivors, instance);
	keys_free(&survivors->keys);
	free(survivors);
}

struct instance *instance_find(const struct survivors *s, uint64_t id)
{
	struct instance *instance;

	HASH_FIND(hh, s->by_id, &id, sizeof(id), instance);
	return instance;
}

/* Strings are borrowed. */
static struct event describe(const struct survivors *s, const struct instance *instance,
			     enum event_type type, uint64_t count)
{
	const struct entry *entry = instance->entry;
	struct event event = {
		.time_ms = s->pass.time_ms,
		.type = type,
		.kind = entry->key.kind,
		.cgroup_id = instance->id,
		.path = instance->path,
		/* A unit is named by its path, which is told anyway. */
		.name = instance->path && streq(entry->key.name, instance->path)
				? NULL
				: (char *)entry->key.name,
		.image = instance->image,
		.namespace = (char *)entry->key.namespace,
		.pod = (char *)entry->key.pod,
		.container = (char *)entry->key.container,
		.container_id = instance->container_id,
		.runtime = instance->runtime,
		.count = count,
	};

	if (type == EVENT_RESTARTED) {
		event.has_exit_code = entry->has_exit_code;
		event.exit_code = entry->exit_code;
	}
	if (type == EVENT_GONE)
		event.totals = instance->totals;
	return event;
}

uint64_t instance_tell(struct survivors *s, const struct instance *instance, enum event_type type,
		       uint64_t count)
{
	const struct event event = describe(s, instance, type, count);

	return instance->excluded ? 0 : events_add(s->events, &event);
}

/* One event for each that the kernel told of, and one for the rest. */
static void tell_kills(struct survivors *s, struct instance *instance, uint64_t n)
{
	struct victim victim;

	for (; n && instance_next_victim(instance, &victim); n--) {
		struct event event = describe(s, instance, EVENT_OOM_KILL, 1);

		event.victim = victim;
		if (!instance->excluded)
			events_add(s->events, &event);
		free(victim.limit);
	}
	if (!n)
		return;
	uint64_t number = instance_tell(s, instance, EVENT_OOM_KILL, n);

	instance->kill_event = n == 1 ? number : 0;
	instance->killed_ms = s->pass.now_ms;
}

/* Puts kills on the row of an instance. */
void instance_charge(struct survivors *s, struct instance *instance, uint64_t n)
{
	if (!n)
		return;
	instance->charged += n;
	if (!instance->entry) {
		instance->waiting += n;
		return;
	}
	instance->entry->oom_kills += n;
	instance->entry->counts_kills = true;
	tell_kills(s, instance, n);
}

/* Another run under a key of which one has ended; runs that nobody saw are in the runtime's count. */
static void count_restart(struct survivors *s, struct instance *instance, int64_t last)
{
	uint64_t n = 1;

	if (instance->attempt >= 0 && last >= 0 && instance->attempt > last)
		n = (uint64_t)(instance->attempt - last);
	instance->entry->restarts += n;
	instance_tell(s, instance, EVENT_RESTARTED, n);
}

struct ended *instance_end(struct instance *instance)
{
	return keys_end(instance->entry, instance->runtime, instance->user);
}

void instance_start(struct survivors *s, struct instance *instance)
{
	instance->starting = false;
	if (!instance->restarts)
		return;
	instance->started = true;
	struct ended *ended = keys_ended(instance->entry, instance->runtime, instance->user);
	if (ended && ended->n) {
		ended->n--;
		count_restart(s, instance, ended->attempt);
	} else if (!instance->baseline) {
		instance_tell(s, instance, EVENT_STARTED, 1);
	}
}

void instance_enter(struct survivors *s, struct instance *instance)
{
	struct entry *entry = keys_get(&s->keys, &instance->key);

	instance->entry = entry;
	entry->counts_restarts |= instance->restarts;
	entry->counts_kills |= instance->has_kills;
	entry->excluded = instance->excluded;
	keys_enter(&s->keys, entry);
	uint64_t waiting = instance->waiting;
	instance->waiting = 0;
	instance->charged -= waiting;
	instance_charge(s, instance, waiting);
}

static bool same_key(const struct survivor_key *a, const struct survivor_key *b)
{
	return a->kind == b->kind && streq(a->name, b->name) && streq(a->namespace, b->namespace) &&
	       streq(a->pod, b->pod) && streq(a->container, b->container);
}

static void take_key(struct survivors *s, struct instance *instance,
		     const struct sighting *sighting)
{
	bool same = same_key(&instance->key, &sighting->key);

	if (!same) {
		key_free(&instance->key);
		instance->key = (struct survivor_key){
			.kind = sighting->key.kind,
			.name = xstrdup(sighting->key.name),
			.namespace = xstrdup(sighting->key.namespace),
			.pod = xstrdup(sighting->key.pod),
			.container = xstrdup(sighting->key.container),
		};
	}
	if (!instance->entry) {
		if (sighting->known || s->pass.now_ms - instance->first_ms >= KNOWN_WITHIN_MS) {
			instance_enter(s, instance);
			instance->starting = true;
		}
	} else if (!same) {
		keys_leave(&s->keys, instance->entry, s->pass.now_ms);
		keys_release(&s->keys, instance->entry);
		instance_enter(s, instance);
		/* Only now it is known that this is a container: runc's state was not there before. */
		instance->starting = !instance->started;
	} else {
		instance->entry->excluded = sighting->excluded;
	}
}

void instance_set(char **field, const char *text)
{
	if (*field && text && streq(*field, text))
		return;
	free(*field);
	*field = text ? xstrdup(text) : NULL;
}

static struct instance *instance_new(struct survivors *s, const struct sighting *sighting)
{
	struct instance *instance = xcalloc(1, sizeof(*instance));

	instance->id = sighting->id;
	instance->parent = sighting->parent;
	instance->first_ms = s->pass.now_ms;
	instance->key = (struct survivor_key){ .kind = N_WORKLOAD_KINDS,
					       .name = xstrdup(""),
					       .namespace = xstrdup(""),
					       .pod = xstrdup(""),
					       .container = xstrdup("") };
	instance->baseline = s->passes == 1 && !s->between;
	HASH_ADD(hh, s->by_id, id, sizeof(instance->id), instance);
	return instance;
}

/* Kills of this very cgroup since it was last read, in a rise of the number here and below. */
static uint64_t own_kills(struct instance *instance, const struct sighting *sighting, uint64_t rise)
{
	uint64_t before = instance->own;
	bool comparable = instance->has_own || !instance->read;

	if (sighting->has_own) {
		instance->own = sighting->own;
		instance->has_own = true;
	}
	if (instance->whole)
		return rise;
	return sighting->has_own && comparable && sighting->own > before ? sighting->own - before
									 : 0;
}

static void take_kills(struct survivors *s, struct instance *instance,
		       const struct sighting *sighting)
{
	struct instance *parent = instance_find(s, instance->parent);
	uint64_t rise, own;

	if (!sighting->has_kills)
		return;
	if (instance->baseline && !instance->has_kills)
		instance->kills = instance->told = sighting->kills;
	rise = sighting->kills > instance->kills ? sighting->kills - instance->kills : 0;
	own = own_kills(instance, sighting, rise);
	if (instance->baseline && !instance->has_kills)
		own = 0;
	instance->has_kills = true;
	if (instance->entry)
		instance->entry->counts_kills = true;
	instance->read = s->passes;
	instance->kills += rise;
	instance->told += own;
	if (parent)
		parent->told += rise; /* where it is told is this instance's matter now */
	instance_charge(s, instance, own);
}

void survivors_begin(struct survivors *survivors, const struct pass *pass)
{
	survivors->pass = *pass;
	survivors->passes++;
	survivors->between = false;
}

void survivors_resume(struct survivors *survivors, const struct pass *pass)
{
	survivors->pass = *pass;
	survivors->between = true;
}

bool survivors_recall(const struct survivors *survivors, struct sighting *sighting)
{
	const struct instance *instance = instance_find(survivors, sighting->id);

	bool enough = instance && (!instance->parent || (sighting->whole && instance->whole) ||
				   instance->has_own);

	if (!enough || !instance->has_kills)
		return false;
	sighting->has_kills = true;
	sighting->kills = instance->kills;
	sighting->has_own = instance->has_own;
	sighting->own = instance->own;
	return true;
}

void survivors_see(struct survivors *survivors, const struct sighting *sighting)
{
	struct instance *instance = instance_find(survivors, sighting->id);

	struct instance *parent = instance_find(survivors, sighting->parent);

	if (!instance)
		instance = instance_new(survivors, sighting);
	if (parent)
		parent->has_children = true;
	if (instance->gone)
		return; /* an id is never used again */
	instance->seen = survivors->passes;
	instance->restarts = sighting->restarts;
	instance->helper = sighting->helper;
	instance->excluded = sighting->excluded;
	instance->whole = sighting->whole && !instance->has_children;
	instance->attempt = sighting->attempt;
	instance->runtime = sighting->runtime;
	instance->user = sighting->user;
	instance_set(&instance->path, sighting->path);
	instance_set(&instance->image, sighting->image);
	instance_set(&instance->container_id, sighting->container_id);
	instance_set(&instance->file, sighting->file);
	take_key(survivors, instance, sighting);
	take_kills(survivors, instance, sighting);
}

void survivors_note(struct survivors *survivors, uint64_t id, const struct totals *totals)
{
	struct instance *instance = instance_find(survivors, id);

	if (instance && !instance->gone)
		instance->totals = *totals;
}

void survivors_show(struct survivors *survivors,
		    void (*show)(void *context, const struct survivor *survivor), void *context)
{
	keys_show(&survivors->keys, survivors->pass.now_ms, survivors->pass.settle_ms, show,
		  context);
}

uint64_t survivors_forgotten(const struct survivors *survivors)
{
	return survivors->keys.forgotten;
}

uint64_t survivors_unattributed(const struct survivors *survivors)
{
	return survivors->unattributed;
}
