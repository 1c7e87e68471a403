/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Docker: <data-root>/containers/<id>/config.v2.json, written at each change of state. The same with
 * the classic image stores and with the containerd image store: the file is the daemon's own.
 */
#include "collector/runtimes/json_cache.h"

#include <errno.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/workloads/identity.h"
#include "collector/memory.h"
#include "collector/procfs/mounts.h"
#include "collector/runtimes/users.h"
#include "collector/workloads/survivors.h"

/* "data-root" of daemon.json; the daemon's own default when there is none. */
static char *data_root(const struct runtime_context *context)
{
	cleanup_json json_t *json = NULL;
	char *root = NULL;

	if (json_file_read(context->root_fd, "etc/docker/daemon.json", TRUSTED, &json, NULL) == 0)
		root = json_string_at(json, "data-root", NULL);
	return root ? root : xstrdup("/var/lib/docker");
}

/* A daemon's data, of root's or of a user's (rootless, in the folder that it has by default). */
struct store {
	char *root; /* NULL: there is none */
	enum trust trust;
};

static void store_free(struct store *store)
{
	free(store->root);
}

static struct store find_store(const struct runtime_context *context, unsigned uid)
{
	if (uid)
		return (struct store){ user_folder(context, uid, ".local/share/docker"),
				       UNTRUSTED };
	return (struct store){ data_root(context), TRUSTED };
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

/* In repositories.json a repository's images are under all their names: "web:1" and "web@sha256:...". */
static char *digest_in(const json_t *repository, const char *image_id)
{
	const char *name;
	json_t *id;

	json_object_foreach((json_t *)repository, name, id)
	{
		const char *at = strchr(name, '@');

		if (at && json_is_string(id) && streq(json_string_value(id), image_id))
			return xstrdup(at + 1);
	}
	return NULL;
}

/* The same image may have come from several: then the one that it was asked for by. */
static char *digest_of(const json_t *repositories, const char *image, const char *image_id)
{
	const char *key;
	json_t *repository;
	char *digest = NULL;

	json_object_foreach((json_t *)repositories, key, repository)
	{
		bool asked = image && json_object_get(repository, image);

		if (digest && !asked)
			continue;
		char *found = digest_in(repository, image_id);
		if (!found)
			continue;
		free(digest);
		digest = found;
		if (asked)
			break;
	}
	return digest;
}

/*
 * With the containerd image store an image's id is the digest, and "ImageManifest" is that of this
 * machine's architecture; else the store of the graph driver lists both.
 */
static void take_digest(const struct runtime_context *context, const struct store *store,
			const json_t *json, struct facts *facts)
{
	cleanup_free char *driver = json_string_at(json, "Driver", NULL);
	const json_t *repositories;

	if (json_object_get(json, "ImageManifest") && facts->image_id) {
		facts->image_digest = xstrdup(facts->image_id);
		return;
	}
	if (!driver || !facts->image_id || driver[0] == '.' || strchr(driver, '/'))
		return;
	cleanup_free char *path = xasprintf("%s/image/%s/repositories.json", store->root, driver);
	if (json_cache_find(context->json_cache, context->root_fd, path, store->trust,
			    "Repositories", &repositories, NULL) == 0)
		facts->image_digest = digest_of(repositories, facts->image, facts->image_id);
}

static void take_config(const struct runtime_context *context, const json_t *json,
			struct facts *ret)
{
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
	json_add_environment(context, json_at(json, "Config", "Env", NULL), ret);
}

static int docker_look_up(const struct runtime_context *context, const struct group *group,
			  struct facts *ret)
{
	const struct identity *identity = group->identity;
	cleanup_json json_t *json = NULL;

	if (identity->kind != KIND_CONTAINER || strlen(identity->container_id) != 64 ||
	    (*identity->runtime && !streq(identity->runtime, "docker")))
		return -ENOENT;
	cleanup(store_free) struct store store = find_store(context, user_of(group->path));
	if (!store.root)
		return -ENOENT;
	ret->file =
		xasprintf("%s/containers/%s/config.v2.json", store.root, identity->container_id);
	ret->of_user = store.trust == UNTRUSTED;
	int err = json_file_read(context->root_fd, ret->file, store.trust, &json, &ret->stamp);
	if (err)
		return err;
	take_config(context, json, ret);
	take_digest(context, &store, json, ret);
	return 0;
}

/* "Running" stands also while it waits for its next start; the exit code is then the last run's. */
static int docker_last_state(const struct runtime_context *context, const char *container_id,
			     const char *file, struct last_state *ret)
{
	cleanup_json json_t *json = NULL;
	cleanup_free char *root = data_root(context);
	cleanup_free char *path =
		file ? xstrdup(file)
		     : xasprintf("%s/containers/%s/config.v2.json", root, container_id);
	/* What is not below the daemon's own data is a user's. */
	bool ours = strncmp(path, root, strlen(root)) == 0 && path[strlen(root)] == '/';
	enum trust trust = ours ? TRUSTED : UNTRUSTED;

	if (trust == UNTRUSTED &&
	    mounts_may_block(context->path_procfs, context->path_rootfs, path))
		return -ENOENT;
	int err = json_file_read(context->root_fd, path, trust, &json, NULL);
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
