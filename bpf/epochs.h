/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The collector may have nothing looked at for a while. Who comes back to a connection after that does not know where
 * in it he is: only what is of the same epoch is understood.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

/* Odd while nothing is looked at. */
volatile __u32 epoch;

static __always_inline bool epoch_holds(__u32 then)
{
	return then == epoch && !(epoch & 1);
}
