/* SPDX-License-Identifier: Apache-2.0 */
/* What is exported of TCP connections. For connections.c. */
#pragma once

#include "collector/metric.h"

/* Of all families of edges. */
/* clang-format off */
#define EDGE_LABELS { "direction", "peer", "peer_kind", "peer_name", "peer_namespace", "peer_pod" }
/* clang-format on */

enum connection_metric {
	CONNECTS,
	FAILURES,
	CONNECTING,
	ACCEPTS,
	OPEN,
	ROUND_TRIP,
	RETRANSMITS,
	RESETS,
	BYTES,
	LISTEN_WAITING,
	LISTEN_LIMIT,
	LISTEN_FULLEST,
	LISTEN_DROPS,
	EDGE_CONNECTS,
	EDGE_FAILURES,
	EDGE_OPEN,
	EDGE_CLOSES,
	EDGE_TRANSMIT,
	EDGE_RECEIVE,
	EDGE_RETRANSMITS,
	EDGE_ROUND_TRIP,
	N_CONNECTION_METRICS
};

extern const struct metric connection_metrics[N_CONNECTION_METRICS];
