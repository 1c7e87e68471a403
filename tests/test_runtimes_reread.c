/* SPDX-License-Identifier: Apache-2.0 */
/* When files of runtimes are read: as a cgroup appears, and as they change. */
#include "collector/runtimes/runtime.h"

#include <sys/inotify.h>

#include "tests/runtimes_support.h"

#define WEB	"7527a933d0dda13a66e82d844f72c71282e4128c99e7882c064dc0c7563f39cc"
#define CRI_API "4e9330c0dbfd66f4d2c65312d0898e95e60c18f8316288e0f8bbc30c1fb16f19"
#define PWEB	"98cbcdb3e54bbe680b52adbe42012f00c97a46070568d7d631b99f464feb4028"

/* How often files were opened, or read, since it was asked last. */
static unsigned times_touched(int inotify, uint32_t how)
{
	_Alignas(struct inotify_event) char buffer[16384];
	unsigned times = 0;
	ssize_t n;

	while ((n = read(inotify, buffer, sizeof(buffer))) > 0) {
		for (ssize_t i = 0; i < n;) {
			const struct inotify_event *event = (const void *)(buffer + i);

			times += (event->mask & how) != 0;
			i += (ssize_t)(sizeof(*event) + event->len);
		}
	}
	return times;
}

/* What is known costs a scrape nothing: files are looked at every ten seconds, and read when they changed. */
static void reads_nothing_again(void **state)
{
	static const struct {
		const char *cgroup, *file, *text;
	} rows[] = {
		{ "docker/" WEB, "root/var/lib/docker/containers/" WEB "/config.v2.json",
		  "{\"Name\":\"/web\"}" },
		{ "libpod-" PWEB ".scope",
		  "root/var/lib/containers/storage/overlay-containers/containers.json",
		  "[{\"id\":\"" PWEB "\",\"names\":[\"pweb\"]}]" },
		{ "cri-containerd-" CRI_API ".scope",
		  "root/run/containerd/io.containerd.runtime.v2.task/k8s.io/" CRI_API
		  "/config.json",
		  "{\"annotations\":{\"a\":\"b\"}}" },
		{ "machine-m2.scope", "root/run/systemd/machines/unit:machine-m2.scope",
		  "NAME=m2\nCLASS=container\n" },
	};
	cleanup_close int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_free char *path = xasprintf("%s/%s", w->tree, rows[i].file);

		add_cgroup(w, rows[i].cgroup);
		tree_write(w->tree, rows[i].file, rows[i].text);
		assert_true(inotify_add_watch(inotify, path, IN_OPEN | IN_ACCESS) >= 0);
	}
	discover(w);
	assert_true(times_touched(inotify, IN_ACCESS) >= ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		group_at(w, rows[i].cgroup)->identity->first_look_ns = 1;
	discover(w); /* the last of their youth */
	assert_int_equal(times_touched(inotify, IN_ACCESS), 0);
	for (int i = 0; i < 50; i++)
		discover(w);
	assert_int_equal(times_touched(inotify, IN_OPEN | IN_ACCESS), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(group_at(w, rows[i].cgroup)->identity->known);
		group_at(w, rows[i].cgroup)->identity->next_look_ns = 0;
	}
	discover(w);
	assert_int_equal(times_touched(inotify, IN_ACCESS), 0);
	tree_write(w->tree, rows[0].file, "{\"Name\":\"/renamed\"}");
	group_at(w, rows[0].cgroup)->identity->next_look_ns = 0;
	discover(w);
	assert_true(times_touched(inotify, IN_ACCESS) > 0);
	assert_string_equal(group_at(w, rows[0].cgroup)->workload->name, "renamed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_nothing_again, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
