/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a cgroup is when another's files would fit as well: users, units and ids of the same name. */
#include "collector/runtimes/runtime.h"

#include <sys/resource.h>

#include "collector/runtimes/json_cache.h"
#include "collector/runtimes/users.h"
#include "collector/workloads/survivors.h"
#include "tests/runtimes_support.h"

#define WEB	"7527a933d0dda13a66e82d844f72c71282e4128c99e7882c064dc0c7563f39cc"
#define CRI_API "4e9330c0dbfd66f4d2c65312d0898e95e60c18f8316288e0f8bbc30c1fb16f19"
#define PWEB	"98cbcdb3e54bbe680b52adbe42012f00c97a46070568d7d631b99f464feb4028"
#define USER	"user.slice/user-1000.slice/user@1000.service/user.slice/"
#define POD	"machine.slice/machine-libpod_pod_" PWEB ".slice/"
#define STORE	"root/var/lib/containers/storage/"
#define PASSWD	"dock:x:1000:1000::/home/dock:/bin/sh\n"

static const struct workload *workload_at(const struct world *w, const char *path)
{
	const struct workload *workload = group_at(w, path)->workload;

	assert_non_null(workload);
	return workload;
}

static void tells_users_from_the_system(void **state)
{
	static const struct {
		const char *path;
		unsigned uid;
	} rows[] = {
		{ "/", 0 },
		{ "/" USER "libpod-" PWEB ".scope", 1000 },
		{ "/user.slice/user-1000.slice/user@1000.service", 1000 },
		/* Of root, and root's own: sudo makes them below a session. */
		{ "/user.slice/user-1000.slice/session-3.scope/box", 0 },
		{ "/user.slice/user-0.slice/user@0.service/x", 0 },
		{ "/" USER "user@0.service/x", 1000 }, /* the outer one is systemd's */
		{ "/user@x.service/y", 0 },
		{ "/user@12.serviceable/y", 0 },
		{ "/user@99999999999999999999.service/y", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(user_of(rows[i].path), rows[i].uid);
}

/* Whoever has a slice of his own can call a cgroup there like anybody's container. */
static void gives_users_nothing_of_roots(void **state)
{
	static const char *const paths[] = {
		USER "docker-" WEB ".scope",  USER WEB,
		USER "libpod-" PWEB ".scope", USER "cri-containerd-" CRI_API ".scope",
		USER "machine-m2.scope",      USER "nsp.service",
	};
	struct world *w = *state;

	use_root(w, "tests/fixtures/runtimes/root");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		add_cgroup(w, paths[i]);
	add_cgroup(w, "system.slice/nsp.service");
	discover(w);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const struct workload *workload = workload_at(w, paths[i]);

		assert_false(group_at(w, paths[i])->identity->known);
		assert_string_equal(workload->image, "");
		assert_string_equal(workload->pod, "");
	}
	assert_int_equal(workload_at(w, USER "nsp.service")->kind, KIND_SERVICE);
	assert_int_equal(workload_at(w, "system.slice/nsp.service")->kind, KIND_MACHINE);
	assert_string_equal(workload_at(w, "system.slice/nsp.service")->name, "m1");
}

/* Docker of a user's, and what he may have planted there. */
static void reads_rootless_docker(void **state)
{
	const char *path = USER "docker-" WEB ".scope", *other = USER "docker-" PWEB ".scope";
	const char *store = "root/home/dock/.local/share/docker";
	struct world *w = *state;
	cleanup_free char *file = xasprintf("%s/containers/" WEB "/config.v2.json", store);
	cleanup_free char *folder = xasprintf("%s/containers/" PWEB, store);
	cleanup_free char *link = xasprintf("%s/%s/config.v2.json", w->tree, folder);

	tree_write(w->tree, "root/etc/passwd", PASSWD);
	tree_write(w->tree, "root/var/lib/docker/containers/" PWEB "/config.v2.json",
		   "{\"Name\":\"/roots\"}");
	tree_write(w->tree, file, "{\"Name\":\"/mine\",\"Config\":{\"Image\":\"demo:1\"}}");
	tree_mkdir(w->tree, folder);
	assert_int_equal(symlink("/var/lib/docker/containers/" PWEB "/config.v2.json", link), 0);
	add_cgroup(w, path);
	add_cgroup(w, other);
	discover(w);
	assert_string_equal(workload_at(w, path)->name, "mine");
	assert_string_equal(workload_at(w, path)->image, "demo:1");
	assert_string_equal(workload_at(w, other)->name, PWEB);
	/* Followed as root's are. */
	tree_write(w->tree, file,
		   "{\"Name\":\"/renamed\",\"State\":{\"ExitCode\":3,"
		   "\"FinishedAt\":\"2026-11-23T13:45:35Z\"}}");
	discover(w);
	assert_string_equal(workload_at(w, path)->name, "renamed");
	/* How it ended is told by the same file; a link in its place tells nothing. */
	const struct runtime_context *context = containers_context(w->containers);
	struct last_state end = { 0 };
	assert_int_equal(runtimes_last_state(context, "docker", WEB, file + strlen("root"), &end),
			 0);
	assert_int_equal(end.exit_code, 3);
	free(end.name);
	cleanup_free char *planted = xasprintf("%s/config.v2.json", folder + strlen("root"));
	assert_int_equal(runtimes_last_state(context, "docker", PWEB, planted, &end), -ENOENT);
}

/* What hangs may also be mounted deep in a store. */
static void looks_for_mounts_below(void **state)
{
	const char *path = USER "libpod-" PWEB ".scope";
	struct world *w = *state;

	tree_write(w->tree, "root/etc/passwd", PASSWD);
	tree_write(w->tree,
		   "root/home/dock/.local/share/containers/storage/overlay-containers/"
		   "containers.json",
		   "[{\"id\":\"" PWEB "\",\"names\":[\"rootless\"]}]");
	cleanup_free char *deep = xasprintf(
		"1 0 8:1 / / rw - ext4 /dev/sda rw\n"
		"2 1 0:50 / %s/root/home/dock/.local/share/containers/storage/overlay-containers "
		"rw - fuse.x x rw\n",
		w->tree);
	tree_write(w->tree, "proc/self/mountinfo", deep);
	add_cgroup(w, path);
	discover(w);
	assert_string_equal(workload_at(w, path)->name, PWEB);
	/* One beside it is nobody's business; one on the file of its start keeps that alone away. */
	cleanup_free char *beside = xasprintf(
		"2 1 0:50 / %s/root/home/dock/.local/share/containers/other rw - fuse.x x rw\n"
		"3 1 0:51 / %s/root/run/user/1000/crun rw - fuse.x x rw\n",
		w->tree, w->tree);
	tree_write(w->tree, "proc/self/mountinfo", beside);
	tree_write(w->tree, "root/run/user/1000/crun/" PWEB "/status",
		   "{\"created\":\"2026-11-23T13:45:35Z\"}");
	discover(w);
	assert_string_equal(workload_at(w, path)->name, "rootless");
	assert_int_equal(group_at(w, path)->identity->start_ms, 0);
}

static void write_state(const struct world *w, const char *cgroup, int hour)
{
	cleanup_free char *json =
		xasprintf("{\"created\":\"2026-11-23T%02d:00:00Z\",\"cgroup_paths\":{\"\":"
			  "\"/sys/fs/cgroup/%s\"}}",
			  hour, cgroup);

	tree_write(w->tree, "root/run/runc/job/fresh", json);
	cleanup_free char *from = xasprintf("%s/root/run/runc/job/fresh", w->tree);
	cleanup_free char *to = xasprintf("%s/root/run/runc/job/state.json", w->tree);
	assert_int_equal(rename(from, to), 0);
}

static void remake_cgroup(const struct world *w, const char *old, const char *fresh)
{
	cleanup_free char *path = xasprintf("%s/cgroup/%s", w->tree, old);

	/* In this order, for ext4 gives numbers away again, and cgroup2 never does. */
	cleanup_free char *name = xasprintf("%s~", fresh);
	add_cgroup(w, name);
	assert_int_equal(rmdir(path), 0);
	cleanup_free char *from = xasprintf("%s/cgroup/%s", w->tree, name);
	cleanup_free char *to = xasprintf("%s/cgroup/%s", w->tree, fresh);
	assert_int_equal(rename(from, to), 0);
}

/* A bundle that is run again under its id has another start, and may have another cgroup. */
static void follows_a_bundle_that_is_run_again(void **state)
{
	const int64_t hour_ms = 3600000;
	struct world *w = *state;

	write_state(w, "one", 9);
	add_cgroup(w, "one");
	discover(w);
	const struct identity *first = group_at(w, "one")->identity;
	int64_t start_ms = first->start_ms;
	assert_string_equal(first->name, "job");
	write_state(w, "one", 10);
	remake_cgroup(w, "one", "one");
	discover(w);
	assert_string_equal(workload_at(w, "one")->name, "job");
	assert_int_equal(group_at(w, "one")->identity->start_ms, start_ms + hour_ms);
	write_state(w, "two", 12);
	remake_cgroup(w, "one", "two");
	discover(w);
	assert_string_equal(workload_at(w, "two")->name, "job");
	assert_int_equal(group_at(w, "two")->identity->start_ms, start_ms + 3 * hour_ms);
}

/* Who is in a pod, but of whom annotations cannot be read, is a container of it and not its sandbox. */
static void hides_nobody_for_a_broken_file(void **state)
{
	const char *path = POD "libpod-" WEB ".scope";
	const char *config = STORE "overlay-containers/" WEB "/userdata/config.json";
	struct world *w = *state;

	tree_write(w->tree, STORE "overlay-containers/containers.json",
		   "[{\"id\":\"" WEB "\",\"names\":[\"api\"]}]");
	tree_write(w->tree, config, "{\"annotations\":{");
	add_cgroup(w, path);
	discover(w);
	assert_string_equal(workload_at(w, path)->name, "api");
	assert_false(group_at(w, path)->inside);
}

/* Two runtimes, or two users, may each have a container of one name, and of one id: both are served. */
static void serves_two_of_one_name(void **state)
{
	static const struct {
		const char *path, *runtime, *image;
	} rows[] = {
		{ "system.slice/docker-" WEB ".scope", "docker", "docker:1" },
		{ "machine.slice/libpod-" PWEB ".scope", "podman", "podman:1" },
		{ USER "libpod-" PWEB ".scope", "podman", "user:1" },
		{ "system.slice/web.service/libpod-payload-" CRI_API, "podman", "quadlet:1" },
	};
	struct world *w = *state;

	tree_write(w->tree, "root/etc/passwd", PASSWD);
	tree_write(w->tree, "root/var/lib/docker/containers/" WEB "/config.v2.json",
		   "{\"Name\":\"/web\",\"Config\":{\"Image\":\"docker:1\"}}");
	tree_write(w->tree, STORE "overlay-containers/containers.json",
		   "[{\"id\":\"" PWEB "\",\"names\":[\"web\"],\"metadata\":\"{\\\"image-name\\\":"
		   "\\\"podman:1\\\"}\"},{\"id\":\"" CRI_API "\",\"names\":[\"web\"],\"metadata\":"
		   "\"{\\\"image-name\\\":\\\"quadlet:1\\\"}\"}]");
	tree_write(w->tree,
		   "root/home/dock/.local/share/containers/storage/overlay-containers/"
		   "containers.json",
		   "[{\"id\":\"" PWEB "\",\"names\":[\"web\"],\"metadata\":\"{\\\"image-name\\\":"
		   "\\\"user:1\\\"}\"}]");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		add_cgroup(w, rows[i].path);
	discover(w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct workload *workload = workload_at(w, rows[i].path);

		assert_int_equal(workload->kind, KIND_CONTAINER);
		assert_string_equal(workload->name, "web");
		assert_string_equal(workload->runtime, rows[i].runtime);
		assert_string_equal(workload->image, rows[i].image);
	}
	assert_int_equal(workload_at(w, "system.slice/web.service")->kind, KIND_SERVICE);
}

/* A list changes with each container; what it says of one is taken over when that has changed. */
static void follows_one_entry_of_a_list(void **state)
{
	const char *path = "machine.slice/libpod-" PWEB ".scope";
	const char *list = STORE "overlay-containers/containers.json";
	const char *config = STORE "overlay-containers/" PWEB "/userdata/config.json";
	struct world *w = *state;

	tree_write(w->tree, config, "{\"annotations\":{\"io.container.manager\":\"libpod\"}}");
	tree_write(w->tree, list, "[{\"id\":\"" PWEB "\",\"names\":[\"web\"]}]");
	add_cgroup(w, path);
	discover(w);
	assert_string_equal(workload_at(w, path)->name, "web");
	struct identity *identity = group_at(w, path)->identity;
	struct file_stamp before = identity->facts.stamp;
	/* Somebody else's: nothing of ours is read again, or it would be cri-o's now. */
	tree_write(w->tree, config, "{\"annotations\":{\"io.container.manager\":\"cri-o\"}}");
	tree_write(w->tree, list,
		   "[{\"id\":\"" WEB "\",\"names\":[\"new\"]},"
		   "{\"id\":\"" PWEB "\",\"names\":[\"web\"]}]");
	discover(w);
	assert_string_equal(workload_at(w, path)->runtime, "podman");
	assert_false(file_stamp_equal(&identity->facts.stamp, &before));
	tree_write(w->tree, list, "[{\"id\":\"" PWEB "\",\"names\":[\"renamed\"]}]");
	discover(w);
	assert_string_equal(workload_at(w, path)->name, "renamed");
	assert_string_equal(workload_at(w, path)->runtime, "cri-o");
	/* Once it is no longer young, every ten seconds. */
	identity->first_look_ns = 1;
	identity->next_look_ns = 0;
	tree_write(w->tree, list, "[{\"id\":\"" PWEB "\",\"names\":[\"again\"]}]");
	discover(w);
	assert_string_equal(workload_at(w, path)->name, "again");
	tree_write(w->tree, list, "[]");
	identity->next_look_ns = 0;
	discover(w);
	assert_string_equal(workload_at(w, path)->name, "again");
}

/* A link that means a place on the host leads there, wherever the host's root is mounted for us. */
static void follows_links_within_the_root(void **state)
{
	const char *path = "kubepods.slice/kubepods-pod1.slice/cri-containerd-" WEB ".scope";
	struct world *w = *state;

	tree_write(w->tree,
		   "root/data/containerd/io.containerd.runtime.v2.task/k8s.io/" WEB "/config.json",
		   "{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"shop\","
		   "\"io.kubernetes.cri.container-name\":\"api\"}}");
	tree_write(w->tree, "root/data/containerd/runc/default/plain/state.json",
		   "{\"created\":\"2026-11-23T09:00:00Z\",\"cgroup_paths\":{\"\":"
		   "\"/sys/fs/cgroup/default/plain\"}}");
	tree_write(w->tree,
		   "root/data/containerd/io.containerd.runtime.v2.task/default/plain/config.json",
		   "{}");
	tree_mkdir(w->tree, "root/run");
	cleanup_free char *link = xasprintf("%s/root/run/containerd", w->tree);
	assert_int_equal(symlink("/data/containerd", link), 0);
	add_cgroup(w, path);
	add_cgroup(w, "default/plain");
	discover(w);
	assert_string_equal(workload_at(w, path)->pod, "shop");
	assert_string_equal(workload_at(w, path)->container, "api");
	assert_string_equal(workload_at(w, "default/plain")->name, "plain");
}

/* libvirt numbers its machines anew at each start: that is no part of their names, with or without machined. */
static void names_machines_without_numbers(void **state)
{
	static const struct {
		const char *path, *name;
	} rows[] = {
		{ "machine.slice/machine-qemu\\x2d7\\x2dweb.scope", "web" },
		{ "machine/qemu-12-web.libvirt-qemu", "web" },
		{ "machine.slice/machine-qemu\\x2d3\\x2d5\\x2dx.scope", "5-x" },
		{ "machine.slice/machine-lxc\\x2d2\\x2dbox.scope", "box" },
		{ "machine.slice/machine-qemu-3-x.scope", "told" },
	};
	struct world *w = *state;

	/* A machine of nspawn's may be called as it likes. */
	tree_write(w->tree, "root/run/systemd/machines/unit:machine-qemu-3-x.scope",
		   "NAME=told\nCLASS=container\nSERVICE=systemd-nspawn\n");
	tree_write(w->tree, "root/run/systemd/machines/unit:machine-qemu-4-x.scope",
		   "NAME=qemu-4-x\nCLASS=container\nSERVICE=systemd-nspawn\n");
	tree_write(w->tree, "root/run/systemd/machines/unit:machine-v.scope",
		   "NAME=v\nCLASS=vm\nSERVICE=systemd-vmspawn\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		add_cgroup(w, rows[i].path);
	add_cgroup(w, "machine.slice/machine-qemu-4-x.scope");
	add_cgroup(w, "machine.slice/machine-v.scope");
	discover(w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(workload_at(w, rows[i].path)->name, rows[i].name);
	assert_string_equal(workload_at(w, "machine.slice/machine-qemu-4-x.scope")->name,
			    "qemu-4-x");
	const struct workload *vm = workload_at(w, "machine.slice/machine-v.scope");
	assert_int_equal(vm->kind, KIND_VM);
	assert_string_equal(vm->runtime, "systemd-vmspawn");
}

/* A list that could not be opened for want of a descriptor is no broken one. */
static void asks_again_when_descriptors_were_short(void **state)
{
	struct world *w = *state;
	struct json_cache *cache = json_cache_new();
	cleanup_close int root = open(w->tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct rlimit before, few;
	const json_t *entry;

	tree_write(w->tree, "list.json", "[{\"id\":\"a\"}]");
	int next = open("/", O_PATH | O_CLOEXEC);
	assert_true(next > root);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	/* Enough to look whether it has changed, not to read it as well. */
	few = (struct rlimit){ .rlim_cur = (rlim_t)next + 1, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	int err = json_cache_find(cache, root, "list.json", TRUSTED, "a", &entry, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(err, -EMFILE);
	assert_int_equal(json_cache_find(cache, root, "list.json", TRUSTED, "a", &entry, NULL), 0);
	json_cache_free(cache);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_users_from_the_system),
		TEST(gives_users_nothing_of_roots),
		TEST(reads_rootless_docker),
		TEST(looks_for_mounts_below),
		TEST(follows_a_bundle_that_is_run_again),
		TEST(hides_nobody_for_a_broken_file),
		TEST(serves_two_of_one_name),
		TEST(follows_one_entry_of_a_list),
		TEST(follows_links_within_the_root),
		TEST(names_machines_without_numbers),
		TEST(asks_again_when_descriptors_were_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
