/* SPDX-License-Identifier: Apache-2.0 */
/* Identity from captured files, and from hostile ones: collector/runtimes/ and collector/workloads/identity.c. */
#include "collector/runtimes/runtime.h"

#include <sys/stat.h>

#include "collector/clock.h"
#include "collector/procfs/mounts.h"
#include "collector/runtimes/json_file.h"
#include "collector/workloads/survivors.h"
#include "tests/runtimes_support.h"

#define WEB	"7527a933d0dda13a66e82d844f72c71282e4128c99e7882c064dc0c7563f39cc"
#define CRI_API "4e9330c0dbfd66f4d2c65312d0898e95e60c18f8316288e0f8bbc30c1fb16f19"
#define FLAP	"8de98d349edd5cb5134f2aa1eebaf31f24a97626abaeb523d0ea9d0f7f6ea638"
#define PAUSE	"bff976e022b597573eefa9d7c1b585600a25dff405c8fc84bba1c1ea0e8b3cc7"
#define PWEB	"98cbcdb3e54bbe680b52adbe42012f00c97a46070568d7d631b99f464feb4028"
#define PAPI	"cbab095a093805433e55a462982fd46f642e5bf8775b9efeadc303bf54bb3fd1"
#define INFRA	"f7c9de18d3b9325b212ee3106c6687c7ffb37fa383178a647f973913e52dbf84"
#define K8S_POD                                                                                    \
	"kubepods.slice/kubepods-burstable.slice/"                                                 \
	"kubepods-burstable-pod0f5a1c3e_1111_2222_3333_444455556666.slice"
#define CGROUPFS_POD "kubepods/burstable/pod0f5a1c3e-1111-2222-3333-444455556666"
#define PODMAN_POD                                                                                 \
	"machine.slice/machine-libpod_pod_"                                                        \
	"60e0ee674852cc887873b98a357241c36808d7a12a7772028dfa545401501d11.slice"

static void knows_captured_containers(void **state)
{
	static const struct {
		const char *path;
		enum workload_kind kind;
		const char *runtime, *name, *image, *namespace, *pod, *container;
		int64_t start_ms;
	} rows[] = {
		{ "system.slice/docker-" WEB ".scope", KIND_CONTAINER, "docker", "web",
		  "demo/busybox:1.0", "", "", "", 1795441508213 },
		{ "machine.slice/libpod-" PWEB ".scope", KIND_CONTAINER, "podman", "pweb",
		  "localhost/demo/busybox:1.0", "", "", "", 1795441569001 },
		{ PODMAN_POD "/libpod-" PAPI ".scope", KIND_CONTAINER, "podman", "api",
		  "localhost/demo/busybox:1.0", "", "", "", 0 },
		{ K8S_POD, KIND_POD, "", "", "", "shop", "web-7d4b9c", "", 0 },
		{ K8S_POD "/cri-containerd-" CRI_API ".scope", KIND_CONTAINER, "containerd",
		  CRI_API, "demo.local/busybox:1.0", "shop", "web-7d4b9c", "api", 1795441723263 },
		{ "system.slice/plain1", KIND_CONTAINER, "containerd", "plain1", "", "", "", "",
		  1795441713306 },
		{ "machine.slice/machine-m2.scope", KIND_MACHINE, "systemd-nspawn", "m2", "", "",
		  "", "", 1795441795207 },
		{ "system.slice/nsp.service", KIND_MACHINE, "systemd-nspawn", "m1", "", "", "", "",
		  0 },
		{ "machine.slice/machine-qemu\\x2d1\\x2dvm1.scope", KIND_VM, "libvirt", "vm1", "",
		  "", "", "", 1795441808473 },
		/* The same by cgroupfs drivers. */
		{ "docker/" WEB, KIND_CONTAINER, "docker", "web", "demo/busybox:1.0", "", "", "",
		  1795441508213 },
		{ "libpod_parent/libpod-" PWEB, KIND_CONTAINER, "podman", "pweb",
		  "localhost/demo/busybox:1.0", "", "", "", 1795441569001 },
		{ CGROUPFS_POD, KIND_POD, "", "", "", "shop", "web-7d4b9c", "", 0 },
		{ CGROUPFS_POD "/" CRI_API, KIND_CONTAINER, "containerd", CRI_API,
		  "demo.local/busybox:1.0", "shop", "web-7d4b9c", "api", 1795441723263 },
	};
	struct world *w = *state;

	use_root(w, "tests/fixtures/runtimes/root");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		add_cgroup(w, rows[i].path);
	discover(w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct group *group = group_at(w, rows[i].path);
		const struct workload *workload = group->workload;

		assert_non_null(workload);
		assert_int_equal(workload->kind, rows[i].kind);
		assert_string_equal(workload->runtime, rows[i].runtime);
		assert_string_equal(workload->name, rows[i].name);
		assert_string_equal(workload->image, rows[i].image);
		assert_string_equal(workload->namespace, rows[i].namespace);
		assert_string_equal(workload->pod, rows[i].pod);
		assert_string_equal(workload->container, rows[i].container);
		if (rows[i].start_ms)
			assert_int_equal(group->identity->start_ms, rows[i].start_ms);
	}
	assert_int_equal(w->counters.metadata_errors, 0);
	assert_int_equal(
		group_at(w, K8S_POD "/cri-containerd-" CRI_API ".scope")->identity->facts.restarts,
		2);
	const struct facts *web = &group_at(w, rows[0].path)->identity->facts;
	assert_int_equal(web->restarts, 0);
	assert_int_equal(web->n_labels, 0); /* not kept: an image may bring megabytes of them */
	assert_string_equal(group_at(w, rows[0].path)->identity->image_digest, ""); /* imported */
	assert_string_equal(
		group_at(w, rows[1].path)->identity->image_digest,
		"sha256:61971cc228fc2eb3a8a005aaacda85d4680225213b746c1b282a65d9f21f1203");
}

/* How a container has ended that was restarted twice and then given up. */
static void knows_a_captured_end(void **state)
{
	struct last_state end = { 0 };
	struct world *w = *state;

	use_root(w, "tests/fixtures/runtimes/root");
	discover(w);
	const struct runtime_context *context = containers_context(w->containers);
	assert_int_equal(runtimes_last_state(context, "docker", FLAP, NULL, &end), 0);
	assert_true(end.has_exit_code);
	assert_int_equal(end.exit_code, 3);
	assert_false(end.oom_killed);
	assert_string_equal(end.name, "flap");
	free(end.name);
	/* These still ran when they were captured. */
	assert_true(runtimes_last_state(context, "docker", WEB, NULL, &end) < 0);
	assert_true(runtimes_last_state(context, "containerd", CRI_API, NULL, &end) < 0);
	assert_true(runtimes_last_state(context, "podman", PWEB, NULL, &end) < 0);
}

/* Pause and infra containers are a part of their pods: listed below them, not read by themselves. */
static void folds_pause_containers(void **state)
{
	static const char *const paths[] = { K8S_POD "/cri-containerd-" PAUSE ".scope",
					     PODMAN_POD "/libpod-" INFRA ".scope" };
	struct world *w = *state;

	use_root(w, "tests/fixtures/runtimes/root");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		add_cgroup(w, paths[i]);
	discover(w);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const struct group *group = group_at(w, paths[i]);

		assert_true(identity_is_sandbox(group->identity));
		assert_true(group->inside);
		assert_null(group->workload);
		assert_string_equal(group->identity->container, "");
	}
	/* The pod knows its name from its pause container alone. */
	assert_string_equal(group_at(w, K8S_POD)->workload->pod, "web-7d4b9c");
}

/* Metadata that comes late, and that changes, is taken up without a restart. */
static void follows_late_and_changed_files(void **state)
{
	const char *path = "system.slice/docker-" WEB ".scope";
	const char *file = "root/var/lib/docker/containers/" WEB "/config.v2.json";
	struct world *w = *state;

	add_cgroup(w, path);
	discover(w);
	struct identity *identity = group_at(w, path)->identity;
	assert_string_equal(group_at(w, path)->workload->name, WEB);
	/* While it is young in each pass: the runtime may write a moment later, and once more. */
	tree_write(w->tree, file, "{\"Name\":\"/late\",\"RestartCount\":0}");
	discover(w);
	assert_string_equal(group_at(w, path)->workload->name, "late");
	tree_write(w->tree, file, "{\"Name\":\"/started\",\"RestartCount\":0}");
	discover(w);
	assert_string_equal(group_at(w, path)->workload->name, "started");
	/* Later only now and then. */
	identity->first_look_ns = 1;
	discover(w);
	tree_write(w->tree, file, "{\"Name\":\"/renamed\",\"RestartCount\":30}");
	discover(w);
	assert_string_equal(group_at(w, path)->workload->name, "started");
	identity->next_look_ns = 0;
	discover(w);
	assert_string_equal(group_at(w, path)->workload->name, "renamed");
	assert_int_equal(identity->facts.restarts, 30);
	/* A file that breaks leaves what is known. */
	tree_write(w->tree, file, "{\"Name\":");
	group_at(w, path)->identity->next_look_ns = 0;
	discover(w);
	assert_string_equal(group_at(w, path)->workload->name, "renamed");
	assert_int_equal(w->counters.metadata_errors, 1);
}

/* Without time one look-up is made in each pass, and nobody is asked twice while others wait. */
static void puts_off_what_there_is_no_time_for(void **state)
{
	static const char *const paths[] = { "a.service", "b.service", "c.service" };
	struct world *w = *state;
	struct look_ups pass = {
		.options = &w->options, .counters = &w->counters, .until_ns = 1, .at_least = 1
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		add_cgroup(w, paths[i]);
	discover(w);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		group_at(w, paths[i])->identity->first_look_ns = 0;
	pass.context = containers_context(w->containers);
	for (size_t n = 0; n < ARRAY_SIZE(paths); n++) {
		pass.now_ns = clock_monotonic_ns();
		pass.waiting = pass.put_off > 0;
		pass.made = pass.put_off = 0;
		for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
			identity_update(&pass, group_at(w, paths[i]));
		assert_int_equal(pass.made, 1);
		assert_int_equal(pass.put_off, ARRAY_SIZE(paths) - 1 - n);
		for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
			assert_int_equal(group_at(w, paths[i])->identity->first_look_ns != 0,
					 i <= n);
	}
	assert_int_equal(w->counters.metadata_put_off, 2 + 1);
	/* A young group that nobody knows is asked for again soon, and known ones are not. */
	assert_in_range(pass.again_ms, 1, 10);
	assert_in_range(containers_wait_ms(w->containers), 1, 10);
}

static void survives_hostile_files(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"null",
		"[]",
		"{}",
		"42",
		"\"x\"",
		"{\"Name\":{}}",
		"{\"Name\":[\"/x\"]}",
		"{\"Config\":{\"Labels\":[1,2]}}",
		"{\"State\":\"Running\"}",
		"{\"RestartCount\":1e999}",
		"{\"Name\":\"a\\u0000b\"}",
		"\xff\xfe",
		"{\"Created\":\"yesterday\",\"State\":{\"StartedAt\":\"0001-01-01T00:00:00Z\"}}",
		"{\"Name\":\"/x\"}{\"Name\":\"/y\"}",
	};
	const char *path = "system.slice/docker-" WEB ".scope";
	const char *file = "root/var/lib/docker/containers/" WEB "/config.v2.json";
	struct world *w = *state;

	add_cgroup(w, path);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		tree_write(w->tree, file, texts[i]);
		discover(w);
		assert_string_equal(group_at(w, path)->workload->name, WEB);
		group_at(w, path)->identity->next_look_ns = 0;
	}
	size_t deep = 200000; /* jansson refuses to nest that far */
	cleanup_free char *nested = xmalloc(deep + 1);
	memset(nested, '[', deep);
	nested[deep] = '\0';
	tree_write(w->tree, file, nested);
	discover(w);
	assert_string_equal(group_at(w, path)->workload->name, WEB);
}

/* Names of a container's choice come out clean, capped, and escaped only by the exporters. */
static void cleans_hostile_values(void **state)
{
	const char *path = "system.slice/docker-" WEB ".scope";
	struct world *w = *state;
	size_t length = 64000;
	cleanup_free char *long_image = xmalloc(length + 1);

	memset(long_image, 'i', length);
	long_image[length] = '\0';
	cleanup_free char *json = xasprintf(
		"{\"Name\":\"/a\\\"b\\n\\u001b\",\"Config\":{\"Image\":\"%s\"}}", long_image);
	add_cgroup(w, path);
	tree_write(w->tree, "root/var/lib/docker/containers/" WEB "/config.v2.json", json);
	discover(w);
	const struct workload *workload = group_at(w, path)->workload;
	assert_string_equal(workload->name, "a\"b\n\033");
	assert_true(strlen(workload->image) <= w->options.labels_max_length);
	assert_int_equal(w->counters.labels_shortened, 1);
}

/* What a container or a user could plant: links, FIFOs, folders, files without end. */
static void opens_nothing_planted(void **state)
{
	struct world *w = *state;
	char *text = NULL;

	tree_write(w->tree, "root/secret", "secret");
	tree_write(w->tree, "outside", "outside");
	tree_mkdir(w->tree, "root/home/.store");
	cleanup_free char *root = xasprintf("%s/root", w->tree);
	cleanup_close int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlinkat("/secret", fd, "home/link"), 0);
	assert_int_equal(symlinkat("../../../outside", fd, "home/out"), 0);
	assert_int_equal(mkfifoat(fd, "home/fifo", 0600), 0);
	cleanup_close int huge = openat(fd, "home/huge", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(huge, INT64_C(100) << 20), 0);

	assert_int_equal(runtime_file_read(fd, "home/link", UNTRUSTED, 100, &text, NULL), -ELOOP);
	assert_int_equal(runtime_file_read(fd, "home/out", UNTRUSTED, 100, &text, NULL), -ELOOP);
	assert_int_equal(runtime_file_read(fd, "home/fifo", UNTRUSTED, 100, &text, NULL), -ENOTSUP);
	assert_int_equal(runtime_file_read(fd, "home/fifo", TRUSTED, 100, &text, NULL), -ENOTSUP);
	assert_int_equal(runtime_file_read(fd, "home", TRUSTED, 100, &text, NULL), -ENOTSUP);
	assert_int_equal(runtime_file_read(fd, "home/huge", TRUSTED, RUNTIME_FILE_MAX, &text, NULL),
			 -EFBIG);
	assert_int_equal(runtime_file_read(fd, "home/../../outside", TRUSTED, 100, &text, NULL),
			 -ENOENT);
	assert_null(text);
	/* An administrator's own links are followed, within the root. */
	assert_int_equal(runtime_file_read(fd, "home/link", TRUSTED, 100, &text, NULL), 6);
	assert_string_equal(text, "secret");
	free(text);
	text = NULL;
	assert_int_equal(runtime_file_read(fd, "home/out", TRUSTED, 100, &text, NULL), -ENOENT);
}

/* A rootless store is found through /etc/passwd, and a planted link in it leads nowhere. */
static void reads_rootless_stores(void **state)
{
	const char *path =
		"user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" PWEB ".scope";
	const char *list = "root/home/dock/.local/share/containers/storage/overlay-containers/"
			   "containers.json";
	struct world *w = *state;

	tree_write(w->tree, "root/etc/passwd",
		   "root:x:0:0::/root:/bin/sh\nbroken\ndock:x:1000:1000::/home/dock:/bin/sh\n");
	tree_write(w->tree, list,
		   "[{\"id\":\"" PWEB "\",\"names\":[\"rootless\"],\"metadata\":"
		   "\"{\\\"image-name\\\":\\\"localhost/x:1\\\"}\"}]");
	tree_write(w->tree, "root/elsewhere", "{\"created\":\"2026-11-23T13:45:35Z\"}");
	tree_mkdir(w->tree, "root/run/user/1000/crun/" PWEB);
	cleanup_free char *planted =
		xasprintf("%s/root/run/user/1000/crun/" PWEB "/status", w->tree);
	assert_int_equal(symlink("/elsewhere", planted), 0);
	add_cgroup(w, path);
	discover(w);
	assert_string_equal(group_at(w, path)->workload->name, "rootless");
	assert_string_equal(group_at(w, path)->workload->image, "localhost/x:1");
	assert_int_equal(group_at(w, path)->identity->start_ms, 0);
}

/* A store on a file system of the user's own is not looked at: it might never answer. */
static void keeps_away_from_what_may_block(void **state)
{
	const char *path =
		"user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" PWEB ".scope";
	struct world *w = *state;

	tree_write(w->tree, "root/etc/passwd", "dock:x:1000:1000::/home/dock:/bin/sh\n");
	tree_write(w->tree,
		   "root/home/dock/.local/share/containers/storage/overlay-containers/"
		   "containers.json",
		   "[{\"id\":\"" PWEB "\",\"names\":[\"rootless\"]}]");
	cleanup_free char *mounts =
		xasprintf("1 0 8:1 / / rw - ext4 /dev/sda rw\n"
			  "2 1 0:50 / %s/root/home/dock/.local rw - fuse.sshfs me@elsewhere: rw\n",
			  w->tree);
	tree_write(w->tree, "proc/self/mountinfo", mounts);
	add_cgroup(w, path);
	discover(w);
	assert_string_equal(group_at(w, path)->workload->name, PWEB);
	cleanup_free char *procfs = xasprintf("%s/proc", w->tree);
	cleanup_free char *rootfs = xasprintf("%s/root", w->tree);
	assert_true(mounts_may_block(procfs, rootfs, "home/dock/.local"));
	assert_false(mounts_may_block(procfs, rootfs, "/home/dock/.localhost"));
	assert_false(mounts_may_block(procfs, rootfs, "/home/dock"));
	tree_write(w->tree, "proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda rw\n");
	discover(w);
	assert_string_equal(group_at(w, path)->workload->name, "rootless");
}

/* A broken list is an error for each container of it, until it is mended. */
static void follows_a_broken_list(void **state)
{
	const char *path = "machine.slice/libpod-" PWEB ".scope";
	const char *list = "root/var/lib/containers/storage/overlay-containers/containers.json";
	struct world *w = *state;

	tree_write(w->tree, list, "[{");
	add_cgroup(w, path);
	for (uint64_t n = 1; n < 3; n++) {
		discover(w);
		assert_int_equal(w->counters.metadata_errors, n);
		group_at(w, path)->identity->next_look_ns = 0;
	}
	tree_write(w->tree, list, "[{\"id\":\"" PWEB "\",\"names\":[\"mended\"]}]");
	discover(w);
	assert_string_equal(group_at(w, path)->workload->name, "mended");
}

static void write_state(const struct world *w, const char *id, int hour)
{
	cleanup_free char *file = xasprintf("root/run/runc/%s/state.json", id);
	cleanup_free char *json =
		xasprintf("{\"created\":\"2026-11-23T%02d:00:00Z\",\"cgroup_paths\":{\"\":"
			  "\"/sys/fs/cgroup/%s\"}}",
			  hour, strchr("ab", id[0]) ? "job" : id);

	tree_write(w->tree, file, json);
}

/* Of two containers in one cgroup the later one counts, until it goes; nobody else is forgotten with it. */
static void follows_states_of_one_cgroup(void **state)
{
	struct world *w = *state;

	add_cgroup(w, "job");
	add_cgroup(w, "other");
	write_state(w, "other", 9);
	write_state(w, "b", 12);
	write_state(w, "a", 11);
	discover(w);
	assert_string_equal(group_at(w, "job")->workload->name, "b");
	assert_string_equal(group_at(w, "other")->workload->name, "other");
	char *gone = xasprintf("%s/root/run/runc/b", w->tree);
	tree_remove(gone);
	/* Made anew, so that they are asked for again; states are looked for once a second. */
	usleep(1100000);
	cleanup_free char *job = xasprintf("%s/cgroup/job", w->tree);
	cleanup_free char *other = xasprintf("%s/cgroup/other", w->tree);
	assert_int_equal(rmdir(job), 0);
	assert_int_equal(rmdir(other), 0);
	discover(w);
	add_cgroup(w, "job");
	add_cgroup(w, "other");
	discover(w);
	assert_string_equal(group_at(w, "job")->workload->name, "a");
	assert_string_equal(group_at(w, "other")->workload->name, "other");
}

static void parses_times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "2026-11-23T13:45:35.610591471Z", 1795441535610 },
		{ "2026-11-23T13:45:35Z", 1795441535000 },
		{ "2026-11-23T14:45:35.5+01:00", 1795441535500 },
		{ "2026-11-23T08:15:35-05:30", 1795441535000 },
		{ "0001-01-01T00:00:00Z", 0 },
		{ "2026-11-23", 0 },
		{ "2026-11-23T13:45:35", 0 },
		{ "2026-11-23T13:45:35Zx", 0 },
		{ "2026-11-23T13:45:35+1", 0 },
		{ "", 0 },
		{ NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(time_parse_rfc3339(rows[i].text), rows[i].ms);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(knows_captured_containers),
		TEST(knows_a_captured_end),
		TEST(folds_pause_containers),
		TEST(follows_late_and_changed_files),
		TEST(survives_hostile_files),
		TEST(puts_off_what_there_is_no_time_for),
		TEST(cleans_hostile_values),
		TEST(opens_nothing_planted),
		TEST(reads_rootless_stores),
		TEST(keeps_away_from_what_may_block),
		TEST(follows_states_of_one_cgroup),
		TEST(follows_a_broken_list),
		TEST(parses_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
