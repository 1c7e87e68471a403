/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many series in text the probes give one workload, by default. Their number depends on what it
 * does: here it reads, writes and syncs files on one disk, sends, fails, forks and executes. What is not
 * in it: TCP, whose series are bounded by settings of their own, and shortage of memory (6 for each kind).
 */
#include <sys/socket.h>
#include <time.h>

#include "bpf/wire.h"
#include "bpf/wire_waits.h"
#include "tests/calls_support.h"
#include "tests/own_maps.h"

enum { SERIES_FROM_PROBES_MAX = 80, ROUNDS = 20 };
/* Defaults of --probe.syscall-names and --probe.disturbed-pairs. */
enum { NAMES = 4, DISTURBERS = 5 };
/* A CPU quota that took something. */
enum { SERIES_OF_A_QUOTA = 2 };
/* Of a disk that is read, written and flushed: two histograms of six, bytes of two, errors of three. */
enum { SERIES_OF_A_DISK = 17 };

static void read_write_and_sync(void)
{
	char path[] = "/var/tmp/tallyman-test-XXXXXX", byte = 'x';
	int fd = mkostemp(path, O_CLOEXEC), pair[2];

	if (fd < 0 || unlink(path) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		_exit(1);
	for (int i = 0; i < ROUNDS; i++) {
		if (pwrite(fd, &byte, 1, 0) != 1 || pread(fd, &byte, 1, 0) != 1 || fsync(fd) < 0 ||
		    send(pair[0], &byte, 1, 0) != 1 || recv(pair[1], &byte, 1, 0) != 1 ||
		    access("/nonexistent/file", R_OK) == 0 || close(-1) == 0)
			_exit(2);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	pid_t pid = fork();
	if (pid == 0)
		execl("/bin/false", "false", NULL);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		_exit(3);
}

/* Makes a histogram with one value, as the programs in the kernel do. */
static void put_histogram(int devices, uint32_t slot, uint32_t n_devices, uint32_t key)
{
	const uint32_t n_keys = n_devices * WIRE_BLKIO_OPERATIONS * WIRE_BLKIO_STAGES;
	const uint64_t owner = (uint64_t)slot * n_keys + key + 1;
	struct wire_histogram cells = { .sum_ns = 1000000, .used = { 1 }, .cells = { [8] = 1 } };
	uint32_t number = 0;

	assert_int_equal(bpf_map_lookup_and_delete_elem(own_map_beside("free_histograms", devices),
							NULL, &number),
			 0);
	assert_int_equal(bpf_map_update_elem(own_map_beside("histogram_owners", devices), &number,
					     &owner, BPF_ANY),
			 0);
	assert_int_equal(bpf_map_update_elem(own_map_beside("histograms", devices), &number, &cells,
					     BPF_ANY),
			 0);
}

/* On hosts with version 1 of the controller no I/O is charged to anybody: so it is made up. */
static void use_a_disk(const struct place *place)
{
	const int devices = own_map("device_owners");
	const uint64_t device = UINT64_C(1) << 32, volume = 4096;
	const uint32_t first = 1;
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info), slot = 0;
	struct stat st;

	assert_int_equal(bpf_obj_get_info_by_fd(devices, &info, &size), 0);
	const uint32_t n_devices = info.max_entries;

	assert_int_equal(stat(place->directory, &st), 0);
	const uint64_t id = st.st_ino;

	assert_int_equal(bpf_map_lookup_elem(own_map("slots"), &id, &slot), 0);
	assert_int_equal(bpf_map_update_elem(devices, &first, &device, BPF_ANY), 0);
	for (uint32_t operation = 0; operation < WIRE_BLKIO_OPERATIONS; operation++) {
		const uint32_t pair = first * WIRE_BLKIO_OPERATIONS + operation;
		const uint32_t tally =
			(slot * n_devices * WIRE_BLKIO_OPERATIONS + pair) * WIRE_BLKIO_TALLIES;

		if (operation == WIRE_BLKIO_DISCARD)
			continue;
		assert_int_equal(bpf_map_update_elem(own_map_beside("tallies", devices), &tally,
						     &volume, BPF_ANY),
				 0);
		for (uint32_t stage = 0; stage < WIRE_BLKIO_STAGES; stage++)
			if (operation != WIRE_BLKIO_FLUSH || stage == WIRE_BLKIO_DEVICE)
				put_histogram(devices, slot, n_devices,
					      pair * WIRE_BLKIO_STAGES + stage);
	}
}

static unsigned lines_of(const struct metric *metric, const struct sample *sample)
{
	if (metric->type != METRIC_HISTOGRAM)
		return 1;
	if (metric->only_native || sample->histogram->only_native)
		return 0;
	return sample->histogram->n_bounds + 3; /* +Inf, the sum, the count */
}

static void a_container_has_no_more_than_that(void **state)
{
	struct place *place = place_new_naming("series", NAMES);
	unsigned all = 0;

	(void)state;
	collect_with(place, read_write_and_sync);
	use_a_disk(place);
	collect_with(place, read_write_and_sync);
	for (size_t i = 0; i < n_sources; i++) {
		const bool counts = sources[i]->probe || streq(sources[i]->name, "probes");
		unsigned lines = 0;

		for (size_t k = 0; counts && k < sources[i]->n_metrics; k++) {
			const struct metric *metric = &sources[i]->metrics[k];
			const struct family *family =
				snapshot_family(place->scene.snapshot, metric->name);

			for_each_sample(sample, family)
				if (sample->workload && streq(sample->workload->path, place->path))
					lines += lines_of(metric, sample);
		}
		if (counts)
			printf("%s: %u series\n", sources[i]->name, lines);
		if (streq(sources[i]->name, "blkio"))
			assert_int_equal(lines, SERIES_OF_A_DISK);
		if (!streq(sources[i]->name, "connections"))
			all += lines;
	}
	printf("%u, and %u when it has a CPU quota and others disturb it\n", all,
	       SERIES_OF_A_QUOTA + DISTURBERS);
	assert_in_range(all + SERIES_OF_A_QUOTA + DISTURBERS, 60, SERIES_FROM_PROBES_MAX);
	place_free(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_has_no_more_than_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
