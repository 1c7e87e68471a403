/* SPDX-License-Identifier: Apache-2.0 */
/* The table behind the API, rates between readings, and how values are written. */
#include "tests/api_support.h"

#include <math.h>

#include "exporters/api/conditions.h"
#include "exporters/api/link.h"
#include "exporters/web/html.h"

static double at(const struct values *values, int workload, enum field_id field)
{
	return quantity_real(values_get(values, &values->snapshot->workloads[workload], field), -1);
}

static void values_are_summed_per_workload(void **state)
{
	struct snapshot *snapshot = api_snapshot(100);
	struct values values;

	(void)state;
	values_load(&values, snapshot, NULL, false);
	assert_true(at(&values, WEB, FIELD_CPU_USAGE) == 25);
	assert_true(at(&values, WEB, FIELD_IO_READ) == 1005);
	assert_true(at(&values, WEB, FIELD_PIDS_CURRENT) == 3);
	assert_true(at(&values, WEB, FIELD_PRESSURE_CPU) == 0.25); /* of 10 s, not 60 s */
	assert_true(at(&values, SLICE, FIELD_PIDS_CURRENT) == -1);
	assert_true(at(&values, WEB, FIELD_MEMORY_WORKING_SET) == -1); /* left out */
	assert_true(at(&values, WEB, FIELD_CPU_RATE) == -1);	       /* one reading */
	struct quantity exact = values_get(&values, &snapshot->workloads[EVIL], FIELD_MEMORY_USAGE);
	assert_int_equal(exact.kind, QUANTITY_INTEGER);
	assert_true(exact.integer == UINT64_MAX);
	values_free(&values);
	snapshot_unref(snapshot);
}

static void headroom_is_the_least_on_the_way_up(void **state)
{
	struct snapshot *snapshot = api_snapshot(100);
	struct values values;

	(void)state;
	values_load(&values, snapshot, NULL, false);
	assert_true(at(&values, WEB, FIELD_MEMORY_OWN_LIMIT) == 500);
	assert_true(at(&values, WEB, FIELD_MEMORY_HEADROOM) == 100); /* of the slice, not its 200 */
	assert_true(fabs(at(&values, WEB, FIELD_MEMORY_RATIO) - 0.6) < 1e-12);
	assert_true(at(&values, SLICE, FIELD_MEMORY_HEADROOM) == 100);
	assert_true(at(&values, EVIL, FIELD_MEMORY_HEADROOM) == 0); /* never below it */
	assert_true(at(&values, ROOT, FIELD_MEMORY_OWN_LIMIT) == -1);
	assert_true(at(&values, ROOT, FIELD_MEMORY_HEADROOM) == -1);
	assert_true(at(&values, WEB, FIELD_CPU_OWN_LIMIT) == 0.5);
	assert_true(at(&values, WEB, FIELD_PIDS_HEADROOM) == -1);
	values_free(&values);
	snapshot_unref(snapshot);
}

static void sentinels_are_no_limits(void **state)
{
	struct snapshot *snapshot = api_snapshot_empty(1);
	struct values values;

	(void)state;
	api_add(snapshot, MEMORY_LIMIT, WEB, 0);
	values_load(&values, snapshot, NULL, false);
	assert_true(at(&values, WEB, FIELD_MEMORY_OWN_LIMIT) == 0);
	values_free(&values);
	values_load(&values, snapshot, NULL, true);
	assert_true(at(&values, WEB, FIELD_MEMORY_OWN_LIMIT) == -1);
	values_free(&values);
	snapshot_unref(snapshot);
}

/* Loads a reading of that second; returns its interval and the rate of the web container. */
static double interval_at(struct history *history, uint64_t second, double *rate, double *evil)
{
	struct snapshot *snapshot = api_snapshot(second);
	struct values values;

	values_load(&values, snapshot, history, false);
	double interval = values.interval_s;
	*rate = at(&values, WEB, FIELD_CPU_RATE);
	*evil = at(&values, EVIL, FIELD_CPU_RATE);
	values_free(&values);
	snapshot_unref(snapshot);
	return interval;
}

static void rates_are_between_two_readings(void **state)
{
	struct history *history = history_new();
	double rate, evil;

	(void)state;
	assert_false(history_ready(history));
	assert_true(interval_at(history, 100, &rate, &evil) == 0);
	assert_true(rate == -1);
	assert_true(interval_at(history, 100, &rate, &evil) == 0); /* the same again */
	assert_true(interval_at(history, 104, &rate, &evil) == 4);
	assert_true(rate == 0.25);
	assert_true(evil == -1); /* its counter went back */
	assert_true(history_ready(history));
	assert_true(interval_at(history, 104, &rate, &evil) == 4); /* the same base again */
	assert_true(interval_at(history, 110, &rate, &evil) == 6);
	assert_true(interval_at(history, 900, &rate, &evil) == 0); /* too long ago */
	assert_true(rate == -1);
	history_free(history);
}

static char *dump(json_t *json)
{
	struct buffer out = { 0 };

	json_append(&out, json);
	buffer_putc(&out, '\0');
	return out.data;
}

#define assert_json(json, text)                                                                    \
	do {                                                                                       \
		cleanup_free char *got_ = dump(json);                                              \
		assert_string_equal(got_, text);                                                   \
	} while (0)

static void values_are_written_exactly(void **state)
{
	(void)state;
	assert_json(json_count(0), "0");
	assert_json(json_count((UINT64_C(1) << 53) - 1), "9007199254740991");
	assert_json(json_count(UINT64_C(1) << 53), "\"9007199254740992\"");
	assert_json(json_count(UINT64_MAX), "\"18446744073709551615\"");
	assert_json(json_id(7), "\"7\"");
	assert_json(json_number(0.1), "0.1");
	assert_json(json_number(1e300), "1e300");
	assert_json(json_number(NAN), "null");
	assert_json(json_number(-INFINITY), "null");
	assert_json(json_text(""), "null");
	assert_json(json_text(NULL), "null");
	assert_json(json_text("\xff"), "null");
	assert_json(json_text("a\"\\\n\x01"), "\"a\\\"\\\\\\n\\u0001\"");
	assert_json(json_time(1700000000123), "\"2023-11-14T22:13:20.123Z\"");
	assert_json(json_time(0), "null");
	assert_json(json_time(INT64_MAX), "null");
	assert_json(json_quantity((struct quantity){ 0 }), "null");
	assert_json(json_flatten(json_pack("{s:{s:i},s:n,s:[i]}", "a", "b", 1, "c", "d", 2)),
		    "{\"a_b\":1,\"c\":null,\"d\":[2]}");
}

static void accept_decides_by_the_most_specific(void **state)
{
	static const struct {
		const char *accept;
		bool allowed;
	} cases[] = {
		{ NULL, true },
		{ "", true },
		{ " ", true },
		{ "*/*", true },
		{ "application/*", true },
		{ "Application/JSON;charset=utf-8", true },
		{ "text/html,*/*;q=0.1", true },
		{ "text/html", false },
		{ "application/json;q=0,*/*", false },
		{ "*/*;q=0, application/json", true },
		{ "application/jsonp", false },
		{ "application/problem+json", false },
		{ ",,;;", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (accept_allows(cases[i].accept, "application/json") != cases[i].allowed)
			fail_msg("Accept: %s", cases[i].accept);
}

static void tags_are_compared_weakly(void **state)
{
	(void)state;
	assert_false(etag_matches(NULL, "\"a\""));
	assert_false(etag_matches("", "\"a\""));
	assert_false(etag_matches("\"ab\"", "\"a\""));
	assert_true(etag_matches("\"a\"", "\"a\""));
	assert_true(etag_matches("W/\"a\"", "\"a\""));
	assert_true(etag_matches("\"b\" , \"a\"", "\"a\""));
	assert_true(etag_matches("*", "\"a\""));
}

static char *html(void (*write)(struct buffer *, double), double value)
{
	struct buffer out = { 0 };

	write(&out, value);
	buffer_putc(&out, '\0');
	return out.data;
}

#define assert_html(write, value, text)                                                            \
	do {                                                                                       \
		cleanup_free char *got_ = html(write, value);                                      \
		assert_string_equal(got_, text);                                                   \
	} while (0)

static void html_is_escaped(void **state)
{
	struct buffer out = { 0 };

	(void)state;
	html_text(&out, "<b a=\"1\" c='2'>&\n\x7f\xe2\x80\xae\xe2\x81\xa9\xe2\x82\xac\xc3\xa4");
	buffer_putc(&out, '\0');
	assert_string_equal(out.data, "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;\xef\xbf\xbd"
				      "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xe2\x82\xac\xc3\xa4");
	buffer_free(&out);
	html_text(&out, "\xe2"); /* cut short */
	buffer_free(&out);
	assert_html(html_bytes, 0, "0&nbsp;B");
	assert_html(html_bytes, 1536, "1.5&nbsp;KiB");
	assert_html(html_bytes, 18446744073709551616.0, "16&nbsp;EiB");
	assert_html(html_percent, 0.0004, "&lt;0.1%");
	assert_html(html_percent, 0.25, "25%");
	assert_html(html_cores, 0.5, "0.50");
	assert_html(html_cores, 16, "16");
	assert_html(html_cores, 0.0001, "&lt;0.001");
	html_count(&out, 1234567);
	buffer_putc(&out, '\0');
	assert_string_equal(out.data, "1,234,567");
	buffer_free(&out);
}

static void links_are_encoded(void **state)
{
	static const struct http_parameter parameters[] = { { "name", "a b&c=\"\xc3\xa4" },
							    { "cursor", "old" },
							    { "limit", "3" } };
	const struct http_request request = { .path = "/x",
					      .parameters = parameters,
					      .n_parameters = ARRAY_SIZE(parameters) };
	cleanup_free char *link = link_with(&request, "cursor", "00");

	(void)state;
	assert_string_equal(link, "/x?name=a%20b%26c%3D%22%C3%A4&limit=3&cursor=00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_summed_per_workload),
		cmocka_unit_test(headroom_is_the_least_on_the_way_up),
		cmocka_unit_test(sentinels_are_no_limits),
		cmocka_unit_test(rates_are_between_two_readings),
		cmocka_unit_test(values_are_written_exactly),
		cmocka_unit_test(accept_decides_by_the_most_specific),
		cmocka_unit_test(tags_are_compared_weakly),
		cmocka_unit_test(html_is_escaped),
		cmocka_unit_test(links_are_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
