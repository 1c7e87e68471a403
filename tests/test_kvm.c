/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual machines by the files that their processes hold open. */
#include "collector/workloads/kvm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "collector/cgroups.h"
#include "collector/workloads/containers.h"
#include "collector/workloads/identity.h"
#include "tests/procfs_support.h"

struct world {
	char *tree;
	struct options options;
	struct hierarchy *hierarchy;
	struct containers *containers;
	struct self_counters counters;
};

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->tree = tree_new();
	w->options = options_for_tree(w->tree);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	containers_free(w->containers);
	hierarchy_close(w->hierarchy);
	options_for_tree_free(&w->options);
	tree_remove(w->tree);
	free(w);
	return 0;
}

static void look(struct world *w)
{
	cleanup_free char *error = NULL;

	if (!w->hierarchy) {
		assert_int_equal(hierarchy_open(&w->options, &w->hierarchy), 0);
		assert_int_equal(containers_new(&w->options, &w->containers, &error), 0);
	}
	assert_int_equal(hierarchy_walk(w->hierarchy), 0);
	containers_identify(w->containers, w->hierarchy, &w->counters);
}

static const struct identity *identity_of(const struct world *w, const char *path)
{
	for_each_group(group, w->hierarchy)
		if (streq(group->path, path))
			return group->identity;
	fail_msg("no group %s", path);
	return NULL;
}

/* A process in a group, and one more open file of it. */
static void add(const struct world *w, const char *group, int pid, unsigned start, const char *file)
{
	cleanup_free char *procs = xasprintf("cgroup/%s/cgroup.procs", group);
	cleanup_free char *text = xasprintf("%d\n", pid);
	cleanup_free char *files = xasprintf("proc/%d/fd", pid);
	cleanup_free char *link = xasprintf("%s/%s/7", w->tree, files);
	cleanup_free char *other = xasprintf("%s/%s/0", w->tree, files);

	tree_write(w->tree, procs, text);
	tree_process(w->tree, pid, start, 0);
	tree_mkdir(w->tree, files);
	assert_int_equal(symlink("/dev/null", other), 0);
	assert_int_equal(symlink(file, link), 0);
}

static void tells_machines_by_their_files(void **state)
{
	struct world *w = *state;

	add(w, "qemu.slice/100.scope", 100, 50, "anon_inode:kvm-vm");
	add(w, "system.slice/fire.service", 101, 50, "anon_inode:kvm-vm");
	add(w, "jail", 102, 50, "anon_inode:kvm-vm");
	add(w, "system.slice/vcpu.service", 103, 50, "anon_inode:kvm-vcpu:0");
	add(w, "system.slice/like.service", 104, 50, "/anon_inode:kvm-vm");
	add(w, "system.slice/plain.service", 105, 50, "socket:[7]");
	add(w, "system.slice/nobody.service", 106, 50, "anon_inode:kvm-vm");
	tree_write(w->tree, "cgroup/system.slice/nobody.service/cgroup.procs", "");
	look(w);
	const struct identity *scope = identity_of(w, "/qemu.slice/100.scope");
	assert_int_equal(scope->kind, KIND_VM);
	assert_string_equal(scope->runtime, "kvm");
	assert_string_equal(scope->name, "100");
	assert_int_equal(identity_of(w, "/system.slice/fire.service")->kind, KIND_VM);
	assert_string_equal(identity_of(w, "/system.slice/fire.service")->name, "fire");
	assert_int_equal(identity_of(w, "/jail")->kind, KIND_VM);
	assert_string_equal(identity_of(w, "/jail")->name, "jail");
	assert_int_equal(identity_of(w, "/system.slice/vcpu.service")->kind, KIND_SERVICE);
	assert_int_equal(identity_of(w, "/system.slice/like.service")->kind, KIND_SERVICE);
	assert_int_equal(identity_of(w, "/system.slice/plain.service")->kind, KIND_SERVICE);
	assert_int_equal(identity_of(w, "/system.slice/nobody.service")->kind, KIND_SERVICE);
}

/* A container that runs a machine is a container; a shell whose child does is no machine. */
static void leaves_others_what_they_are(void **state)
{
	static const char container[] =
		"system.slice/"
		"docker-7d93842c697bb619f52fa5706052e4c827080d96c9bfd66165dad90a5eb1ae42.scope";
	cleanup_free char *path = xasprintf("/%s", container);
	struct world *w = *state;

	add(w, container, 100, 50, "anon_inode:kvm-vm");
	add(w, "user.slice/session-1.scope", 101, 90, "anon_inode:kvm-vm");
	tree_write(w->tree, "cgroup/user.slice/session-1.scope/cgroup.procs", "101\n102\n");
	tree_process(w->tree, 102, 40, 0);
	look(w);
	assert_int_equal(identity_of(w, path)->kind, KIND_CONTAINER);
	assert_int_equal(identity_of(w, "/user.slice/session-1.scope")->kind, KIND_SCOPE);
}

/* Once is enough for the next minute: no scrape pays for it. */
static void asks_seldom(void **state)
{
	struct world *w = *state;

	add(w, "system.slice/a.service", 100, 50, "socket:[7]");
	for (int i = 0; i < 10; i++)
		look(w);
	assert_int_equal(identity_of(w, "/system.slice/a.service")->machine_looks, 1);
}

/* However many there are: each has its turn. */
static void asks_a_few_in_each_pass(void **state)
{
	enum { GROUPS = 100 };
	struct world *w = *state;
	unsigned n = 0;

	for (int i = 0; i < GROUPS; i++) {
		cleanup_free char *group = xasprintf("system.slice/vm%d.service", i);

		add(w, group, 1000 + i, 50, "anon_inode:kvm-vm");
	}
	look(w);
	for_each_group(group, w->hierarchy)
		n += group->identity->kind == KIND_VM;
	assert_true(n > 0 && n < GROUPS);
	look(w);
	n = 0;
	for_each_group(group, w->hierarchy)
		n += group->identity->kind == KIND_VM;
	assert_int_equal(n, GROUPS);
}

/* What this kernel calls a machine's file. */
static void knows_a_real_one(void **state)
{
	struct world *w = *state;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int machine = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);

	if (machine < 0) {
		printf("SKIP: no machine can be made by /dev/kvm: %s\n", strerror(errno));
		skip();
	}
	cleanup_free char *pid = xasprintf("%d\n", (int)getpid());

	tree_write(w->tree, "cgroup/system.slice/mine.service/cgroup.procs", pid);
	free(w->options.path_procfs);
	w->options.path_procfs = xstrdup("/proc");
	look(w);
	assert_int_equal(identity_of(w, "/system.slice/mine.service")->kind, KIND_VM);
	close(machine);
	close(kvm);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(tells_machines_by_their_files),
		TEST(leaves_others_what_they_are),
		TEST(asks_seldom),
		TEST(asks_a_few_in_each_pass),
		TEST(knows_a_real_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
