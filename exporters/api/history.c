/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/history.h"

#include <math.h>
#include <stdlib.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "exporters/api/values.h"

static const struct {
	enum field_id counter, rate;
} rates[] = {
	{ FIELD_CPU_USAGE, FIELD_CPU_RATE },
	{ FIELD_IO_READ, FIELD_IO_READ_RATE },
	{ FIELD_IO_WRITTEN, FIELD_IO_WRITTEN_RATE },
	{ FIELD_NETWORK_RECEIVED, FIELD_NETWORK_RECEIVED_RATE },
	{ FIELD_NETWORK_SENT, FIELD_NETWORK_SENT_RATE },
};
enum { N_RATES = ARRAY_SIZE(rates) };

struct row {
	uint64_t id;
	double counters[N_RATES]; /* NaN where there was none */
};

struct reading {
	uint64_t monotonic_ns;
	size_t n;
	struct row rows[]; /* by id */
};

struct history {
	struct reading *newest, *older;
};

static const uint64_t shortest_ns = 1000000000;
static const uint64_t longest_ns = 300 * UINT64_C(1000000000);

struct history *history_new(void)
{
	return xcalloc(1, sizeof(struct history));
}

void history_free(struct history *history)
{
	if (!history)
		return;
	free(history->newest);
	free(history->older);
	free(history);
}

bool history_ready(const struct history *history)
{
	return history->older;
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct reading *reading_new(const struct values *values)
{
	const struct snapshot *snapshot = values->snapshot;
	struct reading *reading =
		xmalloc(sizeof(*reading) + snapshot->n_workloads * sizeof(struct row));

	reading->monotonic_ns = snapshot->monotonic_ns;
	reading->n = snapshot->n_workloads;
	for (uint32_t i = 0; i < snapshot->n_workloads; i++) {
		const struct workload *workload = &snapshot->workloads[i];

		reading->rows[i].id = workload->id;
		for (size_t k = 0; k < N_RATES; k++)
			reading->rows[i].counters[k] =
				quantity_real(values_get(values, workload, rates[k].counter), NAN);
	}
	qsort(reading->rows, reading->n, sizeof(struct row), compare_rows);
	return reading;
}

static bool is_base(const struct reading *reading, uint64_t now_ns)
{
	return reading && now_ns > reading->monotonic_ns &&
	       now_ns - reading->monotonic_ns >= shortest_ns &&
	       now_ns - reading->monotonic_ns <= longest_ns;
}

static void set_rates(struct values *values, const struct reading *base)
{
	const struct snapshot *snapshot = values->snapshot;
	double seconds = (double)(snapshot->monotonic_ns - base->monotonic_ns) / 1e9;

	values->interval_s = seconds;
	for (uint32_t i = 0; i < snapshot->n_workloads; i++) {
		const struct row key = { .id = snapshot->workloads[i].id };
		const struct row *row =
			bsearch(&key, base->rows, base->n, sizeof(struct row), compare_rows);
		struct quantity *cells = &values->cells[(size_t)i * N_FIELDS];

		for (size_t k = 0; row && k < N_RATES; k++) {
			double now = quantity_real(cells[rates[k].counter], NAN);

			if (now >= row->counters[k]) /* false for NaN */
				cells[rates[k].rate] = (struct quantity){
					.kind = QUANTITY_REAL,
					.real = (now - row->counters[k]) / seconds,
				};
		}
	}
}

void history_apply(struct history *history, struct values *values)
{
	uint64_t now_ns = values->snapshot->monotonic_ns;

	if (is_base(history->newest, now_ns))
		set_rates(values, history->newest);
	else if (is_base(history->older, now_ns))
		set_rates(values, history->older);
	if (history->newest && now_ns < history->newest->monotonic_ns + shortest_ns)
		return; /* the same reading again, or one too close to be a base for the next */
	free(history->older);
	history->older = history->newest;
	history->newest = reading_new(values);
}
