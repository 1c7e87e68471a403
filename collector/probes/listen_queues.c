/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/listen_queues.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bpf/wire_connections.h"
#include "collector/buffer.h"
#include "collector/clock.h"
#include "collector/memory.h"
#include "collector/probes/attachment.h"
#include "collector/probes/iterator.h"
#include "collector/probes/pace.h"
#include "collector/probes/slots.h"
#include "collector/snapshot.h"

/* About 90,000 listening sockets. */
enum { RECORDS_MAX = 1024 * 1024 };

struct listen_queues {
	const struct bpf_object *object;
	struct bpf_link *sockets; /* NULL: not attached yet */
	bool adopted;		  /* those that were there before us */
	struct buffer records;	  /* struct wire_listener, of the last look */
	struct pace pace;
	uint64_t looked_ns;
	uint64_t lost;
};

struct listen_queues *listen_queues_new(const struct bpf_object *object)
{
	struct listen_queues *queues = xcalloc(1, sizeof(*queues));

	queues->object = object;
	return queues;
}

void listen_queues_free(struct listen_queues *queues)
{
	if (!queues)
		return;
	bpf_link__destroy(queues->sockets);
	buffer_free(&queues->records);
	free(queues);
}

static int attach(const struct listen_queues *queues, const char *name, const struct bpf_map *map,
		  struct bpf_link **ret)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(queues->object, name);

	return program ? iterator_attach(program, map, ret) : -ENOENT;
}

/* New ones are told of by themselves. It goes over all files of the host: once, whatever fails later. */
static int adopt(struct listen_queues *queues)
{
	struct bpf_link *files;
	int err = attach(queues, "adopt_listener", NULL, &files);

	if (err < 0)
		return err;
	err = iterator_read(bpf_link__fd(files), SIZE_MAX, &queues->records);
	bpf_link__destroy(files);
	queues->adopted = err == 0;
	return err;
}

/* The way to look at them first: without it there is nothing to adopt them for. */
static int begin(struct listen_queues *queues)
{
	int err = queues->sockets
			  ? 0
			  : attach(queues, "look_at_socket",
				   object_map(queues->object, "connections"), &queues->sockets);

	return err < 0 || queues->adopted ? err : adopt(queues);
}

/* The kernel lets one more wait than the limit says. */
static void add(struct listening *sum, const struct wire_listener *record)
{
	double share = (double)record->waiting / (double)(record->limit ? record->limit : 1);

	sum->sockets++;
	sum->waiting += record->waiting;
	sum->limit += record->limit;
	if (share > sum->fullest)
		sum->fullest = share;
}

static int look(struct listen_queues *queues)
{
	uint64_t began_ns = clock_monotonic_ns();
	int err = begin(queues);

	if (err == 0)
		err = iterator_read(bpf_link__fd(queues->sockets), RECORDS_MAX, &queues->records);
	pace_end(&queues->pace);
	/* Too many to tell of are looked at all the same. */
	if (err == 0 || err == -EFBIG)
		queues->looked_ns = began_ns;
	if (err == -EFBIG)
		queues->lost++;
	return err == -EFBIG ? 0 : err;
}

int listen_queues_read(struct listen_queues *queues, const struct slots *slots,
		       struct listening sums[])
{
	int err = pace_begin(&queues->pace) ? look(queues) : 0;

	if (err < 0)
		return err;
	const struct wire_listener *records = (const void *)queues->records.data;
	for (size_t i = 0; i < queues->records.length / sizeof(*records); i++) {
		const struct workload *workload = slots_workload(slots, records[i].slot);

		if (workload)
			add(&sums[workload->index], &records[i]);
	}
	return 0;
}

uint64_t listen_queues_looked_ns(const struct listen_queues *queues)
{
	return queues->looked_ns;
}

uint64_t listen_queues_lost(const struct listen_queues *queues)
{
	return queues->lost;
}
