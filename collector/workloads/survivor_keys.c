/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/survivor_keys.h"

#include <utlist.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"

/* Kind and strings with NULs between: none of them has one. */
static void put_key(struct buffer *out, const struct survivor_key *key)
{
	const char *const strings[] = { key->namespace, key->pod, key->container, key->name };

	buffer_putc(out, (char)('a' + key->kind));
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		buffer_puts(out, strings[i]);
		buffer_putc(out, '\0');
	}
}

/* The key whose strings stand there. */
static struct survivor_key read_key(const char *id)
{
	struct survivor_key key = { .kind = (enum workload_kind)(*id - 'a') };
	const char **const strings[] = { &key.namespace, &key.pod, &key.container, &key.name };

	id++;
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		*strings[i] = id;
		id += strlen(id) + 1;
	}
	return key;
}

struct entry *keys_get(struct keys *keys, const struct survivor_key *key)
{
	cleanup(buffer_free) struct buffer id = { 0 };
	struct entry *entry;

	put_key(&id, key);
	HASH_FIND(hh, keys->by_id, id.data, id.length, entry);
	if (entry)
		return entry;
	entry = xcalloc(1, sizeof(*entry) + id.length);
	entry->id_length = id.length;
	memcpy(entry->id, id.data, id.length);
	entry->key = read_key(entry->id);
	HASH_ADD_KEYPTR(hh, keys->by_id, entry->id, entry->id_length, entry);
	DL_APPEND(keys->gone, entry);
	keys->n_gone++;
	return entry;
}

struct ended *keys_ended(struct entry *entry, const char *runtime, unsigned user)
{
	for (size_t i = 0; i < ENDED_MAX && entry->ended[i].runtime; i++) {
		struct ended *ended = &entry->ended[i];

		if (ended->user == user &&
		    (streq(ended->runtime, runtime) || !*ended->runtime || !*runtime))
			return ended;
	}
	return NULL;
}

struct ended *keys_end(struct entry *entry, const char *runtime, unsigned user)
{
	struct ended *ended = keys_ended(entry, runtime, user);

	if (ended)
		return ended;
	for (size_t i = 0; i < ENDED_MAX; i++) {
		ended = &entry->ended[i];
		/* Those that all came back are waited for by nobody. */
		if (!ended->runtime || !ended->n)
			break;
	}
	*ended = (struct ended){ .runtime = runtime, .user = user, .attempt = -1 };
	return ended;
}

static void forget(struct keys *keys, struct entry *entry)
{
	if (!entry->live) {
		DL_DELETE(keys->gone, entry);
		keys->n_gone--;
	}
	HASH_DEL(keys->by_id, entry);
	free(entry);
}

void keys_enter(struct keys *keys, struct entry *entry)
{
	entry->held++;
	if (entry->live++)
		return;
	DL_DELETE(keys->gone, entry);
	keys->n_gone--;
}

void keys_leave(struct keys *keys, struct entry *entry, uint64_t now_ms)
{
	entry->gone_ms = now_ms;
	if (--entry->live)
		return;
	DL_APPEND(keys->gone, entry);
	keys->n_gone++;
}

static bool has_something_to_tell(const struct entry *entry)
{
	return entry->oom_kills || entry->restarts || entry->has_exit_code;
}

void keys_release(struct keys *keys, struct entry *entry)
{
	entry->held--;
	/* Others than these come back under another name, or their number starts at 0 again. */
	if (!entry->held && !entry->live && !entry->counts_restarts &&
	    !has_something_to_tell(entry))
		forget(keys, entry);
}

void keys_expire(struct keys *keys, uint64_t now_ms, uint64_t remember_ms)
{
	struct entry *entry, *next;

	DL_FOREACH_SAFE(keys->gone, entry, next)
	{
		bool old = now_ms - entry->gone_ms >= remember_ms;

		if (!old && keys->n_gone <= GONE_KEYS_MAX)
			break;
		if (entry->held)
			continue;
		keys->forgotten += !old;
		forget(keys, entry);
	}
}

void keys_show(struct keys *keys, uint64_t now_ms, uint64_t settle_ms,
	       void (*show)(void *context, const struct survivor *survivor), void *context)
{
	struct entry *entry, *next;

	HASH_ITER(hh, keys->by_id, entry, next) {
		bool wanted = !entry->excluded && (entry->live || has_something_to_tell(entry));

		if (wanted && !entry->visible)
			entry->settled_ms = now_ms + settle_ms;
		entry->visible = wanted;
		if (!wanted)
			continue;
		if (now_ms >= entry->settled_ms) {
			entry->shown_kills = entry->oom_kills;
			entry->shown_restarts = entry->restarts;
		}
		const struct survivor survivor = {
			.key = entry->key,
			.oom_kills = entry->shown_kills,
			.restarts = entry->shown_restarts,
			.counts_kills = entry->counts_kills,
			.counts_restarts = entry->counts_restarts,
			.has_exit_code = entry->has_exit_code,
			.exit_code = entry->exit_code,
		};
		show(context, &survivor);
	}
}

void keys_free(struct keys *keys)
{
	struct entry *entry, *next;

	HASH_ITER(hh, keys->by_id, entry, next)
		forget(keys, entry);
}
