/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/kvm.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/workloads/members.h"

enum { CANDIDATES_MAX = 64 };

static bool holds_machine(DIR *files)
{
	static const char machine[] = "anon_inode:kvm-vm";
	char link[sizeof(machine) + 1];

	for (int i = 0; i < KVM_FILES_MAX;) {
		const struct dirent *file = readdir(files);

		if (!file)
			return false;
		if (file->d_name[0] == '.')
			continue;
		ssize_t n = readlinkat(dirfd(files), file->d_name, link, sizeof(link));

		if (n == sizeof(machine) - 1 && memcmp(link, machine, (size_t)n) == 0)
			return true;
		i++;
	}
	return false;
}

bool kvm_is_machine(int procfs, struct hierarchy *hierarchy, struct group *group,
		    struct members *members)
{
	char path[32];
	uint64_t start;
	int32_t pid;

	if (members_read(hierarchy, group, CANDIDATES_MAX, members) < 0 ||
	    members_oldest(procfs, members, &pid, &start) < 0)
		return false;
	snprintf(path, sizeof(path), "%d/fd", (int)pid);
	int fd = openat(procfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *files = fd < 0 ? NULL : fdopendir(fd);

	if (!files && fd >= 0)
		close(fd);
	return files && holds_machine(files);
}

char *kvm_name(const char *group_name)
{
	static const char *const suffixes[] = { ".scope", ".service" };
	char *name = xstrdup(group_name);
	size_t length = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (length > suffix && streq(name + length - suffix, suffixes[i]))
			name[length - suffix] = '\0';
	}
	return name;
}
