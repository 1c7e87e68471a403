/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/leaf.h"
#include "tests/support.h"

#define ID  "7d93842c697bb619f52fa5706052e4c827080d96c9bfd66165dad90a5eb1ae42"
#define UID "0f5a1c3e_1111_2222_3333_444455556666"

static void recognises(void **state)
{
	static const struct {
		const char *parent, *name;
		enum workload_kind kind;
		const char *runtime, *id;
	} rows[] = {
		{ "", "", KIND_HOST, "", "" },
		{ "/system.slice", "docker-" ID ".scope", KIND_CONTAINER, "docker", ID },
		{ "/docker", ID, KIND_CONTAINER, "docker", ID },
		{ "/machine.slice", "libpod-" ID ".scope", KIND_CONTAINER, "podman", ID },
		{ "/libpod_parent", "libpod-" ID, KIND_CONTAINER, "podman", ID },
		{ "/libpod_parent", ID, KIND_POD, "podman", ID },
		{ "/machine.slice", "machine-libpod_pod_" ID ".slice", KIND_POD, "podman", ID },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice", "libpod-" ID ".scope",
		  KIND_CONTAINER, "podman", ID },
		{ "/system.slice/web.service", "libpod-payload-" ID, KIND_CONTAINER, "podman", ID },
		{ "/system.slice/web.service", "libpod-payload-" ID "0", KIND_OTHER, "", "" },
		{ "/kubepods/burstable/pod0f5a1c3e-1111", "crio-" ID, KIND_CONTAINER, "cri-o", ID },
		{ "/kubepods/burstable/pod0f5a1c3e-1111", "crio-conmon-" ID, KIND_OTHER, "cri-o",
		  "" },
		{ "/machine.slice", "libpod-conmon-" ID ".scope", KIND_SCOPE, "podman", "" },
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID ".slice",
		  "cri-containerd-" ID ".scope", KIND_CONTAINER, "containerd", ID },
		{ "/kubepods.slice/kubepods-pod" UID ".slice", "crio-" ID ".scope", KIND_CONTAINER,
		  "cri-o", ID },
		{ "/kubepods.slice/kubepods-pod" UID ".slice", "crio-conmon-" ID ".scope",
		  KIND_SCOPE, "cri-o", "" },
		{ "/kubepods.slice/kubepods-burstable.slice", "kubepods-burstable-pod" UID ".slice",
		  KIND_POD, "", UID },
		{ "/kubepods.slice", "kubepods-burstable.slice", KIND_SLICE, "", "" },
		{ "/kubepods/besteffort", "pod0f5a1c3e-1111", KIND_POD, "", "0f5a1c3e-1111" },
		{ "/kubepods/besteffort/pod0f5a1c3e-1111", ID, KIND_CONTAINER, "", ID },
		{ "/", "podlike", KIND_OTHER, "", "" },
		{ "/machine.slice", "machine-qemu\\x2d1\\x2dvm1.scope", KIND_VM, "libvirt",
		  "1\\x2dvm1" },
		{ "/machine.slice", "machine-m2.scope", KIND_MACHINE, "systemd-nspawn", "m2" },
		{ "/machine.slice", "systemd-nspawn@m1.service", KIND_MACHINE, "systemd-nspawn",
		  "m1" },
		{ "/", "lxc.payload.c1", KIND_CONTAINER, "lxc", "c1" },
		{ "/", "lxc.monitor.c1", KIND_OTHER, "lxc", "" },
		{ "/kubepods/burstable/pod0f5a1c3e-1111", "kata_" ID, KIND_VM, "kata", ID },
		{ "/", "kata_overhead", KIND_OTHER, "kata", "" },
		{ "/kata_overhead", ID, KIND_OTHER, "kata", ID },
		{ "/system.slice", "nerdctl-" ID ".scope", KIND_CONTAINER, "containerd", ID },
		{ "/firecracker", "551e7604", KIND_VM, "firecracker", "551e7604" },
		{ "/system.slice", "ssh.service", KIND_SERVICE, "", "" },
		{ "/", "init.scope", KIND_SCOPE, "", "" },
		{ "/", "system.slice", KIND_SLICE, "", "" },
		{ "/", "tallyman", KIND_OTHER, "", "" },
		/* Not quite: 63 digits, a capital, a tail. */
		{ "/system.slice",
		  "docker-d93842c697bb619f52fa5706052e4c827080d96c9bfd66165dad90a5eb1ae42.scope",
		  KIND_SCOPE, "", "" },
		{ "/docker", "7D93842c697bb619f52fa5706052e4c827080d96c9bfd66165dad90a5eb1ae42",
		  KIND_OTHER, "", "" },
		{ "/system.slice", "docker-" ID "0.scope", KIND_SCOPE, "", "" },
		{ "/", ".scope", KIND_SCOPE, "", "" },
		{ "/machine.slice", "machine-.scope", KIND_SCOPE, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct leaf leaf = leaf_recognise(rows[i].name, rows[i].parent);
		cleanup_free char *id = xstrndup(leaf.id, leaf.id_length);

		if (leaf.kind != rows[i].kind)
			fail_msg("%s is a %s", rows[i].name, workload_kind_name(leaf.kind));
		assert_string_equal(leaf.runtime, rows[i].runtime);
		assert_string_equal(id, rows[i].id);
	}
}

static void unescapes(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "1\\x2dvm1", "1-vm1" }, { "plain", "plain" },	   { "", "" },
		{ "\\x2", "\\x2" },	  { "a\\x2", "a\\x2" },	   { "\\xzz", "\\xzz" },
		{ "\\x00b", "\\x00b" },	  { "\\x5cx2d", "\\x2d" }, { "tail\\", "tail\\" },
		{ "end\\x2d", "end-" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_free char *out = leaf_unescape(rows[i].in, strlen(rows[i].in));

		assert_string_equal(out, rows[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recognises),
		cmocka_unit_test(unescapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
