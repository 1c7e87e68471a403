/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/runtimes/oci_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "collector/cgroups.h"
#include "collector/clock.h"
#include "collector/workloads/identity.h"
#include "collector/memory.h"
#include "collector/runtimes/json_file.h"

enum { STATES_MAX = 20000 };

struct oci_states {
	struct oci_state *by_cgroup, *by_file;
	uint64_t scanned_ns;
};

/* Where runtimes keep their states; with `namespaces` there is one more level. */
static const struct place {
	const char *folder, *file, *manager;
	bool namespaces;
} places[] = {
	{ "run/containerd/runc", "state.json", "containerd", true },
	{ "run/runc", "state.json", "runc", false },
	{ "run/crun", "status", "crun", false },
};

struct oci_states *oci_states_new(void)
{
	return xcalloc(1, sizeof(struct oci_states));
}

static void state_free(struct oci_states *states, struct oci_state *state)
{
	HASH_DELETE(by_file, states->by_file, state);
	free(state->cgroup);
	free(state->id);
	free(state->namespace);
	free(state->file);
	free(state);
}

void oci_states_free(struct oci_states *states)
{
	struct oci_state *state, *next;

	if (!states)
		return;
	HASH_CLEAR(by_cgroup, states->by_cgroup);
	HASH_ITER(by_file, states->by_file, state, next)
		state_free(states, state);
	free(states);
}

/* The part of a cgroup's path that stands behind the mount point, from runc's or crun's state. */
static char *cgroup_of(const json_t *json)
{
	static const char *const mounts[] = { "/sys/fs/cgroup/unified/", "/sys/fs/cgroup/" };
	cleanup_free char *path = json_string_at(json, "cgroup_paths", "", NULL);

	if (!path) /* crun: from the root of the hierarchy */
		return json_string_at(json, "cgroup-path", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		if (strncmp(path, mounts[i], strlen(mounts[i])) == 0)
			return xstrdup(path + strlen(mounts[i]) - 1);
	return NULL;
}

int64_t oci_state_created_ms(const struct runtime_context *context, const char *file,
			     enum trust trust)
{
	cleanup_json json_t *json = NULL;

	if (json_file_read(context->root_fd, file, trust, &json, NULL) != 0)
		return 0;
	cleanup_free char *created = json_string_at(json, "created", NULL);
	return time_parse_rfc3339(created);
}

/* The file is another one when a container of this id was made anew, perhaps in another cgroup. */
static bool is_unchanged(const struct runtime_context *context, const struct oci_state *state)
{
	struct stat st;

	if (fstatat(context->root_fd, state->file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	struct file_stamp now = file_stamp_of(&st);
	return file_stamp_equal(&now, &state->stamp);
}

static struct oci_state *state_new(struct oci_states *states, const struct place *place,
				   const char *namespace, const char *id, const char *file)
{
	struct oci_state *state = xcalloc(1, sizeof(*state));

	state->file = xstrdup(file);
	state->id = xstrdup(id);
	state->namespace = xstrdup(namespace);
	state->manager = place->manager;
	HASH_ADD_KEYPTR(by_file, states->by_file, state->file, strlen(state->file), state);
	return state;
}

/* One container's state; one that is known is read again only when its file has changed. */
static void add_state(const struct runtime_context *context, const struct place *place,
		      const char *namespace, const char *id)
{
	struct oci_states *states = context->oci_states;
	cleanup_free char *file = xasprintf("%s/%s%s%s/%s", place->folder, namespace,
					    *namespace ? "/" : "", id, place->file);
	cleanup_json json_t *json = NULL;
	struct file_stamp stamp;
	struct oci_state *state;

	HASH_FIND(by_file, states->by_file, file, strlen(file), state);
	if (state && is_unchanged(context, state)) {
		state->seen = true;
		return;
	}
	if ((!state && HASH_CNT(by_file, states->by_file) >= STATES_MAX) ||
	    json_file_read(context->root_fd, file, TRUSTED, &json, &stamp) != 0)
		return;
	cleanup_free char *created = json_string_at(json, "created", NULL);
	char *cgroup = cgroup_of(json);
	if (!cgroup) /* not yet; or it will never be found */
		return;
	if (!state)
		state = state_new(states, place, namespace, id, file);
	free(state->cgroup);
	state->cgroup = cgroup;
	state->stamp = stamp;
	state->created_ms = time_parse_rfc3339(created);
	state->seen = true;
}

/* Of several containers that claim one cgroup the youngest has it. */
static void claim_cgroup(struct oci_states *states, struct oci_state *state)
{
	struct oci_state *other;

	HASH_FIND(by_cgroup, states->by_cgroup, state->cgroup, strlen(state->cgroup), other);
	if (other && other->created_ms >= state->created_ms)
		return;
	if (other)
		HASH_DELETE(by_cgroup, states->by_cgroup, other);
	HASH_ADD_KEYPTR(by_cgroup, states->by_cgroup, state->cgroup, strlen(state->cgroup), state);
}

static void scan_folder(const struct runtime_context *context, const struct place *place,
			const char *namespace)
{
	cleanup_free char *path =
		xasprintf("%s%s%s", place->folder, *namespace ? "/" : "", namespace);
	cleanup_dir DIR *dir = runtime_folder_open(context->root_fd, path);

	for (const struct dirent *entry; dir && (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			add_state(context, place, namespace, entry->d_name);
}

static void scan_place(const struct runtime_context *context, const struct place *place)
{
	if (!place->namespaces) {
		scan_folder(context, place, "");
		return;
	}
	cleanup_dir DIR *dir = runtime_folder_open(context->root_fd, place->folder);
	for (const struct dirent *entry; dir && (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			scan_folder(context, place, entry->d_name);
}

static void rescan(const struct runtime_context *context)
{
	struct oci_states *states = context->oci_states;
	struct oci_state *state, *next;

	HASH_CLEAR(by_cgroup, states->by_cgroup);
	HASH_ITER(by_file, states->by_file, state, next)
		state->seen = false;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		scan_place(context, &places[i]);
	HASH_ITER(by_file, states->by_file, state, next) {
		if (state->seen)
			claim_cgroup(states, state);
		else
			state_free(states, state);
	}
}

const struct oci_state *oci_state_find(const struct runtime_context *context,
				       const struct group *group)
{
	struct oci_states *states = context->oci_states;
	struct oci_state *state;

	if (!states->scanned_ns || states->scanned_ns < group->identity->not_before_ns) {
		states->scanned_ns = clock_monotonic_ns();
		rescan(context);
	}
	HASH_FIND(by_cgroup, states->by_cgroup, group->path, strlen(group->path), state);
	return state;
}
