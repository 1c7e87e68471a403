/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/leaf.h"

#include <string.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

/* What stands between prefix and suffix. */
enum id_form {
	ID_ANY,	 /* at least one byte */
	ID_HEX,	 /* 64 hexadecimal digits */
	ID_NONE, /* nothing is taken from it */
};

/*
 * How to add a runtime: one row. The first match wins, so the particular stand before the general.
 * Sources: what Docker, Podman, containerd, CRI-O, LXC, libvirt and systemd were seen to make
 * (tests/fixtures), and their documentation for those that were not run.
 */
static const struct pattern {
	const char *prefix, *suffix;
	const char *above; /* in the parent's path; NULL = anywhere */
	enum id_form form;
	enum workload_kind kind;
	const char *runtime;
} patterns[] = {
	/* Helpers of runtimes: beside the container, not in it. */
	{ "libpod-conmon-", ".scope", NULL, ID_NONE, KIND_SCOPE, "podman" },
	{ "crio-conmon-", ".scope", NULL, ID_NONE, KIND_SCOPE, "cri-o" },
	{ "crio-conmon-", "", NULL, ID_NONE, KIND_OTHER, "cri-o" },
	{ "lxc.monitor", "", NULL, ID_NONE, KIND_OTHER, "lxc" },
	/* Kata's shim and the threads of its machine that are no processors of the guest. */
	{ "kata_overhead", "", NULL, ID_NONE, KIND_OTHER, "kata" },
	{ "", "", "/kata_overhead", ID_ANY, KIND_OTHER, "kata" },

	{ "docker-", ".scope", NULL, ID_HEX, KIND_CONTAINER, "docker" },
	{ "libpod-", ".scope", NULL, ID_HEX, KIND_CONTAINER, "podman" },
	{ "cri-containerd-", ".scope", NULL, ID_ANY, KIND_CONTAINER, "containerd" },
	{ "nerdctl-", ".scope", NULL, ID_HEX, KIND_CONTAINER, "containerd" },
	{ "crio-", ".scope", NULL, ID_HEX, KIND_CONTAINER, "cri-o" },
	{ "lxc.payload.", "", NULL, ID_ANY, KIND_CONTAINER, "lxc" },
	{ "machine-lxc\\x2d", ".scope", NULL, ID_ANY, KIND_CONTAINER, "libvirt-lxc" },

	/* A service that Podman runs one container for (--cgroups=split, Quadlet): it is below that. */
	{ "libpod-payload-", "", NULL, ID_HEX, KIND_CONTAINER, "podman" },

	/* cgroupfs drivers: the bare id. */
	{ "", "", "/docker", ID_HEX, KIND_CONTAINER, "docker" },
	{ "libpod-", "", NULL, ID_HEX, KIND_CONTAINER, "podman" },
	{ "crio-", "", NULL, ID_HEX, KIND_CONTAINER, "cri-o" },
	{ "", "", "/libpod_parent", ID_HEX, KIND_POD, "podman" },
	{ "", "", "/kubepods", ID_HEX, KIND_CONTAINER, "" },
	{ "", "", NULL, ID_HEX, KIND_CONTAINER, "" },

	{ "machine-libpod_pod_", ".slice", NULL, ID_HEX, KIND_POD, "podman" },
	{ "kubepods-besteffort-pod", ".slice", NULL, ID_ANY, KIND_POD, "" },
	{ "kubepods-burstable-pod", ".slice", NULL, ID_ANY, KIND_POD, "" },
	{ "kubepods-pod", ".slice", NULL, ID_ANY, KIND_POD, "" },
	{ "pod", "", "/kubepods", ID_ANY, KIND_POD, "" },

	{ "machine-qemu\\x2d", ".scope", NULL, ID_ANY, KIND_VM, "libvirt" },
	{ "", ".libvirt-qemu", NULL, ID_ANY, KIND_VM, "libvirt" },
	{ "kata_", "", NULL, ID_ANY, KIND_VM, "kata" },
	{ "", "", "/firecracker", ID_ANY, KIND_VM, "firecracker" },

	{ "machine-", ".scope", NULL, ID_ANY, KIND_MACHINE, "systemd-nspawn" },
	{ "systemd-nspawn@", ".service", NULL, ID_ANY, KIND_MACHINE, "systemd-nspawn" },

	{ "", ".service", NULL, ID_NONE, KIND_SERVICE, "" },
	{ "", ".slice", NULL, ID_NONE, KIND_SLICE, "" },
	{ "", ".scope", NULL, ID_NONE, KIND_SCOPE, "" },
};

static bool is_hex_id(const char *s, size_t length)
{
	return length == 64 && strspn(s, "0123456789abcdef") >= 64;
}

/* Whether one component of `path`, from its root, is `above` or begins with it and a separator. */
static bool stands_above(const char *path, const char *above)
{
	size_t length = strlen(above);

	/* Exactly for runtimes that own a root group; kubepods has slices of its own below it. */
	if (streq(above, "/kubepods"))
		return strstr(path, above) != NULL;
	const char *last = strrchr(path, '/');
	return last && strncmp(last, above, length) == 0 && last[length] == '\0';
}

static bool matches(const struct pattern *pattern, const char *name, const char *parent_path,
		    struct leaf *ret)
{
	size_t length = strlen(name), prefix = strlen(pattern->prefix),
	       suffix = strlen(pattern->suffix);

	if (length < prefix + suffix || strncmp(name, pattern->prefix, prefix) != 0 ||
	    !streq(name + length - suffix, pattern->suffix))
		return false;
	const char *id = name + prefix;
	size_t id_length = length - prefix - suffix;
	if (pattern->form == ID_HEX && !is_hex_id(id, id_length))
		return false;
	if (pattern->form == ID_ANY && id_length == 0)
		return false;
	if (pattern->above && !stands_above(parent_path, pattern->above))
		return false;
	*ret = (struct leaf){ .kind = pattern->kind,
			      .runtime = pattern->runtime,
			      .id = id,
			      .id_length = pattern->form == ID_NONE ? 0 : id_length };
	return true;
}

struct leaf leaf_recognise(const char *name, const char *parent_path)
{
	struct leaf leaf = { .kind = KIND_OTHER, .runtime = "", .id = name };

	if (!*name) {
		leaf.kind = KIND_HOST;
		return leaf;
	}
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		if (matches(&patterns[i], name, parent_path, &leaf))
			break;
	return leaf;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

char *leaf_unescape(const char *id, size_t length)
{
	char *plain = xmalloc(length + 1), *to = plain;

	for (size_t i = 0; i < length; i++) {
		if (id[i] == '\\' && i + 3 < length && id[i + 1] == 'x' &&
		    hex_digit(id[i + 2]) >= 0 && hex_digit(id[i + 3]) >= 0 &&
		    (id[i + 2] != '0' || id[i + 3] != '0')) {
			*to++ = (char)(hex_digit(id[i + 2]) << 4 | hex_digit(id[i + 3]));
			i += 3;
		} else {
			*to++ = id[i];
		}
	}
	*to = '\0';
	return plain;
}

const char *leaf_machine_name(const char *runtime, const char *name)
{
	static const char *const drivers[] = { "qemu-", "lxc-" };
	const char *s = name;

	if (strncmp(runtime, "libvirt", strlen("libvirt")) != 0)
		return name;
	for (size_t i = 0; i < ARRAY_SIZE(drivers) && s == name; i++)
		if (strncmp(s, drivers[i], strlen(drivers[i])) == 0)
			s += strlen(drivers[i]);
	size_t digits = strspn(s, "0123456789");
	return digits && s[digits] == '-' && s[digits + 1] ? s + digits + 1 : name;
}
