/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/lifecycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "bpf/wire_records.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/workloads/identity.h"
#include "collector/memory.h"
#include "collector/workloads/oom_limits.h"
#include "collector/options/options.h"
#include "collector/runtimes/runtime.h"
#include "collector/runtimes/users.h"
#include "collector/workloads/stages.h"
#include "collector/utf8.h"

struct lifecycle {
	struct survivors *survivors;
	struct events *events;
	struct stages *stages;
	struct oom_limits *limits;
	bool begun;		   /* a pass was made */
	uint64_t kills_below_root; /* of the groups right below it, in the last pass: a digest */
};

/* Of one pass; arrays go by workload->index. */
struct reading {
	struct hierarchy *hierarchy;
	const struct options *options;
	const struct snapshot *snapshot;
	unsigned events_file, local_file;
	uint64_t *kills; /* plus 1; 0: the snapshot does not have it */
	bool quiet;	 /* no process was killed since the last pass */
};

struct lifecycle *lifecycle_new(void)
{
	struct lifecycle *lifecycle = xcalloc(1, sizeof(*lifecycle));

	lifecycle->events = events_new();
	lifecycle->stages = stages_new();
	lifecycle->limits = oom_limits_new();
	lifecycle->survivors = survivors_new(lifecycle->events);
	return lifecycle;
}

void lifecycle_free(struct lifecycle *lifecycle)
{
	if (!lifecycle)
		return;
	survivors_free(lifecycle->survivors);
	events_free(lifecycle->events);
	stages_free(lifecycle->stages);
	oom_limits_free(lifecycle->limits);
	free(lifecycle);
}

struct survivors *lifecycle_survivors(struct lifecycle *lifecycle)
{
	return lifecycle->survivors;
}

struct events *lifecycle_events(struct lifecycle *lifecycle)
{
	return lifecycle->events;
}

const struct stages *lifecycle_stages(const struct lifecycle *lifecycle)
{
	return lifecycle->stages;
}

/* The number behind a key at the beginning of a line. */
static bool number_of(const char *text, const char *key, uint64_t *ret)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) != 0 || line[length] != ' ')
			continue;
		*ret = strtoull(line + length + 1, NULL, 10);
		return true;
	}
	return false;
}

/* The root has no memory.events; the machine counts for it. proc(5), /proc/vmstat. */
static bool machine_kills(const struct reading *reading, uint64_t *ret)
{
	cleanup_free char *path = xasprintf("%s/vmstat", reading->options->path_procfs);
	cleanup_file FILE *file = fopen(path, "re");
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (number_of(line, "oom_kill", ret))
			return true;
	return false;
}

/* Of memory.events, or of what happened in this very group; by its record where that is of this moment. */
static bool read_event(const struct reading *reading, struct group *group, bool local,
		       enum record_event event, uint64_t *ret)
{
	const struct wire_record *record = reading->hierarchy->records_fresh ? group->record : NULL;
	unsigned file = local ? reading->local_file : reading->events_file;
	const char *text;

	if (record && record->filled & RECORD_MEMORY) {
		*ret = (local ? record->local_events : record->events)[event];
		return true;
	}
	return group_read(reading->hierarchy, group, file, &text) > 0 &&
	       number_of(text, event == RECORD_OOM ? "oom" : "oom_kill", ret);
}

static bool kills_of(const struct reading *reading, struct group *group, uint64_t *ret)
{
	const struct workload *w = group->workload;

	if (w && reading->kills && reading->kills[w->index]) {
		*ret = reading->kills[w->index] - 1;
		return true;
	}
	if (read_event(reading, group, false, RECORD_OOM_KILL, ret))
		return true;
	return !group->parent && machine_kills(reading, ret);
}

/* What keeps its name when it is started anew. */
static bool has_runs(enum workload_kind kind)
{
	return kind == KIND_CONTAINER || kind == KIND_MACHINE || kind == KIND_VM ||
	       kind == KIND_SERVICE;
}

static bool has_name(enum workload_kind kind)
{
	return has_runs(kind) && kind != KIND_SERVICE;
}

/* A name is a container's, machine's or VM's; a unit's path is the same after each start. */
static struct survivor_key key_of(const struct identity *identity)
{
	struct survivor_key key = {
		.kind = identity->kind,
		.name = "",
		.namespace = identity->namespace,
		.pod = identity->pod,
		.container = identity->container,
	};
	bool by_pod = *identity->pod && (identity->kind == KIND_POD || *identity->container);

	if (!by_pod)
		key.name = has_name(identity->kind) ? identity->name : identity->path;
	return key;
}

static bool is_known(const struct identity *identity)
{
	if (identity->kind == KIND_POD)
		return *identity->pod;
	return identity->kind != KIND_CONTAINER || identity->known;
}

static bool is_whole(const struct group *group, bool helper)
{
	enum workload_kind kind = group->identity->kind;

	if (helper || has_name(kind))
		return true;
	return !group->first_child && kind != KIND_HOST && kind != KIND_SLICE && kind != KIND_POD;
}

/* A number that is another one when a group there, or its kills, are others. What the snapshot has is not read anew. */
static uint64_t digest_below_root(const struct reading *reading)
{
	uint64_t digest = 0, kills;

	for (struct group *group = reading->hierarchy->root->first_child; group;
	     group = group->next_sibling)
		if (kills_of(reading, group, &kills))
			digest += (kills + 1) * (group->id * 2 + 1) * UINT64_C(0x9e3779b97f4a7c15);
	return digest;
}

bool lifecycle_killed(struct lifecycle *lifecycle, struct hierarchy *hierarchy)
{
	const struct reading reading = {
		.hierarchy = hierarchy,
		.events_file = hierarchy_file(hierarchy, "memory.events"),
	};

	return digest_below_root(&reading) != lifecycle->kills_below_root;
}

static void see(struct lifecycle *lifecycle, const struct reading *reading, struct group *group)
{
	const struct identity *identity = group->identity;
	bool helper = group->parent && identity_is_sandbox(identity);
	const struct identity *named = helper ? group->parent->identity : identity;
	struct sighting sighting = {
		.id = group->id,
		.parent = group->parent ? group->parent->id : 0,
		.key = key_of(named),
		.known = is_known(named),
		.restarts = has_runs(identity->kind) && !helper,
		.helper = helper,
		.excluded = identity->excluded,
		.whole = is_whole(group, helper),
		.attempt = identity->known ? identity->facts.restarts : -1,
		.user = user_of(group->path),
		.path = identity->path,
		.image = identity->image,
		.container_id = has_name(identity->kind) && !helper ? identity->container_id : "",
		.runtime = identity->runtime,
		.file = identity->known ? identity->facts.file : NULL,
	};

	if (reading->quiet && survivors_recall(lifecycle->survivors, &sighting)) {
		survivors_see(lifecycle->survivors, &sighting);
		return;
	}
	sighting.has_kills = kills_of(reading, group, &sighting.kills);
	if (!sighting.whole && sighting.has_kills && group->parent)
		sighting.has_own = read_event(reading, group, true, RECORD_OOM_KILL, &sighting.own);
	survivors_see(lifecycle->survivors, &sighting);
	if (group->made_ns)
		survivors_reach(lifecycle->survivors, group->id, LIFE_MADE, group->made_ns);
}

/* What is a part of another is told with it. */
static bool is_told(const struct group *group)
{
	bool helper =
		group->parent && !group->parent->inside && identity_is_sandbox(group->identity);

	return !group->inside || helper;
}

/* Values by workload out of a family's samples; their sum where there are several. */
static const struct family *family_read(const struct snapshot *snapshot, const char *name)
{
	const struct family *family = snapshot ? snapshot_family(snapshot, name) : NULL;

	return family && !family->left_out ? family : NULL;
}

static uint64_t *known_kills(const struct snapshot *snapshot)
{
	const struct family *family = family_read(snapshot, "container_oom_events_total");

	if (!family)
		return NULL;
	uint64_t *kills = xcalloc(snapshot->n_workloads + 1, sizeof(*kills));
	for_each_sample(sample, family)
		kills[sample->workload->index] = sample->integer + 1;
	return kills;
}

/* What has been used so far is told again when the workload is gone. */
static void note_totals(struct lifecycle *lifecycle, const struct snapshot *snapshot)
{
	static const char *const families[N_TOTALS] = {
		[TOTAL_CPU] = "container_cpu_usage_seconds_total",
		[TOTAL_MEMORY_PEAK] = "container_memory_max_usage_bytes",
		[TOTAL_READ] = "container_fs_reads_bytes_total",
		[TOTAL_WRITTEN] = "container_fs_writes_bytes_total",
	};
	struct totals *totals = xcalloc(snapshot->n_workloads + 1, sizeof(*totals));

	for (unsigned i = 0; i < N_TOTALS; i++) {
		const struct family *family = family_read(snapshot, families[i]);

		if (!family)
			continue;
		for_each_sample(sample, family) {
			struct totals *t = &totals[sample->workload->index];

			t->value[i] += sample->integer;
			t->known |= 1U << i;
		}
	}
	for (uint32_t i = 0; i < snapshot->n_workloads; i++) {
		totals[i].time_ms = snapshot->time_ms;
		if (totals[i].known)
			survivors_note(lifecycle->survivors, snapshot->workloads[i].id, &totals[i]);
	}
	free(totals);
}

static int look_up(void *context, const char *runtime, const char *container_id, const char *file,
		   struct last_state *ret)
{
	return runtimes_last_state(context, runtime, container_id, file, ret);
}

static struct pass make_pass(const struct lifecycle *lifecycle, const struct options *options,
			     const struct runtime_context *context)
{
	return (struct pass){
		.now_ms = clock_monotonic_ns() / 1000000,
		.time_ms = (int64_t)(clock_unix_ns() / 1000000),
		.remember_ms = options->containers_remember_s * 1000,
		.settle_ms = options->containers_settle_s * 1000,
		.look_up = look_up,
		.context = (void *)context,
		.stages = lifecycle->stages,
	};
}

/* How often a group had been out of memory before us. */
static void note_ooms(struct lifecycle *lifecycle, const struct reading *reading,
		      struct group *group)
{
	uint64_t ooms;

	if (read_event(reading, group, true, RECORD_OOM, &ooms))
		oom_limits_note(lifecycle->limits, group->id, ooms);
}

void lifecycle_pass(struct lifecycle *lifecycle, const struct options *options,
		    const struct runtime_context *context, struct hierarchy *hierarchy,
		    const struct snapshot *snapshot)
{
	const struct pass pass = make_pass(lifecycle, options, context);
	struct reading reading = {
		.hierarchy = hierarchy,
		.options = options,
		.snapshot = snapshot,
		.events_file = hierarchy_file(hierarchy, "memory.events"),
		.local_file = hierarchy_file(hierarchy, "memory.events.local"),
		.kills = known_kills(snapshot),
	};

	/* Before the rest is read: what comes in between is seen as a change. */
	uint64_t digest = digest_below_root(&reading);

	reading.quiet = !snapshot && digest == lifecycle->kills_below_root;
	lifecycle->kills_below_root = digest;
	survivors_begin(lifecycle->survivors, &pass);
	for_each_group(group, hierarchy) {
		if (is_told(group))
			see(lifecycle, &reading, group);
		if (!lifecycle->begun)
			note_ooms(lifecycle, &reading, group);
	}
	lifecycle->begun = true;
	if (snapshot)
		note_totals(lifecycle, snapshot);
	survivors_end(lifecycle->survivors);
	free(reading.kills);
}

void lifecycle_resume(struct lifecycle *lifecycle, const struct options *options,
		      const struct runtime_context *context)
{
	const struct pass pass = make_pass(lifecycle, options, context);

	survivors_resume(lifecycle->survivors, &pass);
}

void lifecycle_finish(struct lifecycle *lifecycle)
{
	survivors_end(lifecycle->survivors);
}

void lifecycle_see(struct lifecycle *lifecycle, const struct options *options,
		   struct hierarchy *hierarchy, struct group *group)
{
	const struct reading reading = {
		.hierarchy = hierarchy,
		.options = options,
		.events_file = hierarchy_file(hierarchy, "memory.events"),
		.local_file = hierarchy_file(hierarchy, "memory.events.local"),
	};

	if (is_told(group))
		see(lifecycle, &reading, group);
}

void lifecycle_remove(struct lifecycle *lifecycle, const struct group *group, uint64_t time_ns)
{
	oom_limits_forget(lifecycle->limits, group->id);
	survivors_remove(lifecycle->survivors, group->id, time_ns);
}

/* The workload that a group is, or is a part of; its own id where it is not known (any more). */
static uint64_t workload_of(const struct hierarchy *hierarchy, uint64_t id)
{
	const struct group *group = hierarchy_find(hierarchy, id);

	while (group && group->inside && group->parent)
		group = group->parent;
	return group ? group->id : id;
}

static void hear_exit(struct lifecycle *lifecycle, const struct hierarchy *hierarchy,
		      const struct wire_exited *exited)
{
	/* Of what runs in a part of a container only its very first process is the container's. */
	uint64_t id =
		exited->level == 1 ? workload_of(hierarchy, exited->event.id) : exited->event.id;

	survivors_exit(lifecycle->survivors, id, exited->event.time_ns, exited->stop_ns,
		       exited->status);
}

static void hear_victim(struct lifecycle *lifecycle, const struct hierarchy *hierarchy,
			const struct wire_victim *told)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct victim victim = {
		.known = true,
		.has_memory = told->has_pages,
		.pid = told->pid,
		.oom_score_adj = told->oom_score_adj,
		.anon_bytes = told->anon_pages * page,
		.file_bytes = told->file_pages * page,
		.shmem_bytes = told->shmem_pages * page,
		.swap_bytes = told->swap_pages * page,
	};
	cleanup_free char *process = utf8_clean(told->comm, strnlen(told->comm, sizeof(told->comm)),
						sizeof(victim.process) - 1, NULL);
	uint64_t limit = 0;

	memcpy(victim.process, process, strlen(process) + 1);
	victim.scope = oom_limits_judge(lifecycle->limits, told, &limit);
	const struct group *group = hierarchy_find(hierarchy, limit);
	victim.limit = group && group->identity ? group->identity->path : NULL;
	survivors_blame(lifecycle->survivors, workload_of(hierarchy, told->event.id), &victim);
}

void lifecycle_hear(struct lifecycle *lifecycle, const struct hierarchy *hierarchy,
		    const struct wire_event *event)
{
	if (event->type == WIRE_EXECUTED)
		survivors_reach(lifecycle->survivors, event->id, LIFE_EXECUTED, event->time_ns);
	else if (event->type == WIRE_LISTENS)
		survivors_reach(lifecycle->survivors, event->id, LIFE_LISTENS, event->time_ns);
	else if (event->type == WIRE_EXITED)
		hear_exit(lifecycle, hierarchy, (const struct wire_exited *)event);
	else if (event->type == WIRE_VICTIM)
		hear_victim(lifecycle, hierarchy, (const struct wire_victim *)event);
}
