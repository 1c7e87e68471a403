/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support.h"

#include "bpf/protocols/route.h"
#include "bpf/wire_request_keys.h"

/* As the kernel would see it: a request line, as much of it as one window has. */
static const char *route(const char *line)
{
	static char text[ROUTE_BYTES + 1];
	struct protocol_window window = { .from_client = 1 };
	struct route_scan scan;
	size_t length = strlen(line);

	memset(&scan, 0xee, sizeof(scan)); /* of the request before it */
	window.n = (uint32_t)(length < PROTOCOL_WINDOW ? length : PROTOCOL_WINDOW);
	memcpy(window.bytes, line, window.n);
	if (!route_of(&window, 0, &scan))
		return "none";
	memcpy(text, scan.route.words, ROUTE_BYTES);
	assert_int_equal(text[ROUTE_BYTES - 1], 0);
	for (size_t i = strlen(text); i < ROUTE_BYTES; i++)
		assert_int_equal(text[i], 0); /* or it would be another key */
	return text;
}

static void paths_become_routes(void **state)
{
	static const struct {
		const char *line, *route;
	} rows[] = {
		{ "/ HTTP/1.1\r\n", "/" },
		{ "/a HTTP/1.1", "/a" },
		{ "/api/v1/users HTTP/1.1", "/api/v1/users" },
		{ "/users/123 HTTP/1.1", "/users/{id}" },
		{ "/users/7/orders/815/ HTTP/1.1", "/users/{id}/orders/{id}/" },
		{ "/o/f47ac10b-58cc-4372-a567-0e02b2c3d479 H", "/o/{id}" },
		{ "/commit/9c923af0 H", "/commit/{id}" },
		{ "/commit/9C923AF0/files H", "/commit/{id}/files" },
		/* A word of these letters is none. */
		{ "/facade/deadbeef H", "/facade/deadbeef" },
		{ "/img/12345.png H", "/img/{id}" },
		{ "/static/app.9c923af0.js H", "/static/app.9c923af0.js" },
		{ "/report-2024 H", "/report-2024" },
		{ "/oauth2/s3/h264 H", "/oauth2/s3/h264" },
		{ "/posts/how-i-learned-to-write-long-titles H", "/posts/{id}" },
		{ "/reset/c2VjcmV0IHRva2VuIG9mIGEgdXNlcg H", "/reset/{id}" },
		{ "/@anna H", "/{id}" },
		{ "/find/caf%C3%A9 H", "/find/{id}" },
		{ "/x;jsessionid=1A2B H", "/{id}" },
		{ "//a//b H", "//a//b" },
		{ "/a/../b H", "/a/../b" },
		/* No query is ever looked at. */
		{ "/login?user=anna&token=secret HTTP/1.1", "/login" },
		{ "/?q=secret HTTP/1.1", "/" },
		{ "/users/12?x=/y/z H", "/users/{id}" },
		{ "/a#secret H", "/a" },
		{ "/old\r\n", "/old" },
		/* The end is not there: what is in front of it is. */
		{ "/users/12", "/users/*" },
		{ "/us", "/*" },
		{ "* HTTP/1.1", "none" },
		{ "http://a.example/b HTTP/1.1", "none" },
		{ "a.example:443 HTTP/1.1", "none" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(route(rows[i].line), rows[i].route);
}

/* So often that it is longer than what is looked at. */
static const char *route_of_many(const char *segment)
{
	char line[400];
	size_t length = strlen(segment), n = 0;

	for (; n + length < sizeof(line); n += length)
		memcpy(line + n, segment, length);
	line[n] = '\0';
	return route(line);
}

static void what_is_long_is_cut_between_segments(void **state)
{
	(void)state;
	assert_string_equal(route_of_many("/segment"),
			    "/segment/segment/segment/segment/segment/segment/segment/*");
	const char *ids = route_of_many("/1234");
	assert_int_equal(strncmp(ids, "/{id}/{id}/", 11), 0);
	assert_string_equal(ids + strlen(ids) - 2, "/*");
	/* As long as it may be. */
	assert_string_equal(route("/abcdefgh/abcdefgh/abcdefgh/abcdefgh/abcdefgh/abcdefgh H"),
			    "/abcdefgh/abcdefgh/abcdefgh/abcdefgh/abcdefgh/abcdefgh");
}

/* Whatever a client sends: nothing is left of it that needs quoting, and nothing is written beyond. */
static void any_bytes_make_a_clean_route(void **state)
{
	static const char clean[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-._~/{}*";
	static const char usual[] = "/ab09-%?";
	struct protocol_window window = { .from_client = 1 };
	struct {
		struct route_scan scan;
		uint64_t guard;
	} made;
	uint32_t random = 1;

	(void)state;
	for (int turn = 0; turn < 200000; turn++) {
		made.guard = 0x5a5a5a5a5a5a5a5a;
		memset(&made.scan, 0xff, sizeof(made.scan));
		for (size_t i = 0; i < PROTOCOL_WINDOW; i++) {
			random = random * 1664525 + 1013904223;
			window.bytes[i] = random >> 31 ? (unsigned char)usual[random >> 24 & 7]
						       : (unsigned char)(random >> 16);
		}
		window.bytes[0] = '/';
		window.n = 1 + (random >> 8) % PROTOCOL_WINDOW;
		assert_true(route_of(&window, 0, &made.scan));
		assert_true(made.guard == 0x5a5a5a5a5a5a5a5a);
		const char *text = (const char *)made.scan.route.words;
		size_t length = strnlen(text, ROUTE_BYTES);
		assert_true(length > 0 && length < ROUTE_BYTES && strspn(text, clean) == length);
		for (size_t i = length; i < ROUTE_BYTES; i++)
			assert_int_equal(text[i], 0);
	}
}

static void keys_have_room_for_routes(void **state)
{
	(void)state;
	for (uint32_t number = 0; number < ROUTES_MAX; number++) {
		uint32_t key =
			wire_routed_key(WIRE_SIDE_SERVER, 9 | number << ROUTE_METHOD_BITS, 999);

		assert_int_equal(wire_request_route(key), number);
		assert_int_equal(key & 0x3ff, 999);
		assert_int_equal(key >> 16 & 0xf, 9);
		assert_int_equal(key >> 24 & 0x1f, WIRE_SIDE_SERVER << 3 | WIRE_PROTOCOL_http1);
	}
	/* An operation of others is as it was. */
	assert_int_equal(
		wire_request_key(WIRE_SIDE_CLIENT, WIRE_PROTOCOL_redis, 250, 3) >> 16 & 0xff, 250);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_become_routes),
		cmocka_unit_test(what_is_long_is_cut_between_segments),
		cmocka_unit_test(any_bytes_make_a_clean_route),
		cmocka_unit_test(keys_have_room_for_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
