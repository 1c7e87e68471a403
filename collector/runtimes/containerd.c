/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd, in every namespace: the bundle's OCI annotations below /run/containerd, which CRI fills
 * with pod, namespace, container and image; times from CRI's status file; restarts from the name of the
 * newest log, because containerd keeps the kubelet's attempt only in its database.
 * Not on disk as text: labels of pods, image digest (plain `ctr` and nerdctl: image name).
 */
#include "collector/runtimes/json_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "collector/cgroups.h"
#include "collector/workloads/identity.h"
#include "collector/memory.h"
#include "collector/runtimes/oci_state.h"
#include "collector/runtimes/users.h"
#include "collector/workloads/survivors.h"

#define TASKS  "run/containerd/io.containerd.runtime.v2.task"
#define STATES "run/containerd/runc"
#define CRI    "var/lib/containerd/io.containerd.grpc.v1.cri/containers"

/* The annotation of CRI that fills each fact. */
static void take_annotations(struct facts *facts)
{
	const struct {
		char **field;
		const char *annotation;
	} rows[] = {
		{ &facts->pod, "io.kubernetes.cri.sandbox-name" },
		{ &facts->namespace, "io.kubernetes.cri.sandbox-namespace" },
		{ &facts->pod_uid, "io.kubernetes.cri.sandbox-uid" },
		{ &facts->container, "io.kubernetes.cri.container-name" },
		{ &facts->image, "io.kubernetes.cri.image-name" },
	};
	const char *type = facts_label(facts, "io.kubernetes.cri.container-type");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *value = facts_label(facts, rows[i].annotation);

		if (value && *value && !*rows[i].field)
			*rows[i].field = xstrdup(value);
	}
	facts->sandbox = type && streq(type, "sandbox");
	/* nerdctl's own labels stand there too; CRI's containers are called by their id, as kubelet does. */
	const char *name = facts_label(facts, "nerdctl/name");
	if (name && *name)
		facts->name = xstrdup(name);
}

static int64_t milliseconds_at(const json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key)) / 1000000;
}

/* CRI's own record; only containers that a kubelet made have one. */
static void read_status(const struct runtime_context *context, const char *id, struct facts *facts)
{
	cleanup_free char *path = xasprintf(CRI "/%s/status", id);
	cleanup_json json_t *json = NULL;

	if (json_file_read(context->root_fd, path, TRUSTED, &json, NULL) != 0)
		return;
	facts->created_ms = milliseconds_at(json, "CreatedAt");
	facts->started_ms = milliseconds_at(json, "StartedAt");
}

/* /var/log/pods/<namespace>_<pod>_<uid>/<container>/<attempt>.log: the highest attempt is the last. */
static void count_restarts(const struct runtime_context *context, struct facts *facts)
{
	if (!facts->pod || !facts->namespace || !facts->pod_uid || !facts->container)
		return;
	cleanup_free char *path = xasprintf("var/log/pods/%s_%s_%s/%s", facts->namespace,
					    facts->pod, facts->pod_uid, facts->container);
	if (strstr(path, "..")) /* no name in Kubernetes has it */
		return;
	cleanup_dir DIR *dir = runtime_folder_open(context->root_fd, path);
	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		char *end;
		long attempt = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && streq(end, ".log") && attempt > facts->restarts)
			facts->restarts = attempt;
	}
}

static int read_bundle(const struct runtime_context *context, const char *namespace, const char *id,
		       struct facts *ret)
{
	cleanup_json json_t *json = NULL;
	cleanup_free char *state = xasprintf(STATES "/%s/%s/state.json", namespace, id);

	ret->file = xasprintf(TASKS "/%s/%s/config.json", namespace, id);
	int err = json_file_read(context->root_fd, ret->file, TRUSTED, &json, &ret->stamp);
	if (err)
		return err;
	ret->runtime = "containerd";
	ret->kind = KIND_CONTAINER;
	json_add_environment(context, json_at(json, "process", "env", NULL), ret);
	json_add_labels(json_object_get(json, "annotations"), ret);
	take_annotations(ret);
	read_status(context, id, ret);
	if (!ret->started_ms)
		ret->started_ms = oci_state_created_ms(context, state, TRUSTED);
	count_restarts(context, ret);
	return 0;
}

/* The namespace that has a task of this id. */
static int find_task(const struct runtime_context *context, const char *id, struct facts *ret)
{
	cleanup_dir DIR *dir = runtime_folder_open(context->root_fd, TASKS);

	if (!dir)
		return -errno;
	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		/* Docker's own; its containers are told better by itself. */
		if (entry->d_name[0] == '.' || streq(entry->d_name, "moby"))
			continue;
		cleanup_free char *task = xasprintf("%s/%s", entry->d_name, id);
		if (faccessat(dirfd(dir), task, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return read_bundle(context, entry->d_name, id, ret);
	}
	return -ENOENT;
}

/* What CRI made as a sandbox is here the machine with all containers of the pod, none of them seen. */
static int find_kata(const struct runtime_context *context, const char *id, struct facts *ret)
{
	int err = find_task(context, id, ret);

	ret->runtime = NULL;
	ret->kind = N_WORKLOAD_KINDS;
	ret->sandbox = false;
	return err;
}

static int containerd_look_up(const struct runtime_context *context, const struct group *group,
			      struct facts *ret)
{
	const struct identity *identity = group->identity;
	const char *id = identity->container_id;
	const struct oci_state *state;
	/* Of users' own containerds nothing is in the root's mount namespace. */
	bool named = *id && *id != '.' && !strchr(id, '/') && !user_of(group->path);

	if (named && identity->kind == KIND_VM && streq(identity->runtime, "kata"))
		return find_kata(context, id, ret);
	if (named && identity->kind == KIND_CONTAINER &&
	    (!*identity->runtime || streq(identity->runtime, "containerd")))
		return find_task(context, id, ret);
	/* `ctr run` may put a container anywhere; runc's state tells where. */
	state = oci_state_find(context, group);
	if (!state || !streq(state->manager, "containerd"))
		return -ENOENT;
	int err = read_bundle(context, state->namespace, state->id, ret);
	if (!err) {
		ret->container_id = xstrdup(state->id);
		if (!ret->name)
			ret->name = xstrdup(state->id);
	}
	return err;
}

/* CRI's record outlives the container's run; there is none for containers of `ctr` and nerdctl. */
static int containerd_last_state(const struct runtime_context *context, const char *container_id,
				 const char *file, struct last_state *ret)
{
	cleanup_free char *path = xasprintf(CRI "/%s/status", container_id);
	cleanup_json json_t *json = NULL;

	(void)file;
	int err = json_file_read(context->root_fd, path, TRUSTED, &json, NULL);
	if (err)
		return err;
	const json_t *code = json_object_get(json, "ExitCode");
	if (!json_is_integer(code) || milliseconds_at(json, "FinishedAt") <= 0)
		return -EAGAIN;
	cleanup_free char *reason = json_string_at(json, "Reason", NULL);
	ret->has_exit_code = true;
	ret->exit_code = (int)json_integer_value(code);
	ret->oom_killed = reason && streq(reason, "OOMKilled");
	return 0;
}

const struct runtime runtime_containerd = {
	.name = "containerd",
	.last_state = containerd_last_state,
	.look_up = containerd_look_up,
};
