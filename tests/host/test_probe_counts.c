/* SPDX-License-Identifier: Apache-2.0 */
/* What the probes' own cells hold: counts beyond 32 bits, and losses when no slot is left. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "bpf/wire_syscalls.h"
#include "collector/probes/attachment.h"
#include "collector/probes/probe.h"
#include "collector/probes/ring.h"
#include "collector/probes/slots.h"
#include "collector/source.h"
#include "tests/calls_support.h"

enum { CALLS = 1000 };

struct opened {
	struct options options;
	struct probe_setup setup;
	const struct probe *probe;
	void *state;
};

/* The calling test is skipped where the probe is down. */
static void open_probe(struct opened *opened, const char *source)
{
	const char *reason = NULL;
	cleanup_free char *failure = NULL;

	*opened = (struct opened){ .options = { .probe_max_memory_mib = 64,
						.probe_histogram_schema = 3 } };
	opened->setup = (struct probe_setup){ .options = &opened->options,
					      .n_cpus = (unsigned)libbpf_num_possible_cpus() };
	for (size_t i = 0; i < n_sources; i++)
		if (streq(sources[i]->name, source))
			opened->probe = sources[i]->probe;
	assert_non_null(opened->probe);
	assert_int_equal(slots_new(SLOTS_MIN, &opened->setup.slots), 0);
	assert_int_equal(ring_new(&opened->setup.ring), 0);
	if (probe_open(opened->probe, &opened->setup, &opened->state, &reason, &failure) < 0) {
		printf("SKIP: %s: %s\n", source, reason ? reason : "?");
		skip();
	}
}

static void close_probe(struct opened *opened)
{
	probe_close(opened->probe, opened->state);
	ring_free(opened->setup.ring);
	slots_free(opened->setup.slots);
}

static uint64_t loss(const struct opened *opened, const char *reason)
{
	struct probe_loss losses[PROBE_LOSSES_MAX];
	unsigned n = probe_losses(opened->probe, opened->state, losses);

	for (unsigned i = 0; i < n; i++)
		if (streq(losses[i].reason, reason))
			return losses[i].n;
	fail_msg("no losses for %s", reason);
	return 0;
}

static void call(void)
{
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
}

/* The words of the histogram of one call of one group: the sum, the events, the cells; by shard. */
static uint64_t *words_of(const struct opened *opened, const char *directory, uint32_t key,
			  uint32_t *ret_shards, size_t *ret_step)
{
	const struct bpf_object *object = probe_attachment(opened->state)->object;
	const struct bpf_map *cells = object_map(object, "histograms");
	const uint32_t n = bpf_map__max_entries(object_map(object, "histogram_owners"));
	const size_t stride = bpf_map__value_size(cells) / 8;
	struct stat st;
	uint32_t slot;
	size_t size;

	assert_int_equal(stat(directory, &st), 0);
	const uint64_t id = st.st_ino;
	assert_int_equal(bpf_map_lookup_elem(slots_map(opened->setup.slots, "slots"), &id, &slot),
			 0);
	const uint16_t *index = map_memory(object_map(object, "histogram_index"), &size);
	assert_non_null(index);
	uint32_t number = index[slot * WIRE_CALL_KEYS + key];
	assert_int_equal(munmap((void *)index, size), 0);
	assert_int_not_equal(number, 0);
	uint64_t *memory = map_memory(cells, &size);
	assert_non_null(memory);
	*ret_shards = bpf_map__max_entries(cells) / n;
	*ret_step = n * stride;
	return memory + number * stride;
}

static void cells_go_beyond_32_bits(void **state)
{
	enum {
		EVENTS = offsetof(struct wire_histogram, events) / sizeof(uint64_t),
		FIRST_CELL = offsetof(struct wire_histogram, cells) / sizeof(uint64_t),
	};
	const uint64_t nearly = (UINT64_C(1) << 32) - 10;
	uint64_t events = 0, timed = 0;
	struct opened opened;
	uint32_t shards;
	size_t step;

	(void)state;
	open_probe(&opened, "syscalls");
	cleanup_free char *directory = own_group_new("counts");
	assert_int_equal(run_in(directory, call), 0);
	uint64_t *words = words_of(&opened, directory, SYS_getppid, &shards, &step);
	for (uint32_t shard = 0; shard < shards; shard++) {
		words[shard * step + EVENTS] = nearly;
		for (int cell = 0; cell < WIRE_CELLS_MAX; cell++)
			words[shard * step + FIRST_CELL + cell] = nearly;
	}
	assert_int_equal(run_in(directory, call), 0);
	for (uint32_t shard = 0; shard < shards; shard++) {
		events += words[shard * step + EVENTS] - nearly;
		for (int cell = 0; cell < WIRE_CELLS_MAX; cell++)
			timed += words[shard * step + FIRST_CELL + cell] - nearly;
	}
	assert_int_equal(events, CALLS);
	assert_int_equal(timed, CALLS);
	assert_int_equal(rmdir(directory), 0);
	close_probe(&opened);
}

static void connect_and_fork(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
	    connect(client, (struct sockaddr *)&address, size) < 0)
		_exit(1);
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		_exit(2);
	call();
}

/* With no slot left nobody is charged, and each event is there as a loss. */
static void what_finds_no_slot_is_counted(void **state)
{
	static const struct {
		const char *source, *reason;
		uint64_t least;
	} rows[] = {
		{ "syscalls", "full", CALLS },
		{ "runqueue", "full", 1 },
		{ "lifetime", "full", 2 },	       /* processes that have ended */
		{ "connections", "counters full", 2 }, /* one that made it, one that accepted */
	};
	uint32_t slot;

	(void)state;
	cleanup_free char *directory = own_group_new("losses");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct opened opened;

		open_probe(&opened, rows[i].source);
		while (bpf_map_lookup_and_delete_elem(slots_map(opened.setup.slots, "free_slots"),
						      NULL, &slot) == 0)
			;
		uint64_t before = loss(&opened, rows[i].reason);
		assert_int_equal(run_in(directory, connect_and_fork), 0);
		if (loss(&opened, rows[i].reason) < before + rows[i].least)
			fail_msg("%s has lost too little", rows[i].source);
		(void)loss(&opened, "missed");
		close_probe(&opened);
	}
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_go_beyond_32_bits),
		cmocka_unit_test(what_finds_no_slot_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
