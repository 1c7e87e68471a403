/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/number.h"

#include <assert.h>
#include <endian.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Go's 'g' writes an exponent from this one on when it looks for the shortest form. */
enum { DOUBLE_DIGITS = 17, GO_EXPONENT = 6 };

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

/*
 * The eight decimal digits of a value below 10^8, a byte each, the first in the lowest byte. Halves
 * are split side by side: 10486/2^20 and 103/2^10 are 1/100 and 1/10, exact for what is in them.
 */
static inline uint64_t split_digits(uint64_t value)
{
	uint64_t parts, digits = value / 10000 | value % 10000 << 32;

	parts = (digits * 10486 >> 20) & UINT64_C(0x7f0000007f);
	digits = parts | (digits - parts * 100) << 16;
	parts = (digits * 103 >> 10) & UINT64_C(0x000f000f000f000f);
	return parts | (digits - parts * 10) << 8;
}

static const uint64_t block = 100000000; /* one more than eight digits hold */

/* Over 16 digits, or decimals: values that counters hardly ever reach. */
static char *write_long(char *to, uint64_t value, unsigned decimals)
{
	char digits[NUMBER_MAX];
	int n = snprintf(digits, sizeof(digits), "%0*" PRIu64, (int)decimals + 1, value);
	size_t whole = (size_t)n - decimals, end = (size_t)n;

	while (end > whole && digits[end - 1] == '0')
		end--;
	to = mempcpy(to, digits, whole);
	if (end == whole)
		return to;
	*to++ = '.';
	return mempcpy(to, digits + whole, end - whole);
}

static char *store(char *to, unsigned __int128 letters)
{
	uint64_t low = htole64((uint64_t)letters), high = htole64((uint64_t)(letters >> 64));

	memcpy(to, &low, sizeof(low));
	memcpy(to + sizeof(low), &high, sizeof(high));
	return to;
}

/*
 * This is what most of a rendering's time goes into, so it has no loop and stays in registers: 16
 * digits, the first in the lowest byte, are shifted to where they are wanted.
 */
char *number_write_fixed(char *to, uint64_t value, unsigned decimals)
{
	if (__builtin_expect(value >= block * block || decimals >= 16, 0))
		return write_long(to, value, decimals);
	uint64_t high = split_digits(value / block), low = split_digits(value % block);
	unsigned __int128 letters = (unsigned __int128)(low | UINT64_C(0x3030303030303030)) << 64 |
				    (high | UINT64_C(0x3030303030303030));
	unsigned point = 16 - decimals;
	/* Selected by masks: whether there are more than eight digits no processor can foresee. */
	uint64_t none_high = -(uint64_t)(high == 0), none_low = -(uint64_t)(low == 0);
	uint64_t from = high | (low & none_high), to_end = low | (high & none_low);
	/* The first digit that is not 0, or the one before the point. */
	unsigned first =
		(unsigned)(none_high & 8) + (unsigned)__builtin_ctzll(from | 1ULL << 63) / 8;

	first = first < point - 1 ? first : point - 1;
	to = store(to, letters >> 8 * first) + (point - first);
	if (!decimals)
		return to;
	/* Behind the last digit that is not 0; where that is a whole one, the point does not count. */
	unsigned end = 16 - (unsigned)(none_low & 8) - (unsigned)__builtin_clzll(to_end | 1) / 8;
	*to = '.';
	store(to + 1, letters >> 8 * point);
	return to + (end > point ? end - point + 1 : 0);
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
