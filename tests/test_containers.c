/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/containers.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "collector/cgroups.h"
#include "collector/collect.h"
#include "collector/runtimes/runtime.h"
#include "tests/support.h"

#define ID  "7d93842c697bb619f52fa5706052e4c827080d96c9bfd66165dad90a5eb1ae42"
#define POD "kubepods.slice/kubepods-pod0f5a1c3e.slice"

struct world {
	char *tree;
	struct options options;
	struct hierarchy *hierarchy;
	struct containers *containers;
	struct self_counters counters;
	struct snapshot *snapshot;
};

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->tree = tree_new();
	tree_mkdir(w->tree, "cgroup/system.slice/ssh.service");
	tree_mkdir(w->tree, "cgroup/system.slice/docker-" ID ".scope/init/deeper");
	tree_mkdir(w->tree, "cgroup/" POD "/cri-containerd-" ID ".scope");
	w->options = options_for_tree(w->tree);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	snapshot_unref(w->snapshot);
	containers_free(w->containers);
	hierarchy_close(w->hierarchy);
	options_for_tree_free(&w->options);
	tree_remove(w->tree);
	free(w);
	return 0;
}

static void discover(struct world *w)
{
	cleanup_free char *error = NULL;

	if (!w->hierarchy)
		assert_int_equal(hierarchy_open(&w->options, &w->hierarchy), 0);
	if (!w->containers)
		assert_int_equal(containers_new(&w->options, &w->containers, &error), 0);
	snapshot_unref(w->snapshot);
	w->snapshot = snapshot_new();
	assert_int_equal(hierarchy_walk(w->hierarchy), 0);
	containers_discover(w->containers, w->hierarchy, w->snapshot, &w->counters);
}

static const struct workload *find(const struct world *w, const char *path)
{
	for (uint32_t i = 0; i < w->snapshot->n_workloads; i++)
		if (streq(w->snapshot->workloads[i].path, path))
			return &w->snapshot->workloads[i];
	return NULL;
}

static bool is_read(const struct world *w, const char *path)
{
	const struct workload *workload = find(w, path);

	return workload && hierarchy_find(w->hierarchy, workload->id)->workload == workload;
}

static void rolls_up_containers(void **state)
{
	struct world *w = *state;

	discover(w);
	assert_int_equal(w->snapshot->n_workloads, 9);
	assert_int_equal(find(w, "/")->kind, KIND_HOST);
	assert_int_equal(find(w, "/")->parent, find(w, "/")->index);
	const struct workload *docker = find(w, "/system.slice/docker-" ID ".scope");
	assert_int_equal(docker->kind, KIND_CONTAINER);
	assert_string_equal(docker->runtime, "docker");
	assert_string_equal(docker->container_id, ID);
	assert_string_equal(docker->name, ID);
	assert_string_equal(docker->image, "");
	assert_int_equal(docker->parent, find(w, "/system.slice")->index);
	assert_false(docker->inside);
	assert_true(is_read(w, docker->path));
	const struct workload *deeper = find(w, "/system.slice/docker-" ID ".scope/init/deeper");
	assert_true(deeper->inside);
	assert_false(is_read(w, deeper->path));
	assert_string_equal(w->snapshot->workloads[deeper->parent].path,
			    "/system.slice/docker-" ID ".scope/init");
	/* A pod's containers are workloads of their own. */
	assert_int_equal(find(w, "/" POD)->kind, KIND_POD);
	assert_false(find(w, "/" POD "/cri-containerd-" ID ".scope")->inside);
	for (uint32_t i = 0; i < w->snapshot->n_workloads; i++)
		assert_int_equal(w->snapshot->workloads[i].index, i);
}

/* What crun makes under systemd; a container that makes such a group beside others of its own is none. */
static void finds_the_group_with_the_limits(void **state)
{
	struct world *w = *state;
	const char *scope = "/system.slice/libpod-" ID ".scope";

	tree_mkdir(w->tree, "cgroup/system.slice/libpod-" ID ".scope/container/app");
	discover(w);
	const struct group *group = hierarchy_find(w->hierarchy, find(w, scope)->id);
	assert_non_null(group->delegate);
	assert_string_equal(group->delegate->name, "container");
	assert_true(group->delegate->is_delegate);
	assert_null(hierarchy_find(w->hierarchy, find(w, "/system.slice/docker-" ID ".scope")->id)
			    ->delegate);
	tree_mkdir(w->tree, "cgroup/system.slice/libpod-" ID ".scope/other");
	discover(w);
	assert_null(group->delegate);
}

static void reads_inside_on_demand(void **state)
{
	struct world *w = *state;

	w->options.cgroups_inside_containers = true;
	discover(w);
	assert_true(is_read(w, "/system.slice/docker-" ID ".scope/init/deeper"));
}

static void filters(void **state)
{
	struct world *w = *state;
	char *kinds[] = { (char[]){ "container|host" } }, *ids[] = { (char[]){ "/kube.*" } };

	w->options.cgroups_include_kind = (struct string_list){ kinds, 1 };
	w->options.cgroups_exclude_id = (struct string_list){ ids, 1 };
	discover(w);
	assert_non_null(find(w, "/"));
	assert_null(find(w, "/system.slice"));
	assert_null(find(w, "/" POD "/cri-containerd-" ID ".scope"));
	const struct workload *docker = find(w, "/system.slice/docker-" ID ".scope");
	assert_non_null(docker);
	assert_int_equal(docker->parent, find(w, "/")->index); /* the nearest that is exported */
	assert_true(is_read(w, docker->path));
}

static void names_the_bad_pattern(void **state)
{
	struct world *w = *state;
	char *ids[] = { (char[]){ "fine" }, (char[]){ "a(b" } };
	cleanup_free char *error = NULL;

	w->options.cgroups_include_id = (struct string_list){ ids, 2 };
	assert_int_equal(containers_new(&w->options, &w->containers, &error), -EINVAL);
	assert_string_equal(error, "pattern \"a(b\", character 4: missing closing parenthesis");
}

static void stops_at_the_maximum(void **state)
{
	struct world *w = *state;

	w->options.cgroups_max = 3;
	discover(w);
	assert_int_equal(w->counters.workloads_dropped, 4);
	size_t read = 0;
	for_each_group(group, w->hierarchy)
		read += group->workload != NULL;
	assert_int_equal(read, 3);
}

static void cleans_and_shortens_labels(void **state)
{
	struct world *w = *state;
	char long_name[201];

	memset(long_name, 'x', 200);
	long_name[200] = '\0';
	cleanup_free char *path = xasprintf("cgroup/%s", long_name);
	tree_mkdir(w->tree, path);
	tree_mkdir(w->tree, "cgroup/bad\xff");
	w->options.labels_max_length = 100;
	discover(w);
	assert_non_null(find(w, "/bad\xef\xbf\xbd~98119f2ec8b8d2ea"));
	assert_true(w->counters.labels_shortened >= 1);
	for (uint32_t i = 0; i < w->snapshot->n_workloads; i++)
		assert_true(strlen(w->snapshot->workloads[i].path) <= 100);
	uint64_t once = w->counters.labels_shortened;
	discover(w); /* identities are made once per cgroup */
	assert_int_equal(w->counters.labels_shortened, once);
}

/* Names come as soon as there is a descriptor for the root of the files that have them. */
static void tries_again_when_descriptors_are_short(void **state)
{
	const char *const path = "/system.slice/docker-" ID ".scope";
	struct world *w = *state;
	cleanup_free char *error = NULL;
	struct rlimit before, none;

	tree_write(w->tree, "root/var/lib/docker/containers/" ID "/config.v2.json",
		   "{\"Name\":\"/web\",\"Config\":{\"Image\":\"demo:1\"}}");
	assert_int_equal(hierarchy_open(&w->options, &w->hierarchy), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(open("/", O_PATH | O_CLOEXEC), -1);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(containers_new(&w->options, &w->containers, &error), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(containers_context(w->containers)->root_fd, -1);
	discover(w);
	assert_string_equal(find(w, path)->name, "web");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(rolls_up_containers),	  TEST(finds_the_group_with_the_limits),
		TEST(reads_inside_on_demand),	  TEST(filters),
		TEST(names_the_bad_pattern),	  TEST(stops_at_the_maximum),
		TEST(cleans_and_shortens_labels), TEST(tries_again_when_descriptors_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
