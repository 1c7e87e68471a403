/* SPDX-License-Identifier: Apache-2.0 */
/* The graph of /api/v1/map, over edges made by hand: the rows are those of the source. */
#include "collector/sources/connection_metrics.h"
#include "collector/sources/request_metrics.h"
#include "exporters/api/routes.h"
#include "tests/api_ask.h"
#include "tests/api_support.h"

/* An edge as the source adds it; failures have no series before the first. */
struct made {
	int workload;
	const char *direction, *peer, *kind;
	uint64_t connects, failures, open, closes, transmit, receive, retransmits, round_trip_us;
	uint64_t requests, failed; /* of these, half a second each */
};

static const struct made made[] = {
	{ WEB, "out", "/a.slice/" EVIL_NAME, "container", 10, 0, 3, 7, 1000, 2000, 1, 7000, 0, 0 },
	{ WEB, "out", "public", "outside", 4, 2, 4, 0, 40, 50, 0, 0, 8, 3 },
	{ WEB, "in", "public", "outside", 6, 0, 1, 5, 600, 60, 2, 1000, 5, 0 },
	{ EVIL, "out", "other", "other", UINT64_C(1) << 60, 1, 0, UINT64_C(1) << 60, 1, 1, 0, 0, 0,
	  0 },
};

static void add_edge(struct snapshot *snapshot, const struct made *edge)
{
	const char *const values[] = {
		edge->direction, edge->peer, edge->kind, edge->peer, "", "",
	};
	const char *const *labels = snapshot_labels(snapshot, ARRAY_SIZE(values), values);
	const struct {
		int metric;
		uint64_t value;
	} figures[] = {
		{ EDGE_CONNECTS, edge->connects },
		{ EDGE_OPEN, edge->open },
		{ EDGE_CLOSES, edge->closes },
		{ EDGE_TRANSMIT, edge->transmit },
		{ EDGE_RECEIVE, edge->receive },
		{ EDGE_RETRANSMITS, edge->retransmits },
		{ EDGE_ROUND_TRIP, edge->round_trip_us },
		{ EDGE_FAILURES, edge->failures },
	};

	for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
		if (figures[i].metric != EDGE_FAILURES || figures[i].value)
			family_add_integer(snapshot, &snapshot->families[figures[i].metric],
					   &snapshot->workloads[edge->workload], labels,
					   figures[i].value);
}

/* Most edges never have any. */
static void add_requests(struct snapshot *snapshot, const struct made *edge)
{
	const char *const values[] = {
		edge->direction, edge->peer, edge->kind, edge->peer, "", "",
	};
	const char *const *labels = snapshot_labels(snapshot, ARRAY_SIZE(values), values);
	struct family *families = &snapshot->families[N_CONNECTION_METRICS];
	const struct workload *workload = &snapshot->workloads[edge->workload];

	family_add_integer(snapshot, &families[EDGE_REQUESTS], workload, labels, edge->requests);
	family_add_integer(snapshot, &families[EDGE_REQUEST_FAILURES], workload, labels,
			   edge->failed);
	family_add_integer(snapshot, &families[EDGE_REQUEST_SECONDS], workload, labels,
			   edge->requests * 500000000);
}

static struct answer ask(const char *query)
{
	enum { ALL = N_CONNECTION_METRICS + N_REQUEST_METRICS };
	/* Of a workload that was seen first while the connections were told already. */
	static const struct made late = { WEB, "out", "/late", "service", .requests = 1 };
	struct snapshot *snapshot = api_snapshot_empty(100);
	struct service service = { .context = snapshot, .acquire = acquire };

	snapshot->n_families = ALL;
	snapshot->families = arena_alloc(&snapshot->arena, ALL * sizeof(*snapshot->families));
	for (size_t i = 0; i < ALL; i++)
		snapshot->families[i].metric = i < N_CONNECTION_METRICS
						       ? &connection_metrics[i]
						       : &request_metrics[i - N_CONNECTION_METRICS];
	add_requests(snapshot, &late);
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		add_edge(snapshot, &made[i]);
		if (made[i].requests)
			add_requests(snapshot, &made[i]);
	}
	struct answer answer = ask_service(&service, api_map, "", query);
	snapshot_unref(snapshot);
	return answer;
}

static json_t *edge_of(const struct answer *answer, const char *id)
{
	const json_t *edges = json_object_get(answer->json, "edges");
	size_t i;
	json_t *edge;

	json_array_foreach(edges, i, edge) if (streq(text_of(edge, "id"), id)) return edge;
	fail_msg("there is no edge %s in %s", id, answer->text);
	return NULL;
}

static void expect_whole(const json_t *edge, const char *key, json_int_t value)
{
	const json_t *found = json_object_get(edge, key);

	assert_true(json_is_integer(found));
	assert_int_equal(json_integer_value(found), value);
}

static size_t number_of(const struct answer *answer, const char *key)
{
	return json_array_size(json_object_get(answer->json, key));
}

static void edges_lead_from_who_connects(void **state)
{
	cleanup_answer struct answer answer = ask("");

	(void)state;
	assert_int_equal(answer.status, 200);
	assert_int_equal(number_of(&answer, "edges"), 4);
	/* Both containers, the public and all others. */
	assert_int_equal(number_of(&answer, "nodes"), 4);
	const json_t *local = edge_of(&answer, "9>18446744073709551615");
	assert_string_equal(text_of(local, "source"), "9");
	assert_string_equal(text_of(local, "target"), "18446744073709551615");
	expect_whole(local, "connects", 10);
	expect_whole(local, "connect_failures", 0);
	expect_whole(local, "open_connections", 3);
	expect_whole(local, "sent_bytes", 1000);
	expect_whole(local, "received_bytes", 2000);
	expect_whole(local, "retransmits", 1);
	assert_true(json_number_value(json_object_get(local, "round_trip_seconds")) == 0.001);
	assert_true(json_is_null(json_object_get(local, "requests")));
	assert_true(json_is_null(json_object_get(local, "request_failures")));
	assert_true(json_is_null(json_object_get(local, "request_seconds")));
	const json_t *out = edge_of(&answer, "9>outside/public");
	expect_whole(out, "connect_failures", 2);
	expect_whole(out, "sent_bytes", 40);
	assert_true(json_is_null(json_object_get(out, "round_trip_seconds")));
	expect_whole(out, "requests", 8);
	expect_whole(out, "request_failures", 3);
	assert_true(json_number_value(json_object_get(out, "request_seconds")) == 0.5);
	/* What the workload received is what the source has sent. */
	const json_t *in = edge_of(&answer, "outside/public>9");
	expect_whole(in, "connects", 6);
	expect_whole(in, "sent_bytes", 60);
	expect_whole(in, "received_bytes", 600);
	expect_whole(in, "requests", 5);
	expect_whole(in, "request_failures", 0);
	const json_t *others = edge_of(&answer, "18446744073709551615>outside/other");
	assert_string_equal(text_of(others, "connects"), "1152921504606846976");
	expect_whole(others, "connect_failures", 1);
}

static void nodes_are_the_ends(void **state)
{
	cleanup_answer struct answer answer = ask("");
	const json_t *nodes = json_object_get(answer.json, "nodes");

	(void)state;
	const json_t *web = json_array_get(nodes, 0), *evil = json_array_get(nodes, 1);
	assert_string_equal(text_of(web, "title"), "web");
	assert_string_equal(text_of(web, "kind"), "container");
	assert_string_equal(text_of(evil, "title"), EVIL_NAME);
	for (size_t i = 2; i < 4; i++) {
		const json_t *node = json_array_get(nodes, i);
		bool outside = streq(text_of(node, "id"), "outside/public");

		if (!outside)
			assert_string_equal(text_of(node, "id"), "outside/other");
		assert_string_equal(text_of(node, "kind"), outside ? "outside" : "other");
		assert_string_equal(text_of(node, "title"), outside ? "public" : "other");
		assert_true(json_is_null(json_object_get(node, "path")));
	}
}

/* An edge is there when either of its ends passes. */
static void filters_choose_edges(void **state)
{
	cleanup_answer struct answer web = ask("pod=web-1");
	cleanup_answer struct answer evil = ask("runtime=docker&namespace=");
	cleanup_answer struct answer none = ask("kind=vm");
	cleanup_answer struct answer wrong = ask("kind=cow");
	cleanup_answer struct answer unknown = ask("limit=1");

	(void)state;
	assert_int_equal(number_of(&web, "edges"), 3);
	assert_int_equal(number_of(&web, "nodes"), 3);
	assert_int_equal(wrong.status, 400);
	assert_int_equal(unknown.status, 400);
	assert_int_equal(number_of(&none, "edges"), 0);
	assert_int_equal(number_of(&none, "nodes"), 0);
	assert_int_equal(number_of(&evil, "edges"), 2);
	assert_int_equal(number_of(&evil, "nodes"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges_lead_from_who_connects),
		cmocka_unit_test(nodes_are_the_ends),
		cmocka_unit_test(filters_choose_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
