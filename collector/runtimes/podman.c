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
#include "collector/identity.h"
#include "collector/memory.h"
#include "collector/mounts.h"
#include "collector/runtimes/json_cache.h"
#include "collector/runtimes/oci_state.h"
#include "collector/survivors.h"

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

/* The user below whose slice a cgroup is; 0 for root and for all others. */
static unsigned user_of(const char *path)
{
	unsigned uid = 0;
	const char *slice = strstr(path, "/user.slice/user-");

	if (slice)
		uid = (unsigned)strtoul(slice + strlen("/user.slice/user-"), NULL, 10);
	return uid;
}

/* The home directory of a user, from the root's own /etc/passwd: passwd(5), fields 3 and 6. */
static char *home_of(const struct runtime_context *context, unsigned uid)
{
	cleanup_free char *text = NULL;
	char *save;

	if (runtime_file_read(context->root_fd, "etc/passwd", TRUSTED, RUNTIME_FILE_MAX, &text,
			      NULL) < 0)
		return NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *fields[7] = { NULL };

		for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
			fields[i] = strsep(&line, ":");
		if (fields[5] && strtoul(fields[2], NULL, 10) == uid && *fields[2])
			return xstrdup(fields[5]);
	}
	return NULL;
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
	cleanup_free char *home = home_of(context, uid);
	if (!home)
		return -ENOENT;
	cleanup_free char *path = xasprintf("%s/.local/share/containers/storage", home);
	/* The user may have mounted there what never answers. */
	if (mounts_may_block(context->path_procfs, context->path_rootfs, path))
		return -ENOENT;
	*ret = (struct store){ xstrdup(path), xasprintf("run/user/%u", uid), UNTRUSTED };
	return 0;
}

/* The store's entry of a container: its names, and "metadata", JSON within a string. */
static void take_entry(const json_t *entry, struct facts *facts)
{
	const json_t *names = json_object_get(entry, "names");
	const char *name = json_string_value(json_array_get(names, 0));
	const char *text = json_string_value(json_object_get(entry, "metadata"));
	cleanup_json json_t *metadata = text ? json_loads(text, 0, NULL) : NULL;
	cleanup_free char *created = json_string_at(entry, "created", NULL);

	if (name)
		facts->name = xstrdup(name);
	facts->image = json_string_at(metadata, "image-name", NULL);
	facts->image_id = json_string_at(entry, "image", NULL);
	facts->created_ms = time_parse_rfc3339(created);
}

/*
 * The container that holds a pod's namespaces. CRI-O says so; Podman 4.3 says only of the others in
 * which sandbox they are.
 */
static bool is_infra(const struct group *group, const struct facts *facts)
{
	const char *type = facts_label(facts, "io.kubernetes.cri-o.ContainerType");
	bool in_pod = group->parent && group->parent->identity->kind == KIND_POD;

	if (type)
		return streq(type, "sandbox");
	return in_pod && !facts_label(facts, "io.kubernetes.cri-o.SandboxID");
}

static void take_annotations(const struct runtime_context *context, const struct store *store,
			     const char *folder, struct facts *facts)
{
	cleanup_free char *path = xasprintf("%s/userdata/config.json", folder);
	cleanup_json json_t *json = NULL;

	if (json_file_read(context->root_fd, path, store->trust, &json, NULL) != 0)
		return;
	json_add_labels(json_object_get(json, "annotations"), facts);
	const char *manager = facts_label(facts, "io.container.manager");
	const char *image = facts_label(facts, "io.kubernetes.cri-o.ImageName");
	facts->runtime = manager && streq(manager, "cri-o") ? "cri-o" : "podman";
	if (image && *image && streq(facts->runtime, "cri-o")) {
		free(facts->image);
		facts->image = xstrdup(image);
	}
}

static int64_t started_ms(const struct runtime_context *context, const struct store *store,
			  const char *id)
{
	cleanup_free char *crun = xasprintf("%s/crun/%s/status", store->run, id);
	cleanup_free char *runc = xasprintf("%s/runc/%s/state.json", store->run, id);
	int64_t ms = oci_state_created_ms(context, crun, store->trust);

	return ms ? ms : oci_state_created_ms(context, runc, store->trust);
}

static int read_store(const struct runtime_context *context, const struct store *store,
		      const char *driver, const struct group *group, struct facts *ret)
{
	const char *id = group->identity->container_id;

	cleanup_free char *folder = xasprintf("%s/%s-containers/%s", store->path, driver, id);
	cleanup_free char *file =
		xasprintf("%s/%s-containers/containers.json", store->path, driver);
	const json_t *entry;
	int err = json_cache_find(context->json_cache, context->root_fd, file, store->trust, id,
				  &entry);

	if (err)
		return err;
	ret->runtime = "podman";
	take_entry(entry, ret);
	take_annotations(context, store, folder, ret);
	ret->sandbox = is_infra(group, ret);
	ret->started_ms = started_ms(context, store, id);
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

		if (!one)
			return 0;
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
