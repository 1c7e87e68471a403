/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Podman and CRI-O, which share containers/storage: <store>/<driver>-containers/containers.json lists
 * names and images of all containers, userdata/config.json of each has its annotations; crun's and
 * runc's state the last start. Root's store, and those of users below user-<uid>.slice.
 * Not on disk as text: Podman's labels, restart count, and the names of its pods.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "collector/cgroups.h"
#include "collector/workloads/identity.h"
#include "collector/memory.h"
#include "collector/procfs/mounts.h"
#include "collector/runtimes/json_cache.h"
#include "collector/runtimes/oci_state.h"
#include "collector/runtimes/users.h"
#include "collector/workloads/survivors.h"

static const char *const drivers[] = { "overlay", "vfs", "btrfs", "zfs" };

struct store {
	char *path; /* beneath the root */
	char *run;  /* where its OCI runtime keeps states */
	enum trust trust;
};

static void store_free(struct store *store)
{
	free(store->path);
	free(store->run);
}

/* What a user writes is untrusted: nothing there is a link that we would follow. */
static int find_store(const struct runtime_context *context, const char *cgroup, struct store *ret)
{
	unsigned uid = user_of(cgroup);

	if (uid == 0) {
		*ret = (struct store){ xstrdup("var/lib/containers/storage"), xstrdup("run"),
				       TRUSTED };
		return 0;
	}
	char *path = user_folder(context, uid, ".local/share/containers/storage");
	if (!path)
		return -ENOENT;
	*ret = (struct store){ path, xasprintf("run/user/%u", uid), UNTRUSTED };
	return 0;
}

/* The store's entry of a container: its names, and "metadata", JSON within a string. */
static void take_entry(const json_t *entry, enum trust trust, struct facts *facts)
{
	const json_t *names = json_object_get(entry, "names");
	const char *name = json_string_value(json_array_get(names, 0));
	const char *text = json_string_value(json_object_get(entry, "metadata"));
	cleanup_json json_t *metadata = NULL;
	cleanup_free char *created = json_string_at(entry, "created", NULL);

	if (name)
		facts->name = xstrdup(name);
	if (text)
		(void)json_text_parse(text, strlen(text), trust, &metadata);
	facts->image = json_string_at(metadata, "image-name", NULL);
	facts->image_id = json_string_at(entry, "image", NULL);
	facts->created_ms = time_parse_rfc3339(created);
}

/*
 * The container that holds a pod's namespaces. CRI-O says so; Podman 4.3 says only of the others in
 * which sandbox they are.
 */
static bool is_infra(const struct group *group, const struct facts *facts, bool annotated)
{
	const char *type = facts_label(facts, "io.kubernetes.cri-o.ContainerType");
	bool in_pod = group->parent && group->parent->identity->kind == KIND_POD;

	if (type)
		return streq(type, "sandbox");
	return annotated && in_pod && !facts_label(facts, "io.kubernetes.cri-o.SandboxID");
}

/* Whether they could be read. */
static bool take_annotations(const struct runtime_context *context, const struct store *store,
			     const char *folder, struct facts *facts)
{
	cleanup_free char *path = xasprintf("%s/userdata/config.json", folder);
	cleanup_json json_t *json = NULL;

	if (json_file_read(context->root_fd, path, store->trust, &json, NULL) != 0)
		return false;
	json_add_environment(context, json_at(json, "process", "env", NULL), facts);
	json_add_labels(json_object_get(json, "annotations"), facts);
	const char *manager = facts_label(facts, "io.container.manager");
	const char *image = facts_label(facts, "io.kubernetes.cri-o.ImageName");
	facts->runtime = manager && streq(manager, "cri-o") ? "cri-o" : "podman";
	if (image && *image && streq(facts->runtime, "cri-o")) {
		free(facts->image);
		facts->image = xstrdup(image);
	}
	return true;
}

/* What a user's runtime says of a start is as much his own as his store. */
static int64_t started_by(const struct runtime_context *context, const struct store *store,
			  const char *file)
{
	if (store->trust == UNTRUSTED &&
	    mounts_may_block(context->path_procfs, context->path_rootfs, file))
		return 0;
	return oci_state_created_ms(context, file, store->trust);
}

static void take_digest(const struct runtime_context *context, const struct store *store,
			const char *driver, struct facts *facts)
{
	cleanup_free char *file = xasprintf("%s/%s-images/images.json", store->path, driver);
	const json_t *image;

	if (facts->image_id && json_cache_find(context->json_cache, context->root_fd, file,
					       store->trust, facts->image_id, &image, NULL) == 0)
		facts->image_digest = json_string_at(image, "digest", NULL);
}

static int64_t started_ms(const struct runtime_context *context, const struct store *store,
			  const char *id)
{
	cleanup_free char *crun = xasprintf("%s/crun/%s/status", store->run, id);
	cleanup_free char *runc = xasprintf("%s/runc/%s/state.json", store->run, id);
	int64_t ms = started_by(context, store, crun);

	return ms ? ms : started_by(context, store, runc);
}

/* The list changes with each container that is made: only a few of them are renamed. FNV-1a. */
static uint64_t hash_entry(const json_t *entry)
{
	cleanup_free char *text = json_dumps(entry, JSON_COMPACT);
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *s = text; s && *s; s++)
		hash = (hash ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return hash ? hash : 1;
}

static int read_store(const struct runtime_context *context, const struct store *store,
		      const char *driver, const struct group *group, struct facts *ret)
{
	const char *id = group->identity->container_id;

	cleanup_free char *folder = xasprintf("%s/%s-containers/%s", store->path, driver, id);
	cleanup_free char *file =
		xasprintf("%s/%s-containers/containers.json", store->path, driver);
	const struct identity *identity = group->identity;
	const json_t *entry;
	int err = json_cache_find(context->json_cache, context->root_fd, file, store->trust, id,
				  &entry, &ret->stamp);

	if (err)
		return err;
	ret->entry = hash_entry(entry);
	if (identity->known && identity->facts.entry == ret->entry)
		return -EALREADY;
	ret->file = xstrdup(file);
	ret->of_user = store->trust == UNTRUSTED;
	ret->runtime = "podman";
	take_entry(entry, store->trust, ret);
	bool annotated = take_annotations(context, store, folder, ret);
	ret->sandbox = is_infra(group, ret, annotated);
	ret->started_ms = started_ms(context, store, id);
	take_digest(context, store, driver, ret);
	return 0;
}

static int podman_look_up(const struct runtime_context *context, const struct group *group,
			  struct facts *ret)
{
	const struct identity *identity = group->identity;
	cleanup(store_free) struct store store = { 0 };
	int worst = -ENOENT;

	if (identity->kind != KIND_CONTAINER || strlen(identity->container_id) != 64 ||
	    (*identity->runtime && !streq(identity->runtime, "podman") &&
	     !streq(identity->runtime, "cri-o")))
		return -ENOENT;
	int err = find_store(context, group->path, &store);
	for (size_t i = 0; !err && i < ARRAY_SIZE(drivers); i++) {
		int one = read_store(context, &store, drivers[i], group, ret);

		if (!one || one == -EALREADY)
			return one;
		if (one != -ENOENT)
			worst = one;
	}
	return err ? err : worst;
}

/* conmon(8) writes the code into --exit-dir, and a file "oom" beside the container's configuration. */
static int podman_last_state(const struct runtime_context *context, const char *container_id,
			     const char *file, struct last_state *ret)
{
	cleanup_free char *path = xasprintf("run/libpod/exits/%s", container_id);
	cleanup_free char *crio = xasprintf("run/crio/exits/%s", container_id);
	cleanup_free char *oom = xasprintf("var/lib/containers/storage/overlay-containers/%s/"
					   "userdata/oom",
					   container_id);
	cleanup_free char *text = NULL;
	char *end;

	(void)file;
	ssize_t length = runtime_file_read(context->root_fd, path, TRUSTED, 64, &text, NULL);
	if (length == -ENOENT)
		length = runtime_file_read(context->root_fd, crio, TRUSTED, 64, &text, NULL);
	if (length < 0)
		return (int)length;
	long code = strtol(text, &end, 10);
	if (end == text || code < 0 || code > 255)
		return -EINVAL;
	ret->has_exit_code = true;
	ret->exit_code = (int)code;
	ret->oom_killed = faccessat(context->root_fd, oom, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return 0;
}

const struct runtime runtime_podman = {
	.name = "podman",
	.also = "cri-o",
	.last_state = podman_last_state,
	.look_up = podman_look_up,
};
