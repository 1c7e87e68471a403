/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sources/request_metrics.h"

#include "collector/sources/connection_metrics.h"

#define HTTP_SERVER_NAME "http_server_request_duration_seconds"
#define HTTP_SERVER_HELP                                                                           \
	"Duration of HTTP/1 requests that the workload answered, from the read that "              \
	"brought the first byte of the request to the write with the last byte of the "            \
	"answer. Methods and statuses beyond 32 pairs are _OTHER with the class of the "           \
	"status. With --requests.routes it has the label http_route, too. High values: the "       \
	"service is slow, or what it calls."

const struct metric request_metric_routed = {
	.name = HTTP_SERVER_NAME,
	.help = HTTP_SERVER_HELP,
	.unit = "seconds",
	.labels = { "http_request_method", "http_response_status_code", "http_route" },
	.type = METRIC_HISTOGRAM,
	.value = VALUE_HISTOGRAM,
};

const struct metric request_metrics[N_REQUEST_METRICS] = {
	[HTTP_SERVER] = {
		.name = HTTP_SERVER_NAME,
		.help = HTTP_SERVER_HELP,
		.unit = "seconds",
		.labels = { "http_request_method", "http_response_status_code" },
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[HTTP_CLIENT] = {
		.name = "http_client_request_duration_seconds",
		.help = "Duration of HTTP/1 requests that the workload sent, from the write with the "
			"first byte of the request to the read that brought the last byte of the "
			"answer. High values: what it calls is slow, or the way there.",
		.unit = "seconds",
		.labels = { "http_request_method", "http_response_status_code" },
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[DB_CLIENT] = {
		.name = "db_client_operation_duration_seconds",
		.help = "Duration of operations that the workload asked a database for, from the write "
			"with the first byte of the request to the read that brought the last byte of "
			"the answer; error_type is empty where it succeeded. High values: the database "
			"is slow, or the way there.",
		.unit = "seconds",
		.labels = { "db_system_name", "db_operation_name", "error_type" },
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[DB_SERVER] = {
		.name = "db_server_operation_duration_seconds",
		.help = "Duration of operations that the workload, a database, was asked for, from the "
			"read that brought the first byte of the request to the write with the last "
			"byte of the answer. High values: large data, locks, or slow disks.",
		.unit = "seconds",
		.labels = { "db_system_name", "db_operation_name", "error_type" },
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[DNS_CLIENT] = {
		.name = "dns_lookup_duration_seconds",
		.help = "Duration of questions that the workload asked a name server, over UDP or TCP, "
			"by the type of record, from the call that sent it to the call that brought "
			"the answer; asked again over UDP with the same number it is still one. "
			"error_type is empty where it succeeded. High values: the name server is "
			"slow, or packets are lost.",
		.unit = "seconds",
		.labels = { "dns_question_type", "error_type" },
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[IN_FLIGHT] = {
		.name = "container_requests_in_flight",
		.help = "Requests without an answer yet, by side (client: the workload waits; server: "
			"others wait for it) and by how long ago they began: age is the upper bound in "
			"seconds, above the one before it. High values of +Inf: requests hang.",
		.labels = { "protocol", "side", "age" },
		.type = METRIC_GAUGE,
	},
	[REQUEST_BYTES] = {
		.name = "container_request_bytes_total",
		.help = "Bytes of connections whose protocol is understood, and of lookups over "
			"UDP: of requests or of responses (message), heads and bodies. High "
			"rates: large bodies.",
		.unit = "bytes",
		.labels = { "protocol", "side", "message" },
		.type = METRIC_COUNTER,
	},
	[UNPARSED] = {
		.name = "container_unparsed_bytes_total",
		.help = "Bytes of TCP connections in which no requests were counted, by why: unknown "
			"(a protocol that no parser knows), tls, http2, upgrade (became another "
			"protocol), broken (not what the protocol allows), truncated (could not be "
			"looked at), older (connections from before the exporter), contended (several "
			"tasks at one socket), unseen (went by read, write and their like), budget (while "
			"the probe did less). High values "
			"beside container_request_bytes_total: the requests counted are not all.",
		.unit = "bytes",
		.labels = { "reason" },
		.type = METRIC_COUNTER,
	},
	[SEEN] = {
		.name = "container_request_seen_bytes_total",
		.help = "Bytes of TCP connections and of lookups over UDP, understood or not: sums of "
			"container_request_bytes_total and container_unparsed_bytes_total.",
		.unit = "bytes",
		.type = METRIC_COUNTER,
	},
	[PARSED] = {
		.name = "container_request_parsed_bytes_total",
		.help = "Those of container_request_seen_bytes_total that were understood. A low share "
			"of them: the requests that are counted are not all.",
		.unit = "bytes",
		.type = METRIC_COUNTER,
	},
	[FAULTS] = {
		.name = "container_request_faults_total",
		.help = "Requests and answers that are in no histogram: unanswered (the connection was "
			"closed before the end of the answer; over UDP when their place was "
			"wanted), unmatched (an answer that nobody asked "
			"for), overflow (answered, but too many were under way on the connection to "
			"time it). High values of unanswered: clients give up, or servers break off.",
		.labels = { "protocol", "reason" },
		.type = METRIC_COUNTER,
	},
	[EDGE_REQUESTS] = {
		.name = "container_edge_requests_total",
		.help = "Requests over TCP that were answered, by who is at the other end; labels as of "
			"container_tcp_edge_connects_total, so each request is told once: of the end that "
			"asked, where both are on this host. Needs the source connections. High values: "
			"what calls what most.",
		.labels = EDGE_LABELS,
		.type = METRIC_COUNTER,
	},
	[EDGE_REQUEST_FAILURES] = {
		.name = "container_edge_request_failures_total",
		.help = "Those of container_edge_requests_total whose answer was an error: of HTTP 5xx, and "
			"for the end that asked 4xx, too.",
		.labels = EDGE_LABELS,
		.type = METRIC_COUNTER,
	},
	[EDGE_REQUEST_SECONDS] = {
		.name = "container_edge_request_seconds_total",
		.help = "Sum of the durations of container_edge_requests_total, as the histograms of the "
			"same end have them. High values beside these: the other end is slow, or the way "
			"there.",
		.labels = EDGE_LABELS,
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_NANOSECONDS,
	},
	[DROPPED] = {
		.name = "tallyman_request_samples_dropped_total",
		.help = "Requests that were slow or failed and are not told one by one, by why: limit "
			"(their cgroup had its share), full (nobody fetched those before), replaced "
			"(newer ones took their place), gone (their cgroup was removed too soon). All "
			"are counted in the histograms.",
		.labels = { "reason" },
		.type = METRIC_COUNTER,
		.scope = SCOPE_HOST,
	},
};
