/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes that nobody takes from their map (bpf/wire_connections.h) any more. Uses libbpf. */
#pragma once

#include <stdint.h>

/* Deletes those that were made before; returns how many that were. */
uint64_t handshakes_reap(int map, uint64_t before_ns);
