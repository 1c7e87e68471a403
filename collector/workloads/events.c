/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/events.h"

#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

struct events {
	uint64_t added;
	struct event ring[EVENTS_MAX]; /* event number n is at n % EVENTS_MAX */
};

struct events *events_new(void)
{
	return xcalloc(1, sizeof(struct events));
}

enum { STRINGS = 8 };

/* The strings of an event, the first one first. */
static void list_strings(struct event *event, char **ret_strings[STRINGS])
{
	char **const strings[] = { &event->path,	 &event->name,	      &event->image,
				   &event->namespace,	 &event->pod,	      &event->container,
				   &event->container_id, &event->victim.limit };

	memcpy(ret_strings, strings, sizeof(strings));
}

static void event_clear(struct event *event)
{
	free(event->path); /* all strings: see keep_strings() */
	*event = (struct event){ 0 };
}

void events_free(struct events *events)
{
	if (!events)
		return;
	for (size_t i = 0; i < EVENTS_MAX; i++)
		event_clear(&events->ring[i]);
	free(events);
}

/* Copies all strings into one piece of memory, for the many pieces of each event would leave holes. */
static void keep_strings(struct event *event)
{
	char **strings[STRINGS], *block;
	size_t lengths[STRINGS], size = 0;

	list_strings(event, strings);
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		lengths[i] = *strings[i] ? strlen(*strings[i]) : 0;
		size += lengths[i] + 1;
	}
	block = xmalloc(size);
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		if (lengths[i])
			memcpy(block, *strings[i], lengths[i]);
		block[lengths[i]] = '\0';
		*strings[i] = block;
		block += lengths[i] + 1;
	}
}

uint64_t events_add(struct events *events, const struct event *event)
{
	uint64_t number = ++events->added;
	struct event *place = &events->ring[number % EVENTS_MAX];

	event_clear(place);
	*place = *event;
	place->number = number;
	keep_strings(place);
	if (!place->runtime)
		place->runtime = "";
	return number;
}

struct event *events_find(struct events *events, uint64_t number)
{
	struct event *event = &events->ring[number % EVENTS_MAX];

	return number && event->number == number ? event : NULL;
}

void events_blame(struct events *events, uint64_t number, const struct victim *victim)
{
	struct event *event = events_find(events, number);

	if (!event)
		return;
	char *before = event->path; /* all strings */
	event->victim = *victim;
	keep_strings(event);
	free(before);
}

uint64_t events_first(const struct events *events)
{
	return events->added > EVENTS_MAX ? events->added - EVENTS_MAX + 1 : 1;
}

uint64_t events_last(const struct events *events)
{
	return events->added;
}

const char *event_type_name(enum event_type type)
{
	static const char *const names[N_EVENT_TYPES] = {
		[EVENT_STARTED] = "started",   [EVENT_RESTARTED] = "restarted",
		[EVENT_EXECUTED] = "executed", [EVENT_LISTENING] = "listening",
		[EVENT_OOM_KILL] = "oom_kill", [EVENT_EXITED] = "exited",
		[EVENT_GONE] = "gone",
	};

	return names[type];
}
