/* SPDX-License-Identifier: Apache-2.0 */
/* Runtimes that are not in the machines of tests/vm: their files are made up as they are documented. */
#include "collector/runtimes/runtime.h"
#include "collector/workloads/survivors.h"
#include "tests/runtimes_support.h"

#define CRIO_POD                                                                                   \
	"kubepods.slice/kubepods-burstable.slice/"                                                 \
	"kubepods-burstable-pod5b5e07db_f1b9_4530_81ef_b7d04d66b83e.slice"
#define KATA_POD   "kubepods/burstable/pod7a7a7a7a-1111-2222-3333-444455556666"
#define TIMES_8(x) x x x x x x x x
#define REPEAT(x)  TIMES_8(x) TIMES_8(x) TIMES_8(x) TIMES_8(x)

static void knows_documented_layouts(void **state)
{
	static const struct {
		const char *path;
		enum workload_kind kind;
		const char *runtime, *name, *image, *pod, *container;
		int64_t start_ms;
	} rows[] = {
		{ CRIO_POD, KIND_POD, "", "", "", "coredns-6d4b75cb6d-w4b72", "", 0 },
		{ CRIO_POD "/crio-" REPEAT("c0") ".scope", KIND_CONTAINER, "cri-o",
		  "k8s_coredns_coredns-6d4b75cb6d-w4b72_kube-system_5b5e07db-f1b9-4530-81ef-"
		  "b7d04d66b83e_1",
		  "registry.k8s.io/coredns/coredns:v1.9.3", "coredns-6d4b75cb6d-w4b72", "coredns",
		  1795441569000 },
		{ CRIO_POD "/crio-conmon-" REPEAT("c0") ".scope", KIND_SCOPE, "cri-o", "", "", "",
		  "", 0 },
		{ "system.slice/nerdctl-" REPEAT("2d") ".scope", KIND_CONTAINER, "containerd",
		  "runcdev", "", "", "", 1795441570000 },
		{ KATA_POD "/kata_" REPEAT("4a"), KIND_VM, "kata", REPEAT("4a"), "", "vm-pod", "",
		  0 },
		{ "kata_overhead", KIND_OTHER, "kata", "", "", "", "", 0 },
		{ "kata_overhead/" REPEAT("4a"), KIND_OTHER, "kata", "", "", "", "", 0 },
		{ "firecracker/551e7604-e35c-42b3-b825-416853441234", KIND_VM, "firecracker",
		  "551e7604-e35c-42b3-b825-416853441234", "", "", "", 0 },
	};
	struct world *w = *state;

	use_root(w, "tests/fixtures/runtimes/documented");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		add_cgroup(w, rows[i].path);
	add_cgroup(w, CRIO_POD "/crio-" REPEAT("5b") ".scope");
	discover(w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct group *group = group_at(w, rows[i].path);
		const struct workload *workload = group->workload;

		assert_non_null(workload);
		assert_int_equal(workload->kind, rows[i].kind);
		assert_string_equal(workload->runtime, rows[i].runtime);
		assert_string_equal(workload->name, rows[i].name);
		assert_string_equal(workload->image, rows[i].image);
		assert_string_equal(workload->pod, rows[i].pod);
		assert_string_equal(workload->container, rows[i].container);
		assert_int_equal(group->identity->start_ms, rows[i].start_ms);
	}
	assert_null(group_at(w, CRIO_POD "/crio-" REPEAT("5b") ".scope")->workload);
	assert_int_equal(w->counters.metadata_errors, 0);
	/* conmon(8) has written how it ended. */
	struct last_state end = { 0 };
	const struct runtime_context *context = containers_context(w->containers);
	assert_int_equal(runtimes_last_state(context, "cri-o", REPEAT("c0"), NULL, &end), 0);
	assert_true(end.has_exit_code);
	assert_int_equal(end.exit_code, 137);
	assert_int_equal(runtimes_last_state(context, "docker", REPEAT("c0"), NULL, &end), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(knows_documented_layouts, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
