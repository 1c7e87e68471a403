/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of single runs: when they came so far, how they ended, whom the OOM killer chose. */
#include <stdlib.h>
#include <sys/wait.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/workloads/stages.h"
#include "collector/workloads/survivor_instances.h"

/* A run whose first process has ended may have another one, which tells more: this is waited for. */
static const uint64_t another_ns = UINT64_C(1) * 1000 * 1000 * 1000;
/* A kill may be read before the kernel's word of it is. */
static const uint64_t late_ms = 1000;

static struct instance *living(const struct survivors *s, uint64_t id)
{
	struct instance *instance = instance_find(s, id);

	return instance && !instance->gone ? instance : NULL;
}

void survivors_reach(struct survivors *survivors, uint64_t id, enum life_stage stage,
		     uint64_t time_ns)
{
	struct instance *instance = living(survivors, id);

	if (instance && !instance->life.reached_ns[stage])
		instance->life.reached_ns[stage] = time_ns;
}

void survivors_exit(struct survivors *survivors, uint64_t id, uint64_t time_ns, uint64_t stop_ns,
		    unsigned status)
{
	struct instance *instance = living(survivors, id);

	if (!instance)
		return;
	instance->life.exit_ns = time_ns;
	instance->life.status = status;
	if (stop_ns)
		instance->life.stop_ns = stop_ns;
}

void survivors_remove(struct survivors *survivors, uint64_t id, uint64_t time_ns)
{
	struct instance *instance = living(survivors, id);

	survivors->kernel_tells = true;
	if (!instance)
		return;
	instance->life.removed_ns = time_ns;
	instance->seen = 0; /* the end of the pass finds it gone */
}

/* Its kill was read, and told, just before. */
static bool comes_late(const struct survivors *s, const struct instance *instance)
{
	return instance->life.victims < instance->charged && instance->kill_event &&
	       s->pass.now_ms - instance->killed_ms < late_ms;
}

void survivors_blame(struct survivors *survivors, uint64_t id, const struct victim *victim)
{
	struct instance *instance = instance_find(survivors, id);
	struct life *life = instance ? &instance->life : NULL;

	survivors->kernel_tells = true;
	if (!life)
		return;
	if (comes_late(survivors, instance)) {
		life->victims++;
		events_blame(survivors->events, instance->kill_event, victim);
		instance->kill_event = 0;
		return;
	}
	if (life->victims < instance->charged)
		life->victims = instance->charged; /* nothing was told of those */
	life->victims++;
	if (life->n_victims == VICTIMS_MAX)
		return;
	if (!life->next)
		life->next = xcalloc(VICTIMS_MAX, sizeof(*life->next));
	life->next[life->n_victims] = *victim;
	life->next[life->n_victims++].limit = xstrdup(victim->limit ? victim->limit : "");
}

bool instance_next_victim(struct instance *instance, struct victim *ret)
{
	struct life *life = &instance->life;

	if (!life->n_victims)
		return false;
	*ret = life->next[0];
	memmove(life->next, life->next + 1, --life->n_victims * sizeof(*life->next));
	return true;
}

void instance_free_life(struct instance *instance)
{
	for (unsigned i = 0; i < instance->life.n_victims; i++)
		free(instance->life.next[i].limit);
	free(instance->life.next);
}

/* Of a service the first process may be one that prepares. */
bool instance_exit_code(const struct instance *instance, int *ret_code)
{
	enum workload_kind kind = instance->entry ? instance->entry->key.kind : KIND_OTHER;
	int status = (int)instance->life.status;

	if (!instance->life.exit_ns || (kind != KIND_CONTAINER && kind != KIND_MACHINE))
		return false;
	*ret_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return true;
}

/* How long something took is counted, and told as an event where `type` is one. */
static void tell(struct survivors *s, struct instance *instance, enum event_type type,
		 enum stage stage, uint64_t from_ns, uint64_t to_ns)
{
	bool took = from_ns && to_ns >= from_ns;
	struct event *event = NULL;

	if (took && s->pass.stages && !instance->excluded)
		stages_add(s->pass.stages, instance->entry->key.kind,
			   instance->image ? instance->image : "", stage, to_ns - from_ns);
	if (type != N_EVENT_TYPES)
		event = events_find(s->events, instance_tell(s, instance, type, 1));
	if (!event)
		return;
	event->time_ms -= (int64_t)(s->pass.now_ms - to_ns / 1000000);
	event->has_seconds = took;
	event->seconds = took ? (double)(to_ns - from_ns) / 1e9 : 0;
	if (type != EVENT_EXITED)
		return;
	int status = (int)instance->life.status;
	event->has_signal = WIFSIGNALED(status);
	event->signal = event->has_signal ? WTERMSIG(status) : 0;
	event->has_exit_code = true;
	event->exit_code = event->has_signal ? 128 + event->signal : WEXITSTATUS(status);
}

static bool is_due(const struct life *life, unsigned bit, uint64_t time_ns)
{
	return time_ns && !(life->told & bit);
}

void instance_tell_life(struct survivors *s, struct instance *instance)
{
	struct life *life = &instance->life;
	uint64_t made_ns = life->reached_ns[LIFE_MADE];
	uint64_t executed_ns = life->reached_ns[LIFE_EXECUTED];
	uint64_t listens_ns = life->reached_ns[LIFE_LISTENS];

	/* Its key and image are known, or will not be any more. */
	if (!instance->entry || !instance->restarts || instance->starting)
		return;
	if (is_due(life, 1U << LIFE_EXECUTED, executed_ns)) {
		life->told |= 1U << LIFE_EXECUTED;
		tell(s, instance, EVENT_EXECUTED, STAGE_EXEC, made_ns, executed_ns);
	}
	if (is_due(life, 1U << LIFE_LISTENS, listens_ns)) {
		life->told |= 1U << LIFE_LISTENS;
		tell(s, instance, EVENT_LISTENING, STAGE_LISTEN, made_ns, listens_ns);
	}
	if (is_due(life, TOLD_EXIT, life->exit_ns) &&
	    (instance->gone || s->pass.now_ms * 1000000 >= life->exit_ns + another_ns)) {
		life->told |= TOLD_EXIT;
		tell(s, instance, EVENT_EXITED, STAGE_EXIT, life->stop_ns, life->exit_ns);
	}
	if (is_due(life, TOLD_REMOVED, life->removed_ns) && instance->gone) {
		life->told |= TOLD_REMOVED;
		tell(s, instance, N_EVENT_TYPES, STAGE_REMOVED, life->stop_ns, life->removed_ns);
	}
}
