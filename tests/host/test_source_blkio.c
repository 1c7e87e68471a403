/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block I/O of this process on this host. Where the blkio controller is on cgroup version 1, its groups
 * have ids of their own hierarchy: its root has the id that the root of cgroup2 has, and nobody may be
 * charged for what it did.
 */
#include "tests/rows_support.h"

#include <stdlib.h>
#include <sys/sysmacros.h>

#include "collector/log.h"
#include "collector/probes/probe.h"

enum { REQUESTS = 64, BLOCK = 4096 };

static const char duration[] = "container_blkio_duration_seconds";

static const char lost[] = "tallyman_probe_lost_total";
static const char unattributed[] = "tallyman_probe_unattributed_total";

/* 0 when there is no such series. */
static uint64_t loss(const struct snapshot *snapshot, const char *name, const char *reason)
{
	const struct family *family = snapshot_family(snapshot, name);

	for_each_sample(sample, family) {
		if (streq(sample->labels[0], "blkio") && streq(sample->labels[1], reason))
			return sample->integer;
	}
	return 0;
}

static bool blkio_is_v1(void)
{
	cleanup_file FILE *file = fopen("/proc/cgroups", "re");
	char line[256];
	unsigned hierarchy = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "blkio %u", &hierarchy) == 1)
			break;
	return hierarchy != 0;
}

/* Each is a request to the disk at least, where the temporary folder is on one. */
static void write_direct(void)
{
	char path[] = "/var/tmp/tallyman-test-XXXXXX";
	void *block = aligned_alloc(BLOCK, BLOCK);
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	memset(block, 'x', BLOCK);
	assert_int_equal(fcntl(fd, F_SETFL, O_DIRECT), 0);
	for (int i = 0; i < REQUESTS; i++)
		assert_int_equal(pwrite(fd, block, BLOCK, (off_t)i * BLOCK), BLOCK);
	assert_int_equal(fsync(fd), 0);
	close(fd);
	free(block);
}

static void nobody_is_charged_for_version_1(void **state)
{
	struct scene scene = { .options = options_for_tree("") };
	struct stat st;

	(void)state;
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
	if (!blkio_is_v1()) {
		printf("SKIP: the blkio controller is not on cgroup version 1 here\n");
		skip();
	}
	if (stat("/var/tmp", &st) < 0 || major(st.st_dev) == 0) {
		printf("SKIP: /var/tmp is not on a disk\n");
		skip();
	}
	free(scene.options.path_cgroupfs);
	scene.options.path_cgroupfs = xstrdup(own_groups_root());
	scene.options.probe_max_memory_mib = 64;
	scene.options.probe_histogram_schema = 3;
	scene_collect(&scene);
	collector_start_probes(scene.collector);
	scene_collect(&scene);
	const uint64_t before = loss(scene.snapshot, unattributed, "v1");
	write_direct();
	scene_collect(&scene);
	assert_true(loss(scene.snapshot, unattributed, "v1") >= before + REQUESTS);
	/* That is how such a host is, and nothing to be warned of. */
	assert_int_equal(loss(scene.snapshot, lost, "v1"), 0);
	for_each_sample(sample, snapshot_family(scene.snapshot, duration))
		fail_msg("%s is charged", sample->workload->path);
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_charged_for_version_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
