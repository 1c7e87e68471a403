/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text: exact, shortest, spelled as scrapers want them, in every locale. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cleanup.h"
#include "collector/metric.h"
#include "exporters/number.h"

/* Calls a writer in exactly as much room as it may use, so that the sanitizer sees one byte more. */
#define WRITE(text, call)                                                                          \
	do {                                                                                       \
		char *to = malloc(NUMBER_MAX), *end_ = (call);                                     \
		memcpy((text), to, (size_t)(end_ - to));                                           \
		(text)[end_ - to] = '\0';                                                          \
		free(to);                                                                          \
	} while (0)

static void test_fixed(void **state)
{
	static const struct {
		uint64_t value;
		unsigned decimals;
		const char *text;
	} rows[] = {
		{ 0, 0, "0" },
		{ 0, 9, "0" },
		{ 7, 0, "7" },
		{ 10, 0, "10" },
		{ 100, 0, "100" },
		{ 99999999, 0, "99999999" },
		{ 100000000, 0, "100000000" },
		{ 9999999999999999, 0, "9999999999999999" },
		{ 10000000000000000, 0, "10000000000000000" },
		{ UINT64_MAX, 0, "18446744073709551615" },
		{ 7919, 6, "0.007919" },
		{ 1, 9, "0.000000001" },
		{ 1, 19, "0.0000000000000000001" },
		{ 10, 1, "1" },
		{ 10, 2, "0.1" },
		{ 15, 1, "1.5" },
		{ 1000000, 6, "1" },
		{ 1000001, 6, "1.000001" },
		{ 1500000, 6, "1.5" },
		{ 100000000, 9, "0.1" },
		{ 120000000000, 9, "120" },
		{ UINT64_MAX, 2, "184467440737095516.15" },
		{ UINT64_MAX, 9, "18446744073.709551615" },
		{ UINT64_MAX, 19, "1.8446744073709551615" },
		{ UINT64_C(10000000000000000000), 19, "1" },
	};
	char text[NUMBER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		WRITE(text, number_write_fixed(to, rows[i].value, rows[i].decimals));
		assert_string_equal(text, rows[i].text);
	}
}

/* All digits of printf, with a point put in and zeros taken off by the slow obvious way. */
static void reference_fixed(char *text, uint64_t value, unsigned decimals)
{
	char digits[64];
	int n = snprintf(digits, sizeof(digits), "%0*" PRIu64, (int)decimals + 1, value);

	sprintf(text, "%.*s.%s", n - (int)decimals, digits, digits + n - decimals);
	char *end = text + strlen(text);
	while (end[-1] == '0')
		*--end = '\0';
	if (end[-1] == '.')
		*--end = '\0';
}

static void test_fixed_of_many(void **state)
{
	uint64_t random = 88172645463325252;
	char text[NUMBER_MAX + 1], expected[64];

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		uint64_t value = random >> (i % 64);
		unsigned decimals = i / 64 % 20;

		if (i % 3 == 0)
			value -= value % 100000; /* trailing zeros */
		WRITE(text, number_write_fixed(to, value, decimals));
		reference_fixed(expected, value, decimals);
		assert_string_equal(text, expected);
	}
}

static void test_real(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ -0.0, "-0" },
		{ 1, "1" },
		{ -1, "-1" },
		{ 0.1, "0.1" },
		{ 0.5, "0.5" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 2.0 / 3, "0.6666666666666666" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 123.456789, "123.456789" },
		{ 123456.789, "123456.789" },
		{ 1e-9, "0.000000001" },
		{ 1e-10, "1e-10" },
		{ 1.5e-10, "1.5e-10" },
		{ 1e300, "1e+300" },
		{ -1.5e300, "-1.5e+300" },
		{ 1700000000.123, "1.700000000123e+09" },
		{ DBL_MAX, "1.7976931348623157e+308" },
		{ DBL_MIN, "2.2250738585072014e-308" },
		{ 5e-324, "5e-324" },
		{ 1e-310, "1e-310" },
		{ INFINITY, "+Inf" },
		{ -INFINITY, "-Inf" },
		{ NAN, "NaN" },
		{ -NAN, "NaN" },
	};
	char text[NUMBER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		WRITE(text, number_write_real(to, rows[i].value));
		assert_string_equal(text, rows[i].text);
	}
}

/* Go: strconv.FormatFloat(x, 'g', -1, 64), and ".0" where it has neither point nor exponent. */
static void test_bound(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 0, "0.0" },
		{ 1, "1.0" },
		{ 10, "10.0" },
		{ 100000, "100000.0" },
		{ 1000000, "1e+06" },
		{ 1048576, "1.048576e+06" },
		{ 0x1p17, "131072.0" },
		{ 0.001, "0.001" },
		{ 0.0001, "0.0001" },
		{ 0.00001, "1e-05" },
		{ 0x1p-20, "9.5367431640625e-07" },
		{ 0x1p-10, "0.0009765625" },
		{ 0x1p-1, "0.5" },
		{ M_SQRT2, "1.4142135623730951" },
		{ 1e100, "1e+100" },
		{ -2.5, "-2.5" },
		{ INFINITY, "+Inf" },
	};
	char text[NUMBER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		WRITE(text, number_write_bound(to, rows[i].value));
		assert_string_equal(text, rows[i].text);
	}
}

static size_t significant(const char *text)
{
	size_t n = 0, zeros = 0;

	for (; *text && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (*text == '0' && !n))
			continue;
		zeros = *text == '0' ? zeros + 1 : 0;
		n++;
	}
	return n - zeros;
}

/* Reads back as the same double, and no shorter decimal does. */
static void check_shortest(double value)
{
	char text[NUMBER_MAX + 1], shorter[64];

	WRITE(text, number_write_real(to, value));
	assert_true(strtod(text, NULL) == value);
	int digits = (int)significant(text);
	if (digits > 1) {
		snprintf(shorter, sizeof(shorter), "%.*e", digits - 2, value);
		assert_true(strtod(shorter, NULL) != value);
	}
	WRITE(text, number_write_bound(to, value));
	assert_true(strtod(text, NULL) == value);
}

static void test_reals_of_many(void **state)
{
	uint64_t random = 88172645463325252;

	(void)state;
	for (unsigned i = 0; i < 50000; i++) {
		double value;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		memcpy(&value, &random, sizeof(value));
		if (isfinite(value))
			check_shortest(value);
		check_shortest((double)(random >> 20) / 1e9);
		check_shortest((double)(random >> 40) / 1e3);
		check_shortest(ldexp((double)(random >> 50), -10));
	}
}

/* What the protobuf says is what a scraper reads from the text. */
static void test_quotient(void **state)
{
	static const uint64_t scales[] = { 1, 100, SCALE_MILLISECONDS, SCALE_MICROSECONDS,
					   SCALE_NANOSECONDS };
	uint64_t random = 88172645463325252;
	char text[NUMBER_MAX + 1];

	(void)state;
	assert_true(number_quotient(UINT64_MAX, 1) == 0x1p64);
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t scale = scales[i % ARRAY_SIZE(scales)];

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		uint64_t value = random >> (i % 13);
		WRITE(text, number_write_fixed(to, value, number_decimals(scale)));
		assert_true(number_quotient(value, scale) == strtod(text, NULL));
	}
}

static void test_decimals(void **state)
{
	(void)state;
	assert_int_equal(number_decimals(1), 0);
	assert_int_equal(number_decimals(SCALE_CENTI), 2);
	assert_int_equal(number_decimals(SCALE_NANOSECONDS), 9);
	assert_int_equal(number_decimals(UINT64_C(10000000000000000000)), 19);
}

/* With a comma for a point in the C library nothing changes. Such a locale is made for this test. */
static void test_locale(void **state)
{
	static const char source[] = "LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \".\"\n"
				     "grouping 3;3\nEND LC_NUMERIC\n";
	char folder[] = "/tmp/tallyman-locale-XXXXXX", command[200], text[8];

	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof(command), "%s/source", folder);
	FILE *file = fopen(command, "we");
	assert_non_null(file);
	assert_true(fputs(source, file) >= 0);
	fclose(file);
	snprintf(command, sizeof(command),
		 "localedef -c --no-archive -i %s/source %s/comma >/dev/null 2>&1", folder, folder);
	(void)!system(command); /* it complains of all that is not in it */
	setenv("LOCPATH", folder, 1);
	if (!setlocale(LC_NUMERIC, "comma"))
		fail_msg("no locale with a comma could be made; is the package locales there?");
	snprintf(text, sizeof(text), "%.1f", 1.5);
	assert_string_equal(text, "1,5");

	test_fixed(state);
	test_real(state);
	test_bound(state);
	setlocale(LC_NUMERIC, "C");
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),	      cmocka_unit_test(test_fixed_of_many),
		cmocka_unit_test(test_real),	      cmocka_unit_test(test_bound),
		cmocka_unit_test(test_reals_of_many), cmocka_unit_test(test_quotient),
		cmocka_unit_test(test_decimals),      cmocka_unit_test(test_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
