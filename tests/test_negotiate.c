/* SPDX-License-Identifier: Apache-2.0 */
/* Which format and coding a client gets: headers that clients really send, and garbage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collector/cleanup.h"
#include "exporters/accept.h"
#include "exporters/compress.h"
#include "exporters/exporter.h"

#define PROTOBUF                                                                                   \
	"application/"                                                                             \
	"vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
#define OPENMETRICS "application/openmetrics-text"

struct row {
	const char *accept;
	const struct renderer *renderer;
	const char *escaping;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *escaping = NULL;
		const struct renderer *renderer = renderer_negotiate(rows[i].accept, &escaping);

		if (renderer != rows[i].renderer)
			fail_msg("'%s': got %s, not %s", rows[i].accept, renderer->name,
				 rows[i].renderer->name);
		assert_string_equal(escaping, rows[i].escaping);
	}
}

static void test_scrapers(void **state)
{
	static const struct row rows[] = {
		/* Prometheus 2.42, without and with native histograms */
		{ OPENMETRICS ";version=1.0.0," OPENMETRICS
			      ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  &renderer_openmetrics, "" },
		{ PROTOBUF "," OPENMETRICS ";version=1.0.0;q=0.8," OPENMETRICS
			   ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  &renderer_protobuf, "" },
		/* 2.53 with native histograms */
		{ PROTOBUF ";q=0.5," OPENMETRICS ";version=1.0.0;q=0.4," OPENMETRICS
			   ";version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		  &renderer_protobuf, "" },
		/* 3.5, without and with */
		{ OPENMETRICS ";version=1.0.0;escaping=allow-utf-8;q=0.6," OPENMETRICS
			      ";version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;"
			      "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		  &renderer_openmetrics, "; escaping=allow-utf-8" },
		{ PROTOBUF ";q=0.6," OPENMETRICS
			   ";version=1.0.0;escaping=allow-utf-8;q=0.5," OPENMETRICS
			   ";version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;"
			   "q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		  &renderer_protobuf, "" },
		/* VictoriaMetrics 1.145 */
		{ "text/plain;version=0.0.4;q=1,*/*;q=0.1", &renderer_text, "" },
		/* curl, browsers, none at all */
		{ "*/*", &renderer_text, "" },
		{ "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
		  &renderer_text, "" },
		{ NULL, &renderer_text, "" },
		{ "", &renderer_text, "" },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void test_ranges(void **state)
{
	static const struct row rows[] = {
		/* what a range does not say, it leaves to us */
		{ OPENMETRICS, &renderer_openmetrics, "" },
		{ OPENMETRICS ";charset=UTF-8", &renderer_openmetrics, "" },
		{ "application/vnd.google.protobuf", &renderer_protobuf, "" },
		{ "text/plain", &renderer_text, "" },
		/* and what it says must be so */
		{ OPENMETRICS ";version=0.0.1", &renderer_text, "" },
		{ OPENMETRICS ";version=2.0.0", &renderer_text, "" },
		{ OPENMETRICS ";version=2.0.0," OPENMETRICS ";version=1.0.0;q=0.1",
		  &renderer_openmetrics, "" },
		{ "text/plain;version=1.0.0;q=1," OPENMETRICS ";version=1.0.0;q=0.1",
		  &renderer_openmetrics, "" },
		{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		  "encoding=text",
		  &renderer_text, "" },
		{ "application/vnd.google.protobuf;proto=other;encoding=delimited", &renderer_text,
		  "" },
		{ OPENMETRICS ";charset=latin1", &renderer_text, "" },
		{ "application/json", &renderer_text, "" },
		/* weights */
		{ "text/plain;q=0.1," OPENMETRICS ";q=0.2", &renderer_openmetrics, "" },
		{ "text/plain;q=0.2," OPENMETRICS ";q=0.1", &renderer_text, "" },
		{ "text/plain;q=0.501," OPENMETRICS ";q=0.502", &renderer_openmetrics, "" },
		{ OPENMETRICS ";q=0", &renderer_text, "" },
		{ OPENMETRICS ";q=0,*/*", &renderer_text, "" },
		{ "text/plain;q=0," OPENMETRICS ";q=0.001", &renderer_openmetrics, "" },
		{ "text/*;q=0.3," OPENMETRICS ";q=0.2", &renderer_text, "" },
		{ "*/*;q=0", &renderer_text, "" },
		/* the closest range decides, whatever another would give */
		{ "*/*;q=1,text/plain;q=0.1,application/*;q=0.2", &renderer_openmetrics, "" },
		{ "text/plain;q=0,text/*;q=1,*/*;q=1", &renderer_openmetrics, "" },
		/* of equal weights, what is named */
		{ "*/*," OPENMETRICS, &renderer_openmetrics, "" },
		{ "application/*", &renderer_openmetrics, "" },
		/* spelling */
		{ "APPLICATION/OpenMetrics-Text ; VERSION=\"1.0.0\" ; Q=1.000",
		  &renderer_openmetrics, "" },
		{ "\t" OPENMETRICS " \t;\tversion=1.0.0\t,\ttext/plain;q=.5", &renderer_openmetrics,
		  "" },
		{ "text/plain;q=0.5;," OPENMETRICS ";;q=0.6;", &renderer_openmetrics, "" },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

/* Names here are all legal, so every scheme but dots may be echoed. */
static void test_escaping(void **state)
{
	static const struct row rows[] = {
		{ OPENMETRICS ";escaping=allow-utf-8", &renderer_openmetrics,
		  "; escaping=allow-utf-8" },
		{ OPENMETRICS ";escaping=underscores", &renderer_openmetrics,
		  "; escaping=underscores" },
		{ OPENMETRICS ";escaping=values", &renderer_openmetrics, "; escaping=values" },
		{ OPENMETRICS ";escaping=dots", &renderer_openmetrics, "; escaping=underscores" },
		{ OPENMETRICS ";escaping=\r\nX-Injected", &renderer_text, "" },
		{ OPENMETRICS ";escaping=other", &renderer_openmetrics, "" },
		{ "text/plain;version=0.0.4;escaping=values;q=0.5", &renderer_text,
		  "; escaping=values" },
		{ PROTOBUF ";escaping=allow-utf-8", &renderer_protobuf, "; escaping=allow-utf-8" },
		{ "text/plain;escaping=values;q=0.1," OPENMETRICS ";escaping=allow-utf-8;q=0.9",
		  &renderer_openmetrics, "; escaping=allow-utf-8" },
		{ "*/*;escaping=values", &renderer_text, "" },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

/* A malformed range is passed over; the good ones beside it count. */
static void test_garbage(void **state)
{
	static const char *const garbage[] = {
		",",
		",,,,",
		";",
		";q=1",
		"/",
		"=",
		"\"",
		"text/plain;q=\"",
		OPENMETRICS ";q=x",
		OPENMETRICS ";q=-1",
		OPENMETRICS ";q=1.5",
		OPENMETRICS ";q=2",
		OPENMETRICS ";q=99999999999999999999",
		OPENMETRICS ";q=",
		OPENMETRICS ";q=.",
		OPENMETRICS ";q=0..5",
		OPENMETRICS ";version=\"1.0.0",
		OPENMETRICS ";version = 1.0.0",
		OPENMETRICS ";=1",
		"application/openmetrics-text text/plain",
		OPENMETRICS ";a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;i=9",
		"\xff\xfe\x01;q=\x80",
		"(comment) application/openmetrics-text",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		char both[400];
		const char *escaping;

		assert_ptr_equal(renderer_negotiate(garbage[i], &escaping), &renderer_text);
		assert_string_equal(escaping, "");
		/* An open quote swallows what follows, so the good range stands before. */
		snprintf(both, sizeof(both), "%s,%s", PROTOBUF, garbage[i]);
		assert_ptr_equal(renderer_negotiate(both, &escaping), &renderer_protobuf);
		if (strchr(garbage[i], '"'))
			continue;
		snprintf(both, sizeof(both), "%s,%s", garbage[i], PROTOBUF);
		assert_ptr_equal(renderer_negotiate(both, &escaping), &renderer_protobuf);
	}
}

/* A comma in quotes separates nothing. */
static void test_elements(void **state)
{
	const char *cursor = " a ; x=\"1,\\\"2\" ; q=0.5 ,, b;q=1 , ;bad , \"c,d\" , e ";
	struct accept_element element;

	(void)state;
	assert_true(accept_next(&cursor, &element));
	assert_true(accept_is(element.value, "A"));
	assert_int_equal(element.q, 500);
	assert_int_equal(element.n_parameters, 1);
	assert_true(accept_is(element.parameters[0].name, "x"));
	assert_true(accept_is(element.parameters[0].value, "1,\\\"2"));
	assert_true(accept_next(&cursor, &element));
	assert_true(accept_is(element.value, "b"));
	assert_int_equal(element.q, 1000);
	assert_true(accept_next(&cursor, &element));
	assert_true(accept_is(element.value, "e"));
	assert_false(accept_next(&cursor, &element));
}

static void test_codings(void **state)
{
	static const struct {
		const char *accept_encoding;
		enum coding coding;
	} rows[] = {
		{ NULL, CODING_IDENTITY },
		{ "", CODING_IDENTITY },
		{ "gzip", CODING_GZIP }, /* every Prometheus */
		{ "x-gzip", CODING_GZIP },
		{ "GZIP", CODING_GZIP },
		{ "zstd", CODING_ZSTD },
		{ "gzip, deflate, br, zstd", CODING_ZSTD }, /* browsers, curl --compressed */
		{ "gzip, deflate, br", CODING_GZIP },
		{ "zstd;q=0.5, gzip;q=1.0", CODING_GZIP },
		{ "zstd;q=0.5, gzip;q=0.5", CODING_ZSTD },
		{ "zstd;q=0, gzip", CODING_GZIP },
		{ "gzip;q=0", CODING_IDENTITY },
		{ "gzip;q=0, *", CODING_IDENTITY },
		{ "*", CODING_GZIP },
		{ "*;q=0", CODING_IDENTITY },
		{ "identity", CODING_IDENTITY },
		{ "identity, gzip", CODING_GZIP },
		{ "identity;q=1, gzip;q=0.5", CODING_IDENTITY },
		{ "identity;q=0.5, gzip;q=0.8", CODING_GZIP },
		{ "identity;q=0, *;q=0", CODING_IDENTITY },
		{ "br", CODING_IDENTITY },
		{ "gzip;q=x", CODING_IDENTITY },
		{ "gzipped", CODING_IDENTITY },
		{ "\x80\xff, gzip", CODING_GZIP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(coding_negotiate(rows[i].accept_encoding), rows[i].coding);
	assert_null(coding_name(CODING_IDENTITY));
	assert_string_equal(coding_name(CODING_GZIP), "gzip");
	assert_string_equal(coding_name(CODING_ZSTD), "zstd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scrapers), cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_escaping), cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_elements), cmocka_unit_test(test_codings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
