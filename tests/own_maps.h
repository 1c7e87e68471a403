/* SPDX-License-Identifier: Apache-2.0 */
/* What this process has open in the kernel: the maps of the probes of the collector under test. */
#pragma once

#include <bpf/bpf.h>
#include <stdbool.h>
#include <unistd.h>

#include "tests/support.h"

enum { OWN_FILES_MAX = 4096 };

SUPPORT bool is_own_file(int fd, const char *what)
{
	char path[32], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target) - 1) > 0 && streq(target, what);
}

/* Its file descriptor, which is the collector's. */
SUPPORT int own_map(const char *name)
{
	for (int fd = 0; fd < OWN_FILES_MAX; fd++) {
		struct bpf_map_info info = { 0 };
		uint32_t size = sizeof(info);

		if (is_own_file(fd, "anon_inode:bpf-map") &&
		    bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && streq(info.name, name))
			return fd;
	}
	fail_msg("no map is called %s", name);
	return -1;
}

/* Several objects have maps of one name: that of the object whose map `other` is. */
SUPPORT int own_map_beside(const char *name, int other)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info), least = UINT32_MAX;
	int nearest = -1;

	assert_int_equal(bpf_obj_get_info_by_fd(other, &info, &size), 0);
	const uint32_t id = info.id;

	for (int fd = 0; fd < OWN_FILES_MAX; fd++) {
		size = sizeof(info);
		memset(&info, 0, size);
		if (!is_own_file(fd, "anon_inode:bpf-map") ||
		    bpf_obj_get_info_by_fd(fd, &info, &size) < 0 ||
		    strncmp(info.name, name, sizeof(info.name) - 1) != 0) /* cut there */
			continue;
		/* They are made one after the other, and numbered so. */
		uint32_t distance = info.id > id ? info.id - id : id - info.id;
		if (distance < least) {
			least = distance;
			nearest = fd;
		}
	}
	if (nearest < 0)
		fail_msg("no map is called %s", name);
	return nearest;
}

SUPPORT int map_elements(int map)
{
	uint64_t key, next;
	int n = 0;

	for (const void *from = NULL; bpf_map_get_next_key(map, from, &next) == 0; from = &key) {
		key = next;
		n++;
	}
	return n;
}
