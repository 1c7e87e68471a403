/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Docker: <data-root>/containers/<id>/config.v2.json, written at each change of state. The same with
 * the classic image stores and with the containerd image store: the file is the daemon's own.
 */
#include "collector/runtimes/json_file.h"

#include <errno.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/identity.h"
#include "collector/memory.h"
#include "collector/survivors.h"

/* "data-root" of daemon.json; the daemon's own default when there is none. */
static char *data_root(const struct runtime_context *context)
{
	cleanup_json json_t *json = NULL;
	char *root = NULL;

	if (json_file_read(context->root_fd, "etc/docker/daemon.json", TRUSTED, &json, NULL) == 0)
		root = json_string_at(json, "data-root", NULL);
	return root ? root : xstrdup("/var/lib/docker");
}

static int64_t time_at(const json_t *json, const char *key)
{
	cleanup_free char *text = json_string_at(json, key, NULL);

	return time_parse_rfc3339(text);
}

/* "none" stands there too; it is no state of health. */
static const char *health_of(const json_t *state)
{
	static const char *const known[] = { "healthy", "unhealthy", "starting" };
	cleanup_free char *status = json_string_at(state, "Health", "Status", NULL);

	for (size_t i = 0; status && i < ARRAY_SIZE(known); i++)
		if (streq(status, known[i]))
			return known[i];
	return NULL;
}

static int docker_look_up(const struct runtime_context *context, const struct group *group,
			  struct facts *ret)
{
	const struct identity *identity = group->identity;
	cleanup_json json_t *json = NULL;

	if (identity->kind != KIND_CONTAINER || strlen(identity->container_id) != 64 ||
	    (*identity->runtime && !streq(identity->runtime, "docker")))
		return -ENOENT;
	cleanup_free char *root = data_root(context);
	ret->file = xasprintf("%s/containers/%s/config.v2.json", root, identity->container_id);
	int err = json_file_read(context->root_fd, ret->file, TRUSTED, &json, &ret->stamp);
	if (err)
		return err;
	cleanup_free char *name = json_string_at(json, "Name", NULL);
	const json_t *state = json_object_get(json, "State");
	const json_t *restarts = json_object_get(json, "RestartCount");
	ret->runtime = "docker";
	if (name)
		ret->name = xstrdup(name[0] == '/' ? name + 1 : name);
	ret->image = json_string_at(json, "Config", "Image", NULL);
	ret->image_id = json_string_at(json, "Image", NULL);
	ret->created_ms = time_at(json, "Created");
	ret->started_ms = time_at(state, "StartedAt");
	ret->health = health_of(state);
	if (json_is_integer(restarts))
		ret->restarts = json_integer_value(restarts);
	json_add_labels(json_at(json, "Config", "Labels", NULL), ret);
	return 0;
}

/* "Running" stands also while it waits for its next start; the exit code is then the last run's. */
static int docker_last_state(const struct runtime_context *context, const char *container_id,
			     const char *file, struct last_state *ret)
{
	cleanup_json json_t *json = NULL;
	cleanup_free char *root = file ? NULL : data_root(context);
	cleanup_free char *path =
		file ? xstrdup(file)
		     : xasprintf("%s/containers/%s/config.v2.json", root, container_id);

	int err = json_file_read(context->root_fd, path, TRUSTED, &json, NULL);
	if (err)
		return err;
	const json_t *state = json_object_get(json, "State");
	const json_t *code = json_object_get(state, "ExitCode");
	if (!json_is_integer(code) || !time_at(state, "FinishedAt") ||
	    (json_is_true(json_object_get(state, "Running")) &&
	     !json_is_true(json_object_get(state, "Restarting"))))
		return -EAGAIN;
	cleanup_free char *name = json_string_at(json, "Name", NULL);
	ret->has_exit_code = true;
	ret->exit_code = (int)json_integer_value(code);
	ret->oom_killed = json_is_true(json_object_get(state, "OOMKilled"));
	if (name)
		ret->name = xstrdup(name[0] == '/' ? name + 1 : name);
	return 0;
}

const struct runtime runtime_docker = {
	.name = "docker",
	.last_state = docker_last_state,
	.look_up = docker_look_up,
};
