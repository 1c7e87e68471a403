/* SPDX-License-Identifier: Apache-2.0 */
/* What is exported of requests. For requests.c. */
#pragma once

#include "collector/metric.h"

enum request_metric {
	HTTP_SERVER,
	HTTP_CLIENT,
	DB_CLIENT,
	DB_SERVER,
	DNS_CLIENT,
	IN_FLIGHT,
	REQUEST_BYTES,
	UNPARSED,
	SEEN,
	PARSED,
	FAULTS,
	EDGE_REQUESTS,
	EDGE_REQUEST_FAILURES,
	EDGE_REQUEST_SECONDS,
	DROPPED,
	N_REQUEST_METRICS
};

extern const struct metric request_metrics[N_REQUEST_METRICS];
/* HTTP_SERVER with --requests.routes. */
extern const struct metric request_metric_routed;
