/* SPDX-License-Identifier: Apache-2.0 */
/* Which samples of requests are kept, and what is said of one. */
#include <arpa/inet.h>

#include "bpf/wire_requests.h"
#include "collector/snapshot.h"
#include "collector/sources/requests_kept.h"
#include "exporters/exemplar.h"
#include "tests/support.h"

static struct kept_samples kept;

static void add_of(uint64_t cgroup, uint32_t key, unsigned n)
{
	const struct wire_sample sample = { .cgroup = cgroup, .key = key, .ended_ns = 1 };

	for (unsigned i = 0; i < n; i++)
		kept_samples_add(&kept, &sample);
}

static void add(uint64_t cgroup, unsigned n)
{
	add_of(cgroup, 0, n);
}

static unsigned count(uint64_t cgroup)
{
	unsigned n = 0;

	for (size_t i = 0; i < kept.n; i++)
		n += kept.samples[i].sample.cgroup == cgroup;
	return n;
}

static void one_cgroup_has_its_share(void **state)
{
	(void)state;
	add(7, 1);
	add(8, 1000);
	assert_int_equal(count(7), 1);
	assert_int_equal(count(8), SAMPLES_OF_ONE_MAX);
	assert_int_equal(kept.replaced, 1000 - SAMPLES_OF_ONE_MAX);
	/* The newest. */
	assert_int_equal(kept.samples[kept.n - 1].number, 1001);
	assert_int_equal(kept.samples[1].number, 1001 - SAMPLES_OF_ONE_MAX + 1);
	kept_samples_free(&kept);
	memset(&kept, 0, sizeof(kept));
}

/* A resolver asks in vain all the time. */
static void what_is_rare_stays(void **state)
{
	const uint32_t name = wire_request_key(WIRE_SIDE_CLIENT, WIRE_PROTOCOL_dns, 1, 3);
	const uint32_t page = wire_request_key(WIRE_SIDE_SERVER, WIRE_PROTOCOL_http1, 1, 500);
	unsigned pages = 0;

	(void)state;
	add_of(7, name, 1000);
	add_of(7, page, 3);
	add_of(7, name, 1000);
	assert_int_equal(count(7), SAMPLES_OF_ONE_MAX);
	for (size_t i = 0; i < kept.n; i++)
		pages += kept.samples[i].sample.key == page;
	assert_int_equal(pages, 3);
	kept_samples_free(&kept);
	memset(&kept, 0, sizeof(kept));
}

/* As many cgroups as there are places: each keeps one, whoever comes last. */
static void who_has_most_makes_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SAMPLES_MAX / SAMPLES_OF_ONE_MAX; i++)
		add(1000 + i, SAMPLES_OF_ONE_MAX);
	assert_int_equal(kept.n, SAMPLES_MAX);
	assert_int_equal(kept.replaced, 0);
	for (unsigned i = 0; i < SAMPLES_MAX / 2; i++)
		add(5000 + i, 1);
	assert_int_equal(kept.n, SAMPLES_MAX);
	assert_int_equal(kept.replaced, SAMPLES_MAX / 2);
	for (unsigned i = 0; i < SAMPLES_MAX / 2; i++)
		assert_int_equal(count(5000 + i), 1);
	for (unsigned i = 0; i < SAMPLES_MAX / SAMPLES_OF_ONE_MAX; i++)
		assert_int_equal(count(1000 + i), SAMPLES_OF_ONE_MAX / 2);
	while (kept.n)
		kept_samples_remove(&kept, kept.n - 1);
	assert_null(kept.owners);
}

static struct request_sample describe(struct snapshot *snapshot, const struct wire_sample *sample)
{
	static const struct workload workload = { .id = 1 };
	const struct kept_sample one = { .sample = *sample, .number = 3, .time_ms = 1234 };
	struct request_sample described;

	sample_describe(&one, &workload, NULL, &snapshot->arena, &described);
	assert_ptr_equal(described.workload, &workload);
	assert_int_equal(described.number, 3);
	assert_int_equal(described.time_ms, 1234);
	return described;
}

static void what_is_said_of_one(void **state)
{
	struct snapshot *snapshot = snapshot_new();
	struct wire_sample sample = {
		.key = wire_request_key(WIRE_SIDE_SERVER, WIRE_PROTOCOL_http1, 1, 503),
		.ns = 1500000000,
		.why = WIRE_SAMPLE_FAILED,
		.peer_port = 443,
		.own_port = 80,
		.parts = WIRE_PART_RUN | WIRE_PART_DELAY,
		.run_ns = 500000000,
		.trace = { 0x0af7651916cd43dd, 0x8448eb211c80319c, 0x00ad6b7169203331 },
	};

	(void)state;
	inet_pton(AF_INET6, "2001:db8::1", sample.peer);
	struct request_sample said = describe(snapshot, &sample);
	assert_string_equal(said.side, "server");
	assert_string_equal(said.protocol, "http");
	assert_string_equal(said.status, "503");
	assert_string_equal(said.error, "");
	assert_string_equal(said.peer, "2001:db8::1");
	assert_string_equal(said.trace, "0af7651916cd43dd8448eb211c80319c");
	assert_string_equal(said.span, "00ad6b7169203331");
	assert_true(said.seconds == 1.5 && said.run.known && said.run.seconds == 0.5);
	assert_true(said.delay.known && !said.blocked.known);
	const char *const *labels = sample_labels(&said, snapshot);
	assert_string_equal(labels[5], "[2001:db8::1]:443");
	assert_null(labels[6]);
	/* Too short for a clock that goes by ticks. */
	sample.ns = 1000000;
	assert_false(describe(snapshot, &sample).run.known);
	assert_true(describe(snapshot, &sample).delay.known);
	sample.why = WIRE_SAMPLE_UNANSWERED;
	assert_string_equal(describe(snapshot, &sample).status, "");
	snapshot_unref(snapshot);
}

/* The longest that there can be is not left out. */
static void labels_fit(void **state)
{
	struct snapshot *snapshot = snapshot_new();
	struct wire_sample sample = {
		.key = wire_request_key(WIRE_SIDE_CLIENT, WIRE_PROTOCOL_redis, 1, 0),
		.peer_port = 65535,
		.trace = { 1, 1, 1 },
	};

	(void)state;
	memset(sample.peer, 0xff, sizeof(sample.peer));
	struct request_sample said = describe(snapshot, &sample);
	const struct exemplar exemplar = { .labels = sample_labels(&said, snapshot) };
	assert_true(exemplar_fits(&exemplar));
	inet_pton(AF_INET6, "::ffff:192.0.2.1", sample.peer);
	sample.trace[2] = 0;
	said = describe(snapshot, &sample);
	assert_string_equal(sample_labels(&said, snapshot)[0], "peer");
	assert_string_equal(sample_labels(&said, snapshot)[1], "192.0.2.1:65535");
	sample.peer_port = 0;
	said = describe(snapshot, &sample);
	assert_string_equal(said.peer, "");
	assert_null(sample_labels(&said, snapshot)[0]);
	snapshot_unref(snapshot);
}

/* A name is there as far as it has room beside what is needed more. */
static void a_peer_has_its_name_where_it_fits(void **state)
{
	struct snapshot *snapshot = snapshot_new();
	struct workload workload = { .name = "db", .path = "", .pod = "", .container = "" };
	struct request_sample said = { .peer = "192.0.2.1", .peer_port = 5432, .trace = "" };
	char name[120];

	(void)state;
	assert_null(sample_labels(&said, snapshot)[2]);
	said.peer_workload = &workload;
	const char *const *labels = sample_labels(&said, snapshot);
	assert_string_equal(labels[2], "peer_name");
	assert_string_equal(labels[3], "db");
	assert_null(labels[4]);
	/* 4 + 14 and 9 are taken. */
	memset(name, 'x', sizeof(name));
	name[101] = '\0';
	workload.name = name;
	const struct exemplar full = { .labels = sample_labels(&said, snapshot) };
	assert_string_equal(full.labels[3], name);
	assert_true(exemplar_fits(&full));
	name[101] = 'x';
	name[102] = '\0';
	assert_null(sample_labels(&said, snapshot)[2]);
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_cgroup_has_its_share),
		cmocka_unit_test(what_is_rare_stays),
		cmocka_unit_test(who_has_most_makes_room),
		cmocka_unit_test(what_is_said_of_one),
		cmocka_unit_test(labels_fit),
		cmocka_unit_test(a_peer_has_its_name_where_it_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
