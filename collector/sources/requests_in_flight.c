/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sources/requests_in_flight.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/memory.h"
#include "collector/probes/slots.h"
#include "collector/snapshot.h"

enum { BATCH = 256, BATCH_MAX = 16384 };

const char *const request_ages[REQUEST_AGES] = { "1", "3", "8", "+Inf" };

static const uint64_t second_ns = UINT64_C(1000) * 1000 * 1000;

static unsigned age_of(uint64_t ns)
{
	return ns <= second_ns ? 0 : ns <= 3 * second_ns ? 1 : ns <= 8 * second_ns ? 2 : 3;
}

struct reading {
	const struct slots *slots;
	uint64_t now_ns;
	uint32_t epoch; /* of others nobody saw the answers */
	struct in_flight *rows;
	size_t n, room;
};

static void add_row(struct reading *reading, const struct in_flight *row)
{
	if (reading->n == reading->room) {
		reading->room = reading->room ? reading->room * 2 : 64;
		reading->rows = xrealloc(reading->rows, reading->room * sizeof(*reading->rows));
	}
	reading->rows[reading->n++] = *row;
}

/* It may change while it is read: what no connection could say is left out. */
static void add_exchange(struct reading *reading, const struct wire_exchange *exchange)
{
	struct in_flight row = {
		.protocol = exchange->protocol,
		.side = exchange->side,
	};

	if (exchange->unparsed || exchange->epoch != reading->epoch) /* nobody sees their answers */
		return;
	if (slots_stands_for(reading->slots, exchange->slot, exchange->cgroup))
		row.workload = slots_workload(reading->slots, exchange->slot);
	if (!row.workload || !row.protocol || !row.side || row.side >= WIRE_SIDES)
		return;
	for (unsigned i = 0; i < exchange->n_asked && i < WIRE_ASKED; i++) {
		const struct wire_asked *asked =
			&exchange->asked[(exchange->head + i) % WIRE_ASKED];
		uint64_t ns =
			reading->now_ns > asked->began_ns ? reading->now_ns - asked->began_ns : 0;

		if (asked->began_ns) /* of those that found no place it is not known */
			row.n[age_of(ns)] += asked->n;
	}
	add_row(reading, &row);
}

static int compare_rows(const void *a, const void *b)
{
	const struct in_flight *x = a, *y = b;

	if (x->workload != y->workload)
		return x->workload->index < y->workload->index ? -1 : 1;
	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	return x->side < y->side ? -1 : x->side > y->side;
}

static void merge_rows(struct reading *reading)
{
	size_t n = 0;

	if (reading->n)
		qsort(reading->rows, reading->n, sizeof(*reading->rows), compare_rows);
	for (size_t i = 0; i < reading->n; i++) {
		if (n && compare_rows(&reading->rows[n - 1], &reading->rows[i]) == 0)
			for (unsigned age = 0; age < REQUEST_AGES; age++)
				reading->rows[n - 1].n[age] += reading->rows[i].n[age];
		else
			reading->rows[n++] = reading->rows[i];
	}
	reading->n = n;
}

/* A batch that is smaller than what hangs in one bucket of the hash is refused: a larger one is tried. */
static int read_all(struct reading *reading, const struct bpf_map *map)
{
	const size_t size = (bpf_map__value_size(map) + 7) & ~(size_t)7;
	uint32_t room = BATCH, n, next, *at = NULL;
	cleanup_free uint64_t *keys = xcalloc(BATCH_MAX, sizeof(*keys));
	cleanup_free char *values = xmalloc(size * room);

	for (;;) {
		n = room;
		int err = bpf_map_lookup_batch(bpf_map__fd(map), at, &next, keys, values, &n, NULL);

		if (err == -ENOSPC && room < BATCH_MAX) {
			room *= 2;
			free(values);
			values = xmalloc(size * room);
			continue;
		}
		if (err < 0 && err != -ENOENT)
			return err;
		for (uint32_t i = 0; i < n; i++)
			add_exchange(reading, (const struct wire_exchange *)(values + i * size));
		if (err == -ENOENT)
			return 0;
		at = &next;
	}
}

int in_flight_read(const struct bpf_map *exchanges, const struct slots *slots, uint32_t epoch,
		   struct in_flight **ret, size_t *ret_n)
{
	struct reading reading = {
		.slots = slots,
		.epoch = epoch,
		.now_ns = clock_monotonic_ns(),
	};
	int err = read_all(&reading, exchanges);

	if (err < 0) {
		free(reading.rows);
		return err;
	}
	merge_rows(&reading);
	*ret = reading.rows;
	*ret_n = reading.n;
	return 0;
}
