/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file that collector/runtimes/ reads, one after the other cut off, of another form, or not a file at
 * all: its workload is served with what is known, nobody else is touched, nothing is read from elsewhere.
 */
#include "collector/runtimes/runtime.h"

#include <sys/wait.h>

#include "collector/runtimes/json_file.h"
#include "collector/workloads/survivors.h"
#include "tests/runtimes_support.h"

#define FIXTURE "tests/fixtures/runtimes/root"
#define WEB	"7527a933d0dda13a66e82d844f72c71282e4128c99e7882c064dc0c7563f39cc"
#define CRI_API "4e9330c0dbfd66f4d2c65312d0898e95e60c18f8316288e0f8bbc30c1fb16f19"
#define PWEB	"98cbcdb3e54bbe680b52adbe42012f00c97a46070568d7d631b99f464feb4028"
#define TASKS	"run/containerd/io.containerd.runtime.v2.task/"
#define STORE	"var/lib/containers/storage/overlay-containers/"
#define HOME	"home/dock/.local/share/containers/storage/overlay-containers/"
#define USER	"user.slice/user-1000.slice/user@1000.service/user.slice/"
#define K8S_POD                                                                                    \
	"kubepods.slice/kubepods-burstable.slice/"                                                 \
	"kubepods-burstable-pod0f5a1c3e_1111_2222_3333_444455556666.slice"

/* A workload, and the files that tell of it. */
static const struct told {
	const char *path, *name;
	const char *files[5];
} told[] = {
	{ "system.slice/docker-" WEB ".scope",
	  "web",
	  { "var/lib/docker/containers/" WEB "/config.v2.json",
	    "var/lib/docker/image/overlay2/repositories.json", "etc/docker/daemon.json" } },
	{ "machine.slice/libpod-" PWEB ".scope",
	  "pweb",
	  { STORE "containers.json", STORE PWEB "/userdata/config.json", "run/crun/" PWEB "/status",
	    "var/lib/containers/storage/overlay-images/images.json" } },
	{ USER "libpod-" PWEB ".scope",
	  "mine",
	  { "etc/passwd", HOME "containers.json", HOME PWEB "/userdata/config.json",
	    "run/user/1000/crun/" PWEB "/status" } },
	{ "bundles/one", "one", { "run/runc/one/state.json" } },
	{ "bundles/two", "two", { "run/crun/two/status" } },
	{ K8S_POD "/cri-containerd-" CRI_API ".scope",
	  CRI_API,
	  { TASKS "k8s.io/" CRI_API "/config.json",
	    "var/lib/containerd/io.containerd.grpc.v1.cri/containers/" CRI_API "/status",
	    "run/containerd/runc/k8s.io/" CRI_API "/state.json" } },
	{ "system.slice/plain1",
	  "plain1",
	  { TASKS "default/plain1/config.json", "run/containerd/runc/default/plain1/state.json" } },
	{ "machine.slice/machine-m2.scope", "m2", { "run/systemd/machines/m2" } },
};

/* What the captured files do not have: a user's store, containers without a manager, Docker's options. */
static const char *const more[][2] = {
	{ "root/etc/docker/daemon.json", "{\"live-restore\":true}" },
	{ "root/etc/passwd", "dock:x:1000:1000::/home/dock:/bin/sh\n" },
	{ "root/" HOME "containers.json", "[{\"id\":\"" PWEB "\",\"names\":[\"mine\"]}]" },
	{ "root/" HOME PWEB "/userdata/config.json", "{\"annotations\":{\"a\":\"b\"}}" },
	{ "root/run/user/1000/crun/" PWEB "/status", "{\"created\":\"2026-11-23T13:46:09Z\"}" },
	{ "root/run/runc/one/state.json", "{\"created\":\"2026-11-23T13:46:09Z\",\"cgroup_paths\":"
					  "{\"\":\"/sys/fs/cgroup/bundles/one\"}}" },
	{ "root/run/crun/two/status",
	  "{\"created\":\"2026-11-23T13:46:09Z\",\"cgroup-path\":\"/bundles/two\"}" },
};

/* Nothing that a test may find has it: it is outside of the root. */
static const char elsewhere[] =
	"{\"Name\":\"/stolen\",\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"stolen\"},"
	"\"created\":\"2001-01-01T00:00:00Z\",\"StartedAt\":978307200000000000}";

static int begin(void **state)
{
	set_up(state);
	struct world *w = *state;
	cleanup_free char *root = xasprintf("%s/root", w->tree);
	pid_t pid = fork();

	if (pid == 0) {
		execlp("cp", "cp", "-r", FIXTURE "/.", root, NULL);
		_exit(127);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	tree_write(w->tree, "elsewhere", elsewhere);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		tree_write(w->tree, more[i][0], more[i][1]);
	for (size_t i = 0; i < ARRAY_SIZE(told); i++)
		add_cgroup(w, told[i].path);
	return 0;
}

/* As a daemon would find it that starts now. */
static void look_anew(struct world *w)
{
	hierarchy_close(w->hierarchy);
	containers_free(w->containers);
	w->hierarchy = NULL;
	w->containers = NULL;
	discover(w);
}

static void expect_served(const struct world *w, size_t broken)
{
	for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
		const struct group *group = group_at(w, told[i].path);
		const struct workload *workload = group->workload;

		assert_non_null(workload);
		assert_false(group->inside);
		assert_null(strstr(workload->name, "stolen"));
		assert_null(strstr(workload->pod, "stolen"));
		assert_true(group->identity->start_ms != INT64_C(978307200000));
		if (i != broken)
			assert_string_equal(workload->name, told[i].name);
	}
}

/* Calls back for each file: its full name, and which workload it tells of. */
static void for_each_file(struct world *w, void (*break_file)(const char *path, unsigned how),
			  unsigned ways)
{
	for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
		for (size_t n = 0; n < ARRAY_SIZE(told[i].files) && told[i].files[n]; n++) {
			cleanup_free char *path =
				xasprintf("%s/root/%s", w->tree, told[i].files[n]);
			cleanup_free char *whole = xasprintf("%s~", path);

			assert_int_equal(rename(path, whole), 0);
			for (unsigned how = 0; how < ways; how++) {
				break_file(path, how);
				look_anew(w);
				expect_served(w, i);
				assert_int_equal(remove(path), 0);
			}
			assert_int_equal(rename(whole, path), 0);
		}
	}
	look_anew(w);
	expect_served(w, SIZE_MAX);
}

enum { CUTS = 16 };

static void cut(const char *path, unsigned how)
{
	cleanup_free char *whole = xasprintf("%s~", path), *text = NULL;
	cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ssize_t length = runtime_file_read(root, whole, TRUSTED, 1 << 20, &text, NULL);
	cleanup_file FILE *file = fopen(path, "we");

	assert_true(length > 0);
	assert_non_null(file);
	size_t part = (size_t)length * how / CUTS;
	assert_int_equal(fwrite(text, 1, part, file), part);
}

static void bears_files_that_are_cut_off(void **state)
{
	for_each_file(*state, cut, CUTS);
}

static const char *const texts[] = {
	"null",
	"[]",
	"{}",
	"[{}]",
	"42",
	"\"x\"",
	"[[]]",
	"[{\"id\":7}]",
	("[{\"id\":\"" PWEB "\",\"names\":{},\"metadata\":[],\"created\":{},\"image\":1}]"),
	("[{\"id\":\"" PWEB "\",\"names\":[[1]],\"metadata\":\"[[[\",\"created\":\"x\"}]"),
	"{\"annotations\":[]}",
	"{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":{},\"a\":[]}}",
	"{\"CreatedAt\":\"x\",\"StartedAt\":-1,\"ExitCode\":{}}",
	"{\"CreatedAt\":1e300,\"StartedAt\":9223372036854775807}",
	"{\"created\":[],\"cgroup_paths\":[]}",
	"{\"created\":\"\",\"cgroup_paths\":{\"\":{}}}",
	"{\"created\":\"9999999-01-01T00:00:00Z\",\"cgroup_paths\":{\"\":\"/sys/fs/cgroup/..\"}}",
	"{\"Name\":7,\"State\":[],\"Config\":\"x\",\"Image\":{},\"RestartCount\":[]}",
	"NAME=\nCLASS=\nSERVICE=\nREALTIME=-1\n",
	"=\n==\nNAME\nREALTIME=99999999999999999999999\n",
	"\xff\xfe\x00\x01",
};

static void write_text(const char *path, unsigned how)
{
	cleanup_file FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(texts[how], file) >= 0);
}

static void bears_files_of_another_form(void **state)
{
	for_each_file(*state, write_text, ARRAY_SIZE(texts));
}

enum { FIFO, FOLDER, LINK_OUT, LINK_UP, LINK_TO_ITSELF, ENDLESS, DEEP, N_PLANTED };

static void plant(const char *path, unsigned how)
{
	int root = (int)(strstr(path, "/root/") - path);
	/* By its whole name, and by way of more folders than there are. */
	cleanup_free char *target =
		xasprintf("%s%.*s/elsewhere",
			  how == LINK_UP ? "../../../../../../../../../../../.." : "", root, path);

	if (how == FIFO) {
		assert_int_equal(mkfifo(path, 0600), 0);
	} else if (how == FOLDER) {
		assert_int_equal(mkdir(path, 0700), 0);
	} else if (how == LINK_OUT || how == LINK_UP) {
		assert_int_equal(symlink(target, path), 0);
	} else if (how == LINK_TO_ITSELF) {
		assert_int_equal(symlink(path, path), 0);
	} else {
		cleanup_file FILE *file = fopen(path, "we");

		assert_non_null(file);
		if (how == ENDLESS)
			assert_int_equal(ftruncate(fileno(file), INT64_C(100) << 20), 0);
		for (int i = 0; how == DEEP && i < 200000; i++)
			assert_int_equal(fputc(i % 2 ? '[' : ' ', file), i % 2 ? '[' : ' ');
	}
}

static void bears_what_is_no_file(void **state)
{
	for_each_file(*state, plant, N_PLANTED);
}

/* The files that are read when a container has ended. */
static void bears_ends_that_are_no_file(void **state)
{
	static const struct {
		const char *runtime, *id, *file;
	} rows[] = {
		{ "docker", WEB, "var/lib/docker/containers/" WEB "/config.v2.json" },
		{ "podman", PWEB, "run/libpod/exits/" PWEB },
		{ "cri-o", PWEB, "run/crio/exits/" PWEB },
		{ "containerd", CRI_API,
		  "var/lib/containerd/io.containerd.grpc.v1.cri/containers/" CRI_API "/status" },
	};
	struct world *w = *state;

	look_anew(w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_free char *name = xasprintf("root/%s", rows[i].file);
		cleanup_free char *path = xasprintf("%s/%s", w->tree, name);

		tree_write(w->tree, name, ""); /* with the folders above it */
		for (unsigned how = 0; how < N_PLANTED; how++) {
			struct last_state end = { 0 };

			assert_int_equal(remove(path), 0);
			plant(path, how);
			assert_true(runtimes_last_state(containers_context(w->containers),
							rows[i].runtime, rows[i].id, NULL,
							&end) < 0);
			assert_false(end.has_exit_code);
			assert_null(end.name);
		}
	}
}

/* An id is whatever the cgroup is called, escapes of systemd's undone: it leads nowhere else. */
static void takes_no_way_out_of_an_id(void **state)
{
	static const char *const ids[] = {
		".",
		"..",
		"\\x2e\\x2e",
		"..\\x2f..\\x2fplanted",
		"\\x2fplanted",
		"k8s.io\\x2f..\\x2f..\\x2fplanted",
		"x\\x2f..\\x2f..\\x2f..\\x2fplanted",
	};
	static const char *const folders[] = {
		TASKS,	    TASKS "k8s.io/",  "run/containerd/planted/",
		"planted/", TASKS "planted/", TASKS "k8s.io/planted/"
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		cleanup_free char *file = xasprintf("root/%sconfig.json", folders[i]);

		tree_write(w->tree, file, elsewhere);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		cleanup_free char *path = xasprintf("odd/cri-containerd-%s.scope", ids[i]);

		add_cgroup(w, path);
	}
	look_anew(w);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		cleanup_free char *path = xasprintf("odd/cri-containerd-%s.scope", ids[i]);
		const struct group *group = group_at(w, path);

		assert_non_null(group->workload);
		assert_int_equal(group->workload->kind, KIND_CONTAINER);
		assert_false(group->identity->known);
		assert_string_equal(group->workload->pod, "");
	}
	expect_served(w, SIZE_MAX);
}

/* Not JSON, so whatever bytes there are: replaced, and two that differ in these alone stay two. */
static void cleans_names_of_machines(void **state)
{
	struct world *w = *state;
	char *names[2];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		tree_write(w->tree, "root/run/systemd/machines/m2",
			   i ? "NAME=a\"\xfe\nCLASS=container\n"
			     : "NAME=a\"\xff\nCLASS=container\n");
		look_anew(w);
		names[i] = xstrdup(group_at(w, "machine.slice/machine-m2.scope")->workload->name);
		assert_int_equal(strncmp(names[i], "a\"\xef\xbf\xbd~", 6), 0);
	}
	assert_string_not_equal(names[0], names[1]);
	free(names[0]);
	free(names[1]);
}

/* A file of a few megabytes can stand for a hundred times as much in memory. */
static void refuses_too_many_values(void **state)
{
	static const struct {
		enum trust trust;
		size_t values;
		int err;
	} rows[] = {
		{ TRUSTED, 100000, 0 },
		{ TRUSTED, 1000000, -EFBIG },
		{ UNTRUSTED, 20000, 0 },
		{ UNTRUSTED, 100000, -EFBIG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t length = rows[i].values * 3 + 3;
		cleanup_free char *text = xmalloc(length);
		cleanup_json json_t *json = NULL;

		text[0] = '[';
		for (size_t n = 0; n < rows[i].values; n++)
			memcpy(text + 1 + n * 3, "{},", 3);
		text[length - 2] = '0';
		text[length - 1] = ']';
		assert_int_equal(json_text_parse(text, length, rows[i].trust, &json), rows[i].err);
	}
	/* What stands in a string is one value. */
	size_t length = 1000000;
	cleanup_free char *text = xmalloc(length);
	cleanup_json json_t *json = NULL;
	memset(text, ',', length);
	memcpy(text, "[\"\\\"", 4);
	memcpy(text + length - 2, "\"]", 2);
	assert_int_equal(json_text_parse(text, length, UNTRUSTED, &json), 0);
	assert_int_equal(json_string_length(json_array_get(json, 0)), length - 5);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(bears_files_that_are_cut_off),
		TEST(bears_files_of_another_form),
		TEST(bears_what_is_no_file),
		TEST(bears_ends_that_are_no_file),
		TEST(takes_no_way_out_of_an_id),
		TEST(cleans_names_of_machines),
		cmocka_unit_test(refuses_too_many_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
