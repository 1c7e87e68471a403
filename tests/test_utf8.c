/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/utf8.h"
#include "tests/support.h"

static void cleans(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "" },
		{ "/system.slice", "/system.slice" },
		{ "a\"b\\c\nd\te", "a\"b\\c\nd\te" }, /* escaping is the exporters' business */
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xe2\x82\xac\xf0\x9f\x90\x99", "\xe2\x82\xac\xf0\x9f\x90\x99" },
		{ "\xff", "\xef\xbf\xbd" },
		{ "a\xc3", "a\xef\xbf\xbd" },				    /* cut short */
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },		    /* overlong '/' */
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe2\x28\xa1", "\xef\xbf\xbd(\xef\xbf\xbd" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool shortened = true;
		cleanup_free char *out =
			utf8_clean(rows[i].in, strlen(rows[i].in), 1024, &shortened);

		/* What had invalid bytes stays apart from what looks the same: "~" and a hash. */
		bool replaced = strstr(rows[i].out, "\xef\xbf\xbd") != NULL;

		assert_memory_equal(out, rows[i].out, strlen(rows[i].out));
		assert_int_equal(strlen(out), strlen(rows[i].out) + (replaced ? 17 : 0));
		assert_false(shortened);
	}
}

static void keeps_invalid_names_apart(void **state)
{
	cleanup_free char *a = utf8_clean("bad\xfe", 4, 100, NULL);
	cleanup_free char *b = utf8_clean("bad\xff", 4, 100, NULL);

	(void)state;
	assert_string_not_equal(a, b);
	assert_memory_equal(a, "bad\xef\xbf\xbd~", 7);
}

/* Long names stay apart, stay valid, and never get longer than asked for: at each possible cut. */
static void shortens(void **state)
{
	char a[201], b[201];

	(void)state;
	for (int i = 0; i < 100; i++)
		memcpy(a + 2 * i, "\xc3\xbc", 2);
	a[200] = '\0';
	memcpy(b, a, sizeof(a));
	b[199] = '\xbd';
	for (size_t max = 32; max < 200; max++) {
		bool shortened = false;
		cleanup_free char *short_a = utf8_clean(a, 200, max, &shortened);
		cleanup_free char *short_b = utf8_clean(b, 200, max, NULL);

		assert_true(shortened);
		assert_true(strlen(short_a) <= max);
		assert_string_not_equal(short_a, short_b);
		for (const char *s = short_a; *s;) {
			size_t n = utf8_sequence(s, short_a + strlen(short_a));

			assert_true(n > 0);
			s += n;
		}
	}
	bool shortened = true;
	cleanup_free char *whole = utf8_clean(a, 200, 200, &shortened);
	assert_false(shortened);
	assert_string_equal(whole, a);
}

/* All bytes invalid: three times as long, still within the limit. */
static void grows_within_limit(void **state)
{
	char bytes[500];

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	cleanup_free char *out = utf8_clean(bytes, sizeof(bytes), 1024, NULL);
	assert_true(strlen(out) <= 1024);
	assert_non_null(strchr(out, '~'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cleans),
		cmocka_unit_test(keeps_invalid_names_apart),
		cmocka_unit_test(shortens),
		cmocka_unit_test(grows_within_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
