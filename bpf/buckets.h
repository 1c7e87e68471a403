/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The cell of a duration. Bounds are those of Prometheus native histograms of seconds, upper-inclusive,
 * so that they are handed on as they are. The collector fills the constants.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/wire.h"

const volatile __u32 schema_shift = 0; /* WIRE_SCHEMA_MAX minus the schema */
const volatile struct wire_bucket buckets[WIRE_BUCKET_ROWS];

/* floor(log2(value)) without a branch (de Bruijn): in a loop branches explode in the verifier. */
static __always_inline __u64 highest_bit(__u64 value)
{
	static const __u8 positions[64] = {
		0,  47, 1,  56, 48, 27, 2,  60, 57, 49, 41, 37, 28, 16, 3,  61,
		54, 58, 35, 52, 50, 42, 21, 44, 38, 32, 29, 23, 17, 11, 4,  62,
		46, 55, 26, 59, 40, 36, 15, 53, 34, 51, 20, 43, 31, 22, 10, 45,
		25, 39, 14, 33, 19, 30, 9,  24, 13, 18, 8,  12, 7,  6,	5,  63,
	};

	value |= value >> 1;
	value |= value >> 2;
	value |= value >> 4;
	value |= value >> 8;
	value |= value >> 16;
	value |= value >> 32;
	return positions[(value * 0x03f79d71b4cb0a89ULL) >> 58];
}

static __always_inline __u64 cell_of(__u64 ns)
{
	__u64 e, row, cell;

	/* Most of what is timed is quicker than the lowest bound. */
	if (ns <= WIRE_LOWEST_NS)
		return 0;
	e = highest_bit(ns);
	row = e << 4 | (ns >> (e - 4) & 15);
	/* clang would move the mask behind where the verifier of 6.1 looks for it. */
	asm volatile("" : "+r"(row));
	row &= WIRE_BUCKET_ROWS - 1;
	cell = buckets[row].cell + (ns > buckets[row].threshold_ns);
	return (cell + (1 << schema_shift) - 1) >> schema_shift;
}
