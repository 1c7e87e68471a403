/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/wire_lifetime.h"
#include "collector/probes/ring.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/probes/attachment.h"

/* A tenth of a second of one processor that does nothing but make groups and remove them. */
enum { RING_BYTES = 1024 * 1024 };

enum { EVENTS, EVENT_COUNTS, N_MAPS };

static const char *const names[N_MAPS] = {
	[EVENTS] = "events",
	[EVENT_COUNTS] = "event_counts",
};

struct ring {
	int fds[N_MAPS];
	struct ring_buffer *buffer; /* libbpf's */
	uint64_t *counts;	    /* mapped; the programs write them */
	size_t counts_size;
	uint64_t memory;
	ring_visit *visit; /* while ring_read() runs */
	void *context;
};

static int on_record(void *context, void *data, size_t size)
{
	const struct ring *ring = context;

	if (size >= sizeof(struct wire_event) && ring->visit)
		ring->visit(ring->context, data);
	return 0;
}

static int make_maps(struct ring *ring)
{
	LIBBPF_OPTS(bpf_map_create_opts, mapped, .map_flags = BPF_F_MMAPABLE);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *memory;

	ring->fds[EVENTS] =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, names[EVENTS], 0, 0, RING_BYTES, NULL);
	if (ring->fds[EVENTS] < 0)
		return -errno;
	ring->fds[EVENT_COUNTS] =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, names[EVENT_COUNTS], sizeof(uint32_t),
			       sizeof(uint64_t), N_WIRE_COUNTS, &mapped);
	if (ring->fds[EVENT_COUNTS] < 0)
		return -errno;
	ring->buffer = ring_buffer__new(ring->fds[EVENTS], on_record, ring, NULL);
	if (!ring->buffer)
		return -errno;
	ring->counts_size = (N_WIRE_COUNTS * sizeof(uint64_t) + page - 1) & ~(page - 1);
	memory = mmap(NULL, ring->counts_size, PROT_READ, MAP_SHARED, ring->fds[EVENT_COUNTS], 0);
	if (memory == MAP_FAILED)
		return -errno;
	ring->counts = memory;
	/* Before Linux 6.4 the kernel's account has nothing of a ring. */
	for (int i = 0; i < N_MAPS; i++) {
		uint64_t bytes = map_bytes(ring->fds[i]);

		ring->memory += i == EVENTS && bytes < RING_BYTES ? RING_BYTES : bytes;
	}
	return 0;
}

int ring_new(struct ring **ret)
{
	struct ring *ring = xcalloc(1, sizeof(*ring));

	for (int i = 0; i < N_MAPS; i++)
		ring->fds[i] = -1;
	int err = make_maps(ring);
	if (err < 0) {
		ring_free(ring);
		return err;
	}
	*ret = ring;
	return 0;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	ring_buffer__free(ring->buffer);
	if (ring->counts)
		munmap(ring->counts, ring->counts_size);
	for (int i = 0; i < N_MAPS; i++)
		if (ring->fds[i] >= 0)
			close(ring->fds[i]);
	free(ring);
}

bool ring_shares(const char *name)
{
	for (int i = 0; i < N_MAPS; i++)
		if (streq(names[i], name))
			return true;
	return false;
}

int ring_map(const struct ring *ring, const char *name)
{
	for (int i = 0; i < N_MAPS; i++)
		if (streq(names[i], name))
			return ring->fds[i];
	return -ENOENT;
}

int ring_fd(const struct ring *ring)
{
	return ring->fds[EVENTS];
}

int ring_read(struct ring *ring, ring_visit *visit, void *context)
{
	ring->visit = visit;
	ring->context = context;
	int n = ring_buffer__consume(ring->buffer);
	ring->visit = NULL;
	return n;
}

uint64_t ring_count(const struct ring *ring, uint32_t number)
{
	return __atomic_load_n(&ring->counts[number], __ATOMIC_RELAXED);
}

uint64_t ring_memory(const struct ring *ring)
{
	return ring->memory;
}
