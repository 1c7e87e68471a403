/* SPDX-License-Identifier: Apache-2.0 */
/* OOM kills, restarts and exit codes, from trees that look like a host at one scrape after another. */
#include "collector/workloads/events.h"
#include "collector/workloads/lifecycle.h"
#include "tests/rows_support.h"

#define WEB	"7527a933d0dda13a66e82d844f72c71282e4128c99e7882c064dc0c7563f39cc"
#define CRI	"4e9330c0dbfd66f4d2c65312d0898e95e60c18f8316288e0f8bbc30c1fb16f19"
#define SCOPE	"cgroup/system.slice/docker-" WEB ".scope"
#define CONFIG	"root/var/lib/docker/containers/" WEB "/config.v2.json"
#define POD	"cgroup/kubepods.slice/kubepods-pod0f5a1c3e_1111_2222_3333_444455556666.slice"
#define CRI_LIB "root/var/lib/containerd/io.containerd.grpc.v1.cri/containers/" CRI
#define CRI_RUN "root/run/containerd/io.containerd.runtime.v2.task/k8s.io/" CRI

static void write_kills(const struct scene *scene, const char *group, unsigned kills, unsigned own)
{
	cleanup_free char *all = xasprintf("%s/memory.events", group);
	cleanup_free char *local = xasprintf("%s/memory.events.local", group);
	cleanup_free char *all_text = xasprintf("low 0\noom 0\noom_kill %u\n", kills);
	cleanup_free char *local_text = xasprintf("oom_kill %u\n", own);

	tree_write(scene->tree, all, all_text);
	tree_write(scene->tree, local, local_text);
}

static struct scene scene_new(void)
{
	struct scene scene = { .tree = tree_new() };

	scene.options = options_for_tree(scene.tree);
	scene.options.containers_remember_s = 3600;
	tree_mkdir(scene.tree, "cgroup");
	tree_mkdir(scene.tree, "root");
	write_kills(&scene, "cgroup/system.slice", 0, 0);
	return scene;
}

/* Out of the tree, but its inode stays taken: the next one has another id. */
static void remove_group(const struct scene *scene, const char *group)
{
	cleanup_free char *path = xasprintf("%s/%s", scene->tree, group);
	cleanup_free char *aside = xasprintf("%s/gone-XXXXXX", scene->tree);

	assert_non_null(mkdtemp(aside));
	assert_int_equal(rename(path, aside), 0);
}

/* The sample of a key; -1 when there is none. */
static int64_t value_of(const struct scene *scene, const char *name, const char *labels)
{
	const struct family *family = snapshot_family(scene->snapshot, name);
	int64_t value = -1;

	assert_non_null(family);
	for_each_sample(sample, family) {
		cleanup_free char *text = sample_labels(family->metric, sample);

		if (!streq(text, labels))
			continue;
		assert_int_equal(value, -1);
		value = (int64_t)sample->integer;
	}
	return value;
}

static void expect_key(const struct scene *scene, const char *labels, int64_t kills,
		       int64_t restarts, int64_t exit_code)
{
	assert_int_equal(value_of(scene, "container_oom_kills_total", labels), kills);
	assert_int_equal(value_of(scene, "container_restarts_total", labels), restarts);
	assert_int_equal(value_of(scene, "container_last_exit_code", labels), exit_code);
}

/* Docker: killed, its cgroup gone, then started anew in a new cgroup of the same name. */
static void docker_survives(void **state)
{
	const char *web = "kind=container,name=web,namespace=,pod=,container=";
	struct scene scene = scene_new();

	(void)state;
	tree_write(scene.tree, CONFIG,
		   "{\"Name\":\"/web\",\"RestartCount\":0,\"State\":{\"Running\":true}}");
	write_kills(&scene, SCOPE, 0, 0);
	scene_collect(&scene);
	expect_key(&scene, web, 0, 0, -1);

	remove_group(&scene, SCOPE);
	write_kills(&scene, "cgroup/system.slice", 1, 0);
	tree_write(scene.tree, CONFIG,
		   "{\"Name\":\"/web\",\"RestartCount\":1,\"State\":{\"Running\":true,"
		   "\"Restarting\":true,\"OOMKilled\":true,\"ExitCode\":137,"
		   "\"FinishedAt\":\"2026-11-23T13:45:36.7Z\"}}");
	scene_collect(&scene);
	expect_key(&scene, web, 1, 0, 137);

	write_kills(&scene, SCOPE, 0, 0);
	tree_write(scene.tree, CONFIG,
		   "{\"Name\":\"/web\",\"RestartCount\":1,\"State\":{\"Running\":true,"
		   "\"ExitCode\":0}}");
	scene_collect(&scene);
	expect_key(&scene, web, 1, 1, 137);
	assert_int_equal(value_of(&scene, "tallyman_oom_kills_unattributed_total", ""), 0);
	expect_key(&scene, "kind=slice,name=/system.slice,namespace=,pod=,container=", 0, -1, -1);
	scene_end(&scene);
}

/* CRI: each attempt is another container with another id; namespace, pod and container stay. */
static void cri_survives(void **state)
{
	const char *api = "kind=container,name=,namespace=shop,pod=web-1,container=api";
	struct scene scene = scene_new();

	(void)state;
	tree_write(scene.tree, CRI_RUN "/config.json",
		   "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","
		   "\"io.kubernetes.cri.sandbox-name\":\"web-1\","
		   "\"io.kubernetes.cri.sandbox-namespace\":\"shop\","
		   "\"io.kubernetes.cri.container-name\":\"api\"}}");
	tree_write(scene.tree, CRI_LIB "/status", "{\"ExitCode\":0,\"FinishedAt\":0}");
	write_kills(&scene, "cgroup/kubepods.slice", 0, 0);
	write_kills(&scene, POD, 0, 0);
	write_kills(&scene, POD "/cri-containerd-" CRI ".scope", 0, 0);
	scene_collect(&scene);
	expect_key(&scene, api, 0, 0, -1);

	remove_group(&scene, POD "/cri-containerd-" CRI ".scope");
	write_kills(&scene, POD, 1, 0);
	write_kills(&scene, "cgroup/kubepods.slice", 1, 0);
	tree_write(
		scene.tree, CRI_LIB "/status",
		"{\"ExitCode\":137,\"Reason\":\"OOMKilled\",\"FinishedAt\":1795441723263854600}");
	scene_collect(&scene);
	expect_key(&scene, api, 1, 0, 137);
	expect_key(&scene, "kind=pod,name=,namespace=shop,pod=web-1,container=", 0, -1, -1);

	/* And the pod itself. */
	remove_group(&scene, POD);
	scene_collect(&scene);
	expect_key(&scene, api, 1, 0, 137);
	scene_end(&scene);
}

/* A unit keeps its path; the host counts what no cgroup does. */
static void services_survive(void **state)
{
	const char *ssh = "kind=service,name=/system.slice/ssh.service,namespace=,pod=,container=";
	struct scene scene = scene_new();

	(void)state;
	tree_write(scene.tree, "proc/vmstat", "nr_free_pages 1\noom_kill 4\n");
	write_kills(&scene, "cgroup/system.slice/ssh.service", 3, 3);
	write_kills(&scene, "cgroup/system.slice", 3, 0);
	scene_collect(&scene);
	expect_key(&scene, ssh, 0, 0, -1);
	write_kills(&scene, "cgroup/system.slice", 5, 0);
	write_kills(&scene, "cgroup/system.slice/ssh.service", 5, 5);
	tree_write(scene.tree, "proc/vmstat", "nr_free_pages 1\noom_kill 6\n");
	scene_collect(&scene);
	expect_key(&scene, ssh, 2, 0, -1);
	expect_key(&scene, "kind=host,name=/,namespace=,pod=,container=", 0, -1, -1);
	remove_group(&scene, "cgroup/system.slice/ssh.service");
	scene_collect(&scene);
	expect_key(&scene, ssh, 2, 0, -1);
	write_kills(&scene, "cgroup/system.slice/ssh.service", 0, 0);
	scene_collect(&scene);
	expect_key(&scene, ssh, 2, 1, -1);
	scene_end(&scene);
}

/* Without the memory controller there is no number, and no 0 in its place. */
static void tells_no_kills_without_memory(void **state)
{
	struct scene scene = scene_new();

	(void)state;
	tree_mkdir(scene.tree, "cgroup/plain.slice/a.service");
	scene_collect(&scene);
	expect_key(&scene,
		   "kind=service,name=/plain.slice/a.service,namespace=,pod=,container=", -1, 0,
		   -1);
	expect_key(&scene, "kind=slice,name=/plain.slice,namespace=,pod=,container=", -1, -1, -1);
	scene_end(&scene);
}

/* Nothing there is what it should be. */
static void survives_hostile_ends(void **state)
{
	static const char *const ends[] = {
		"",
		"{",
		"[]",
		"{\"State\":7}",
		"{\"State\":{\"ExitCode\":\"1\",\"FinishedAt\":\"2026-11-23T13:45:36Z\"}}",
		"{\"State\":{\"ExitCode\":-1,\"FinishedAt\":\"2026-11-23T13:45:36Z\"}}",
		"{\"State\":{\"ExitCode\":1,\"FinishedAt\":\"soon\"}}",
		("{\"State\":{\"Running\":true,\"ExitCode\":1,"
		 "\"FinishedAt\":\"2026-11-23T13:45:36Z\"}}"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct scene scene = scene_new();

		tree_write(scene.tree, CONFIG, "{\"Name\":\"/web\",\"State\":{\"Running\":true}}");
		write_kills(&scene, SCOPE, 0, 0);
		scene_collect(&scene);
		remove_group(&scene, SCOPE);
		write_kills(&scene, "cgroup/system.slice", 1, 0);
		tree_write(scene.tree, CONFIG, ends[i]);
		scene_collect(&scene);
		expect_key(&scene, "kind=container,name=web,namespace=,pod=,container=", 1, 0, -1);
		scene_end(&scene);
	}
}

/* The event of an end has what had been used. */
static void tells_last_totals(void **state)
{
	struct scene scene = scene_new();
	struct events *events;

	(void)state;
	tree_write(scene.tree, CONFIG, "{\"Name\":\"/web\",\"State\":{\"Running\":true}}");
	write_kills(&scene, SCOPE, 0, 0);
	tree_write(scene.tree, SCOPE "/cpu.stat", "usage_usec 1500000\n");
	tree_write(scene.tree, SCOPE "/memory.peak", "4096\n");
	scene_collect(&scene);
	remove_group(&scene, SCOPE);
	scene_collect(&scene);
	events = collector_events(scene.collector);
	assert_int_equal(events_last(events), 1);
	const struct event *event = events_find(events, 1);
	assert_int_equal(event->type, EVENT_GONE);
	assert_string_equal(event->name, "web");
	assert_string_equal(event->path, "/system.slice/docker-" WEB ".scope");
	assert_int_equal(event->totals.known & 3, 3);
	assert_int_equal(event->totals.value[TOTAL_CPU], 1500000);
	assert_int_equal(event->totals.value[TOTAL_MEMORY_PEAK], 4096);
	assert_false(event->has_exit_code);
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(docker_survives),
		cmocka_unit_test(cri_survives),
		cmocka_unit_test(services_survive),
		cmocka_unit_test(survives_hostile_ends),
		cmocka_unit_test(tells_last_totals),
		cmocka_unit_test(tells_no_kills_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
