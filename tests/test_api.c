/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the API, called directly over a snapshot made by hand. */
#include "tests/api_ask.h"
#include "tests/api_support.h"

#include <errno.h>

#include "exporters/api/routes.h"
#include "exporters/web/page.h"

static char telemetry_path[] = "/metrics";
static const struct options api_options = { .web_telemetry_path = telemetry_path };

static int processes(void *context, uint64_t cgroup_id, size_t max, struct process_list *ret)
{
	static const struct process process = { .pid = 7,
						.state = 'S',
						.comm = "a\"b",
						.threads = 2,
						.rss_bytes = UINT64_C(1) << 60,
						.start_ms = 1700000000000 };

	(void)context;
	if (cgroup_id != 9)
		return -ENOENT;
	ret->items = xcalloc(max, sizeof(*ret->items));
	ret->items[0] = process;
	ret->n = 1;
	ret->total = 5;
	return 0;
}

static const char *not_ready(void *context)
{
	(void)context;
	return "it is only a test";
}

static struct answer ask(void (*handle)(const struct service *, const struct http_request *,
					struct http_reply *),
			 const char *tail, const char *query)
{
	struct snapshot *snapshot = api_snapshot(100);
	struct service service = {
		.context = snapshot,
		.options = &api_options,
		.acquire = acquire,
		.processes = processes,
	};
	struct answer answer = ask_service(&service, handle, tail, query);

	snapshot_unref(snapshot);
	return answer;
}

static json_t *item(const struct answer *answer, size_t i)
{
	return json_array_get(json_object_get(answer->json, "items"), i);
}

static size_t n_items(const struct answer *answer)
{
	return json_array_size(json_object_get(answer->json, "items"));
}

static void list_of_workloads(void **state)
{
	cleanup_answer struct answer answer = ask(api_workloads, "", "");

	(void)state;
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.type, "application/json");
	assert_int_equal(n_items(&answer), 4); /* not what is inside a container */
	assert_true(json_is_null(json_object_get(answer.json, "next")));
	assert_string_equal(text_of(item(&answer, 0), "path"), "/");
	assert_true(json_is_null(json_object_get(item(&answer, 0), "parent")));
	json_t *evil = item(&answer, 2);
	assert_string_equal(text_of(evil, "name"), EVIL_NAME);
	assert_string_equal(text_of(evil, "id"), "18446744073709551615");
	assert_string_equal(text_of(evil, "parent"), "20");
	assert_string_equal(text_of(json_object_get(evil, "memory"), "usage_bytes"),
			    "18446744073709551615");
	json_t *web = json_object_get(item(&answer, 3), "memory");
	assert_int_equal(json_integer_value(json_object_get(web, "usage_bytes")), 300);
	assert_true(json_is_null(json_object_get(web, "swap_bytes")));
}

static void list_in_pages(void **state)
{
	cleanup_answer struct answer first =
		ask(api_workloads, "", "sort=-memory.usage_bytes&limit=2");

	(void)state;
	assert_int_equal(n_items(&first), 2);
	assert_string_equal(text_of(item(&first, 0), "name"), EVIL_NAME);
	assert_string_equal(text_of(item(&first, 1), "path"), "/");
	const char *next = text_of(first.json, "next");
	assert_non_null(next);
	cleanup_answer struct answer second = ask(api_workloads, "", strchr(next, '?') + 1);
	assert_int_equal(second.status, 200);
	assert_int_equal(n_items(&second), 2);
	assert_string_equal(text_of(item(&second, 0), "path"), "/a.slice");
	assert_true(json_is_null(json_object_get(second.json, "next")));
}

static void list_with_filters_and_fields(void **state)
{
	cleanup_answer struct answer answer =
		ask(api_limits, "", "kind=container&pod=web-1&fields=id,memory.headroom_bytes");
	cleanup_answer struct answer table = ask(api_workloads, "", "name=web&format=table");

	(void)state;
	assert_int_equal(n_items(&answer), 1);
	assert_int_equal(json_object_size(item(&answer, 0)), 2);
	assert_string_equal(text_of(item(&answer, 0), "id"), "9");
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(item(&answer, 0), "memory"), "headroom_bytes")),
			 100);
	assert_int_equal(json_array_size(table.json), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(table.json, 0),
							    "memory_limit_bytes")),
			 500);
}

static void tree_of_cgroups(void **state)
{
	cleanup_answer struct answer answer = ask(api_cgroups, "", "parent=9");

	(void)state;
	assert_int_equal(n_items(&answer), 1);
	json_t *inside = item(&answer, 0);
	assert_true(json_is_true(json_object_get(inside, "inside")));
	assert_string_equal(text_of(inside, "workload"), "9");
	assert_string_equal(text_of(inside, "directory"), "init");
	assert_int_equal(json_integer_value(json_object_get(inside, "depth")), 3);
}

static void one_workload(void **state)
{
	cleanup_answer struct answer by_id = ask(api_item, "9", "");
	cleanup_answer struct answer by_beginning = ask(api_item, "5d1e9", "fields=id");
	cleanup_answer struct answer ambiguous = ask(api_item, "5d1e", "");
	cleanup_answer struct answer unknown = ask(api_item, "77", "");
	cleanup_answer struct answer empty = ask(api_item, "", "");

	(void)state;
	assert_int_equal(by_id.status, 200);
	/* cpu, memory, 2 limits, quota, period, tasks, 2 devices, 2 windows; not what is left out */
	assert_int_equal(json_array_size(json_object_get(by_id.json, "metrics")), 11);
	assert_string_equal(text_of(by_beginning.json, "id"), "9");
	assert_int_equal(json_object_size(by_beginning.json), 1);
	assert_int_equal(ambiguous.status, 400);
	assert_int_equal(unknown.status, 404);
	assert_int_equal(empty.status, 404);
	assert_string_equal(unknown.type, "application/problem+json");
	assert_string_equal(text_of(unknown.json, "instance"), "/test");
}

static void processes_of_a_workload(void **state)
{
	cleanup_answer struct answer answer = ask(api_item, "9/processes", "limit=3");
	cleanup_answer struct answer gone = ask(api_item, "20/processes", "");
	cleanup_answer struct answer part = ask(api_item, "9/environ", "");

	(void)state;
	assert_int_equal(answer.status, 200);
	json_t *process = item(&answer, 0);
	assert_string_equal(text_of(process, "comm"), "a\"b");
	assert_string_equal(text_of(process, "rss_bytes"), "1152921504606846976");
	assert_string_equal(text_of(process, "started"), "2023-11-14T22:13:20.000Z");
	assert_int_equal(json_integer_value(json_object_get(answer.json, "total")), 5);
	assert_int_equal(gone.status, 404);
	assert_int_equal(part.status, 404);
}

static void top_of_a_resource(void **state)
{
	cleanup_answer struct answer memory = ask(api_top, "", "by=memory_limit");
	cleanup_answer struct answer rate = ask(api_top, "", "by=cpu&limit=1");
	cleanup_answer struct answer slices = ask(api_top, "", "by=pids&kind=slice");

	(void)state;
	assert_int_equal(n_items(&memory), 2);
	assert_string_equal(text_of(item(&memory, 1), "id"), "9");
	assert_true(json_real_value(json_object_get(item(&memory, 1), "value")) == 0.6);
	/* Without a rate the totals order, and the value is unknown. */
	assert_string_equal(text_of(item(&rate, 0), "id"), "9");
	assert_true(json_is_null(json_object_get(item(&rate, 0), "value")));
	assert_true(json_is_null(json_object_get(rate.json, "interval_seconds")));
	assert_int_equal(n_items(&slices), 1);
}

static void host_and_sources(void **state)
{
	cleanup_answer struct answer machine = ask(api_machine, "", "");
	cleanup_answer struct answer sources = ask(api_sources, "", "");
	cleanup_answer struct answer build = ask(api_build, "", "");

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(machine.json, "cpu_cores")), 4);
	assert_true(json_is_null(json_object_get(machine.json, "memory_bytes")));
	assert_string_equal(text_of(item(&sources, 1), "reason"), "no io.stat here");
	assert_true(json_is_false(json_object_get(item(&sources, 1), "up")));
	assert_true(json_is_null(json_object_get(item(&sources, 0), "reason")));
	assert_string_equal(text_of(build.json, "name"), "tallyman");
}

static void bad_parameters(void **state)
{
	static const struct {
		const char *query, *named;
	} cases[] = {
		{ "limit=0", "limit" },		{ "limit=10001", "limit" },
		{ "limit=1e3", "limit" },	{ "sort=cow", "sort" },
		{ "sort=-", "sort" },		{ "kind=cow", "kind" },
		{ "parent=x", "parent" },	{ "fields=id,cow", "fields" },
		{ "format=x", "format" },	{ "cursor=7061", "cursor" },
		{ "cursor=g", "cursor" },	{ "cow=1", "cow" },
		{ "fields=cpu.cow", "fields" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_answer struct answer answer = ask(api_workloads, "", cases[i].query);
		cleanup_free char *quoted = xasprintf("'%s'", cases[i].named);

		assert_int_equal(answer.status, 400);
		assert_string_equal(answer.type, "application/problem+json");
		assert_non_null(strstr(text_of(answer.json, "detail"), quoted));
	}
}

static void what_clients_send_is_no_format(void **state)
{
	static const char *const queries[] = {
		"kind=%s%n",
		"sort=%s%s%n",
		"\xff\xfe=1",
		"fields=\xe2\x82",
		"%n=%n",
		/* 63 bytes and a character that is cut in its middle */
		"sort=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x82\xac",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		cleanup_answer struct answer answer = ask(api_workloads, "", queries[i]);

		assert_int_equal(answer.status, 400);
		assert_non_null(text_of(answer.json, "detail"));
	}
	cleanup_answer struct answer cut = ask(api_workloads, "", queries[5]);
	assert_non_null(strstr(text_of(cut.json, "detail"), "aaa\xef\xbf\xbd"));
}

static void not_ready_is_said(void **state)
{
	struct service service = { .options = &api_options, .unready = not_ready };
	cleanup_answer struct answer answer = ask_service(&service, api_workloads, "", "");
	cleanup_answer struct answer page = ask_service(&service, page_handle, "", "");

	(void)state;
	assert_int_equal(answer.status, 503);
	assert_non_null(strstr(text_of(answer.json, "detail"), "only a test"));
	assert_int_equal(page.status, 503);
}

static void page_is_escaped(void **state)
{
	cleanup_answer struct answer page = ask(page_handle, "", "show=all&sort=cpu");

	(void)state;
	assert_int_equal(page.status, 200);
	assert_null(strstr(page.text, EVIL_NAME));
	assert_null(strstr(page.text, "<script>"));
	assert_non_null(
		strstr(page.text, "&lt;script&gt;&quot;&#39;\\\xef\xbf\xbd\xc3\xa4&amp;amp;"));
	assert_non_null(strstr(page.text, "no io.stat here"));
	assert_null(strstr(page.text, "/init")); /* inside a container */
}

static void nothing_at_all(void **state)
{
	struct snapshot *snapshot = snapshot_new();
	struct service service = { .context = snapshot,
				   .options = &api_options,
				   .acquire = acquire };
	cleanup_answer struct answer list = ask_service(&service, api_workloads, "", "fields=id");
	cleanup_answer struct answer top = ask_service(&service, api_top, "", "");
	cleanup_answer struct answer page = ask_service(&service, page_handle, "", "");

	(void)state;
	assert_int_equal(n_items(&list), 0);
	assert_int_equal(n_items(&top), 0);
	assert_int_equal(page.status, 200);
	assert_non_null(strstr(page.text, "No workload"));
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_of_workloads),
		cmocka_unit_test(list_in_pages),
		cmocka_unit_test(list_with_filters_and_fields),
		cmocka_unit_test(tree_of_cgroups),
		cmocka_unit_test(one_workload),
		cmocka_unit_test(processes_of_a_workload),
		cmocka_unit_test(top_of_a_resource),
		cmocka_unit_test(host_and_sources),
		cmocka_unit_test(bad_parameters),
		cmocka_unit_test(what_clients_send_is_no_format),
		cmocka_unit_test(not_ready_is_said),
		cmocka_unit_test(page_is_escaped),
		cmocka_unit_test(nothing_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
