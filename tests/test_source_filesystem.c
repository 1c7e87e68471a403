/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch trees whose disks and layers are this host's real directories. */
#include "collector/procfs/disks.h"
#include "tests/procfs_support.h"

#include <poll.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#define ID    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define GROUP "/system.slice/docker-" ID ".scope"
#define USAGE "container_fs_usage_bytes"

/* A host whose root disk is the one that TREE/root is on. */
static char *host_tree(const char *more_mounts)
{
	char *tree = tree_new();
	struct stat st;

	assert_int_equal(stat(tree, &st), 0);
	cleanup_free char *mounts = xasprintf("27 1 %u:%u / / rw,relatime - ext4 /dev/root rw\n%s",
					      major(st.st_dev), minor(st.st_dev), more_mounts);
	tree_mkdir(tree, "root/var/lib/docker/overlay2/x/diff");
	tree_write(tree, "cgroup/cgroup.procs", "");
	tree_write(tree, "cgroup" GROUP "/cgroup.procs", "20\n");
	tree_write(tree, "proc/1/mountinfo", mounts);
	tree_process(tree, 20, 200, 0);
	tree_write(tree, "proc/20/mountinfo",
		   "1 1 0:50 / / rw - overlay overlay rw,lowerdir=/l,"
		   "upperdir=/var/lib/docker/overlay2/x/diff,workdir=/w\n");
	return tree;
}

static const struct sample *wait_for_layer(struct reading *reading, const struct snapshot **ret)
{
	for (int i = 0; i < 1000; i++) {
		const struct snapshot *s = reading_take(reading);
		const struct sample *sample = find_sample(s, USAGE, GROUP, NULL, NULL);

		if (sample) {
			*ret = s;
			return sample;
		}
		snapshot_unref(s);
		poll(NULL, 0, 10);
	}
	fail_msg("the layer was never measured");
	return NULL;
}

static void measures_host(void **state)
{
	char *tree = host_tree("28 27 0:9999 / /gone rw - xfs /dev/gone rw\n"
			       "29 27 0:44 / /net rw - nfs4 server:/x rw\n"
			       "30 29 8:77 / /net/below rw - ext4 /dev/below rw\n"
			       "31 27 0:45 / /p rw - proc proc rw\n");
	struct reading reading;
	struct statvfs fs;

	(void)state;
	reading_open_tree(&reading, tree, "filesystem");
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(statvfs(tree, &fs), 0);
	assert_int_equal(count_samples(s, USAGE, NULL), 1);
	assert_true(sample_integer(s, "container_fs_limit_bytes", "/", "/dev/root") ==
		    fs.f_blocks * fs.f_frsize);
	assert_int_equal(count_samples(s, "container_fs_inodes_total", "/"), fs.f_files != 0);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

/* What a network file system is mounted over is not looked up: it would be that one that answers. */
static void leaves_covered_disks_alone(void **state)
{
	char *tree = host_tree("28 27 0:51 / /data rw - ext4 /dev/data rw\n"
			       "29 28 0:52 / /data/in rw - ext4 /dev/in rw\n"
			       "30 27 0:53 / /data rw - nfs4 server:/x rw\n"
			       "31 27 0:54 / /net rw - fuse.sshfs x rw\n"
			       "32 31 0:55 / /net rw - xfs /dev/over rw\n");
	struct options options = options_for_tree(tree);
	struct disks disks;
	const char *reason;

	(void)state;
	assert_int_equal(disks_open(&options, &disks, &reason), 0);
	assert_int_equal(disks_refresh(&disks), 0);
	assert_int_equal(disks.n, 2);
	assert_string_equal(disks.items[0].device, "/dev/root");
	assert_string_equal(disks.items[1].device, "/dev/over");
	disks_close(&disks);
	options_for_tree_free(&options);
	tree_remove(tree);
}

/* ip-netns(8) binds a part of /run over itself: its space must not count twice. */
static void counts_bind_mounts_once(void **state)
{
	char *tree = host_tree("");
	struct reading reading;
	struct stat st;

	(void)state;
	assert_int_equal(stat(tree, &st), 0);
	cleanup_free char *mounts =
		xasprintf("27 1 %1$u:%2$u / /run rw - tmpfs tmpfs rw\n"
			  "28 27 %1$u:%2$u /netns /run/netns rw shared:5 - tmpfs tmpfs rw\n",
			  major(st.st_dev), minor(st.st_dev));
	tree_write(tree, "proc/1/mountinfo", mounts);
	tree_mkdir(tree, "root/run/netns");
	reading_open_tree(&reading, tree, "filesystem");
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(count_samples(s, USAGE, NULL), 1);
	assert_non_null(find_sample(s, USAGE, "/", "/run", NULL));
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

static void measures_layer(void **state)
{
	char *tree = host_tree("");
	struct options options = options_for_tree(tree);
	const struct snapshot *s;
	struct reading reading;
	struct stat top, file;
	char path[4096], text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	tree_write(tree, "root/var/lib/docker/overlay2/x/diff/file", text);
	snprintf(path, sizeof(path), "%s/root/var/lib/docker/overlay2/x/diff", tree);
	assert_int_equal(stat(path, &top), 0);
	snprintf(path, sizeof(path), "%s/root/var/lib/docker/overlay2/x/diff/file", tree);
	assert_int_equal(stat(path, &file), 0);
	options.sources_enabled = source_bit("filesystem");
	options.filesystem_interval_s = 3600;
	reading = (struct reading){ .options = options };
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
	assert_int_equal(collector_new(&reading.options, &reading.counters, &reading.collector), 0);
	const struct sample *sample = wait_for_layer(&reading, &s);
	assert_string_equal(sample->labels[0], "/dev/root");
	assert_int_equal(sample->integer, (uint64_t)(top.st_blocks + file.st_blocks) * 512);
	assert_int_equal(sample_integer(s, "container_fs_inodes_used", GROUP, "/dev/root"), 2);
	assert_int_equal(count_samples(s, "container_fs_usage_age_seconds", GROUP), 1);
	assert_int_equal(sample_integer(s, "tallyman_filesystem_walks_total", NULL, "complete"), 1);
	snapshot_unref(s);
	/* Ended while a walk may wait: nothing leaks (AddressSanitizer). */
	reading_close(&reading);
	tree_remove(tree);
}

static void is_off_without_interval(void **state)
{
	char *tree = host_tree("");
	struct reading reading;

	(void)state;
	reading_open_tree(&reading, tree, "filesystem");
	const struct snapshot *s = reading_take(&reading);
	assert_int_equal(count_samples(s, USAGE, GROUP), 0);
	snapshot_unref(s);
	reading_close(&reading);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measures_host),
		cmocka_unit_test(leaves_covered_disks_alone),
		cmocka_unit_test(counts_bind_mounts_once),
		cmocka_unit_test(measures_layer),
		cmocka_unit_test(is_off_without_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
