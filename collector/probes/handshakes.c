/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/handshakes.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stddef.h>

#include "bpf/wire_connections.h"

enum { AT_ONCE = 256 };

uint64_t handshakes_reap(int map, uint64_t before_ns)
{
	uint64_t keys[AT_ONCE], n_reaped = 0;
	struct wire_handshake handshakes[AT_ONCE];
	uint32_t place = 0, *from = NULL;

	for (;;) {
		uint32_t n = AT_ONCE;
		int err = bpf_map_lookup_batch(map, from, &place, keys, handshakes, &n, NULL);

		if (err < 0 && err != -ENOENT)
			return n_reaped;
		for (uint32_t i = 0; i < n; i++)
			if (handshakes[i].made_ns < before_ns &&
			    bpf_map_delete_elem(map, &keys[i]) == 0)
				n_reaped++;
		if (err < 0)
			return n_reaped;
		from = &place;
	}
}
