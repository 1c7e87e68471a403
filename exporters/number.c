/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/number.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Go's 'g' writes an exponent from this one on when it looks for the shortest form. */
enum { U64_DIGITS = 20, DOUBLE_DIGITS = 17, GO_EXPONENT = 6 };

/* Every integer up to this is a double: 2^53. */
#define EXACT_MAX (UINT64_C(1) << DBL_MANT_DIG)

unsigned number_decimals(uint64_t scale)
{
	unsigned decimals = 0;

	for (; scale > 1; scale /= 10) {
		assert(scale % 10 == 0);
		decimals++;
	}
	return decimals;
}

static const char pairs[] = "0001020304050607080910111213141516171819"
			    "2021222324252627282930313233343536373839"
			    "4041424344454647484950515253545556575859"
			    "6061626364656667686970717273747576777879"
			    "8081828384858687888990919293949596979899";

/* Writes the digits of `value` so that they end before `end`: where they start. */
static char *write_digits(char *end, uint64_t value)
{
	while (value >= 100) {
		end -= 2;
		memcpy(end, &pairs[value % 100 * 2], 2);
		value /= 100;
	}
	if (value >= 10) {
		end -= 2;
		memcpy(end, &pairs[value * 2], 2);
	} else {
		*--end = (char)('0' + value);
	}
	return end;
}

char *number_write_fixed(char *to, uint64_t value, unsigned decimals)
{
	/* Behind the digits there is room, so that copies below can be of constant length. */
	char scratch[U64_DIGITS + U64_DIGITS];
	char *end = scratch + U64_DIGITS;
	char *digits = write_digits(end, value);

	if (value == 0)
		decimals = 0;
	while (decimals && end[-1] == '0') {
		end--;
		decimals--;
	}
	size_t n = (size_t)(end - digits);

	if (n > decimals) {
		memcpy(to, digits, U64_DIGITS);
		to += n - decimals;
		if (!decimals)
			return to;
		*to++ = '.';
		memcpy(to, end - decimals, U64_DIGITS);
		return to + decimals;
	}
	memcpy(to, "0.00000000000000000000", 2 + U64_DIGITS);
	to += 2 + decimals - n;
	memcpy(to, digits, U64_DIGITS);
	return to + n;
}

static char *write_special(char *to, double value)
{
	if (isnan(value))
		return mempcpy(to, "NaN", 3);
	return mempcpy(to, value > 0 ? "+Inf" : "-Inf", 4);
}

/*
 * The shortest decimal digits of a finite value, without trailing zeros; *ret_exponent is that of
 * the first digit. Any decimal of 15 digits survives a double, so shorter ones need no trying, but
 * for subnormal values, which hold less.
 */
static size_t shortest_digits(double value, char digits[static DOUBLE_DIGITS], int *ret_exponent)
{
	char text[NUMBER_MAX] = "";
	int precision = fpclassify(value) == FP_SUBNORMAL ? 1 : DBL_DIG;
	size_t n = 0;

	for (; precision <= DOUBLE_DIGITS; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision - 1, value);
		if (strtod(text, NULL) == value)
			break;
	}
	/* Only digits are taken, so what the locale has for a point does not matter. */
	const char *e = strchr(text, 'e');
	for (const char *c = text; c < e; c++)
		if (*c >= '0' && *c <= '9')
			digits[n++] = *c;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	*ret_exponent = (int)strtol(e + 1, NULL, 10);
	return n;
}

/* As Go's strconv.FormatFloat(value, 'g', -1, 64). */
static char *write_shortest(char *to, double value)
{
	char digits[DOUBLE_DIGITS] = "0";
	int exponent;

	if (signbit(value))
		*to++ = '-';
	size_t n = shortest_digits(fabs(value), digits, &exponent);
	size_t whole = exponent < 0 ? 0 : (size_t)exponent + 1;

	if (exponent < -4 || exponent >= GO_EXPONENT) {
		*to++ = digits[0];
		if (n > 1) {
			*to++ = '.';
			to = mempcpy(to, digits + 1, n - 1);
		}
		return to + sprintf(to, "e%+03d", exponent);
	}
	if (!whole) {
		to = mempcpy(to, "0.0000", 2 + (size_t)(-exponent - 1));
		return mempcpy(to, digits, n);
	}
	for (size_t i = 0; i < whole; i++)
		*to++ = i < n ? digits[i] : '0';
	if (n > whole) {
		*to++ = '.';
		to = mempcpy(to, digits + whole, n - whole);
	}
	return to;
}

/*
 * Most reals are sums of nanoseconds, loads and ratios with few digits: as an integer number of
 * 10^-9 they need no trial. Below 10^15 of them a decimal is the only one of its length.
 */
static bool write_nanos(char **to, double value)
{
	double nanos = value * 1e9;

	if (!(nanos >= 1 && nanos < 1e15))
		return false;
	uint64_t n = (uint64_t)llround(nanos);
	if ((double)n / 1e9 != value)
		return false;
	*to = number_write_fixed(*to, n, 9);
	return true;
}

char *number_write_real(char *to, double value)
{
	if (!isfinite(value))
		return write_special(to, value);
	if (write_nanos(&to, value))
		return to;
	return write_shortest(to, value);
}

char *number_write_bound(char *to, double value)
{
	char *start = to;

	if (!isfinite(value))
		return write_special(to, value);
	to = write_shortest(to, value);
	if (memchr(start, '.', (size_t)(to - start)) || memchr(start, 'e', (size_t)(to - start)))
		return to;
	return mempcpy(to, ".0", 2);
}

double number_quotient(uint64_t value, uint64_t scale)
{
	if (value <= EXACT_MAX || scale <= 1)
		return (double)value / (double)scale;
	/* 55 bits or more of the quotient, and one that says "and then some": rounded once. */
	unsigned __int128 shifted = (unsigned __int128)value << 32;
	unsigned __int128 quotient = shifted / scale;
	if (shifted % scale)
		quotient |= 1;
	return ldexp((double)quotient, -32);
}
