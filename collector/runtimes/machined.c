/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd-nspawn and libvirt, as systemd-machined knows them: /run/systemd/machines/unit:<unit> is a
 * link to a file of KEY=VALUE lines. The file says of itself that it is private; its keys have been the
 * same since systemd 205. A service may turn out to be a machine (systemd-nspawn --keep-unit).
 */
#include <errno.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/workloads/identity.h"
#include "collector/workloads/leaf.h"
#include "collector/memory.h"
#include "collector/runtimes/json_file.h"
#include "collector/runtimes/users.h"

static bool may_be_machine(enum workload_kind kind)
{
	return kind == KIND_MACHINE || kind == KIND_VM || kind == KIND_SERVICE;
}

static const char *manager_of(const char *service)
{
	static const char *const others[] = { "libvirt-lxc", "systemd-vmspawn" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (streq(service, others[i]))
			return others[i];
	return strncmp(service, "libvirt", 7) == 0 ? "libvirt" : "systemd-nspawn";
}

static void take(struct facts *facts, const char *key, const char *value)
{
	if (streq(key, "NAME")) {
		free(facts->name);
		facts->name = xstrdup(value);
	} else if (streq(key, "CLASS")) {
		facts->kind = streq(value, "vm") ? KIND_VM : KIND_MACHINE;
	} else if (streq(key, "SERVICE")) {
		facts->runtime = manager_of(value);
	} else if (streq(key, "REALTIME")) {
		facts->started_ms = (int64_t)(strtoull(value, NULL, 10) / 1000);
	}
}

static int machined_look_up(const struct runtime_context *context, const struct group *group,
			    struct facts *ret)
{
	cleanup_free char *text = NULL;
	char *save;

	if (!may_be_machine(group->identity->kind) || !group_is_system_unit(group))
		return -ENOENT;
	ret->file = xasprintf("run/systemd/machines/unit:%s", group->name);
	ssize_t length = runtime_file_read(context->root_fd, ret->file, TRUSTED, SMALL_FILE_MAX,
					   &text, &ret->stamp);
	if (length < 0)
		return (int)length;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *equals = strchr(line, '=');

		if (line[0] == '#' || !equals)
			continue;
		*equals = '\0';
		take(ret, line, equals + 1);
	}
	if (!ret->name)
		return -EINVAL;
	const char *plain = leaf_machine_name(ret->runtime ? ret->runtime : "", ret->name);
	memmove(ret->name, plain, strlen(plain) + 1);
	return 0;
}

const struct runtime runtime_machined = {
	.name = "machined",
	.look_up = machined_look_up,
};
