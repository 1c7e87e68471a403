/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sources/connection_metrics.h"

const struct metric connection_metrics[N_CONNECTION_METRICS] = {
	[CONNECTS] = {
		.name = "container_tcp_connects_total",
		.help = "TCP connections that the workload made to others. High values: connections are "
			"not kept and used again.",
		.type = METRIC_COUNTER,
	},
	[FAILURES] = {
		.name = "container_tcp_connect_failures_total",
		.help = "TCP connections that were not made: refused (nobody listens there), timeout (no "
			"answer), unreachable (no way there), aborted (the workload gave up before there "
			"was an answer), other. What fails before a packet is sent is in "
			"container_syscall_errors_total alone.",
		.labels = { "reason" },
		.type = METRIC_COUNTER,
	},
	[CONNECTING] = {
		.name = "container_tcp_connect_duration_seconds",
		.help = "Time from the first packet of a connection that the workload made until it stood. "
			"High values: a long way, lost packets (then 1 s and more), or a full listen queue "
			"at the other end.",
		.unit = "seconds",
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[ACCEPTS] = {
		.name = "container_tcp_accepts_total",
		.help = "TCP connections that others made to the workload, whether it has taken them from "
			"its listen queue or not.",
		.type = METRIC_COUNTER,
	},
	[OPEN] = {
		.name = "container_tcp_open_connections",
		.help = "TCP connections that were made since the exporter began to count and are not "
			"closed. Values that only grow: connections are forgotten.",
		.type = METRIC_GAUGE,
	},
	[ROUND_TRIP] = {
		.name = "container_tcp_round_trip_seconds",
		.help = "Smoothed round-trip time of TCP connections, as it was when they were closed. High "
			"values: a long way, or full queues on it.",
		.unit = "seconds",
		.type = METRIC_HISTOGRAM,
		.value = VALUE_HISTOGRAM,
	},
	[RETRANSMITS] = {
		.name = "container_tcp_retransmits_total",
		.help = "TCP segments that were sent again. High values beside "
			"container_network_transmit_packets_total: packets are lost or late.",
		.type = METRIC_COUNTER,
	},
	[RESETS] = {
		.name = "container_tcp_resets_total",
		.help = "TCP connections that were broken off, by the workload's end (sent) or by the other "
			"(received).",
		.labels = { "direction" },
		.type = METRIC_COUNTER,
	},
	[BYTES] = {
		.name = "container_tcp_closed_bytes_total",
		.help = "Bytes that TCP connections carried until they were closed, without headers and "
			"what was sent again: transmit (and acknowledged) or receive. The beginning and the "
			"end of a connection count as a byte each. Open connections are not in it yet.",
		.unit = "bytes",
		.labels = { "direction" },
		.type = METRIC_COUNTER,
	},
	[LISTEN_WAITING] = {
		.name = "container_tcp_listen_queue_connections",
		.help = "TCP connections that wait to be accepted by the workload, at all its listening "
			"sockets together (sk_ack_backlog). High values: it accepts too slowly.",
		.type = METRIC_GAUGE,
	},
	[LISTEN_LIMIT] = {
		.name = "container_tcp_listen_queue_limit",
		.help = "TCP connections that may wait to be accepted, at all listening sockets of the "
			"workload together (sk_max_ack_backlog): the smaller of what it said in listen() "
			"and net.core.somaxconn. The kernel lets one more wait at each.",
		.type = METRIC_GAUGE,
	},
	[LISTEN_FULLEST] = {
		.name = "container_tcp_listen_queue_fullest_ratio",
		.help = "Share of its limit that waits at the fullest listening socket of the workload. "
			"High values: it accepts too slowly; above 1 the kernel drops what comes.",
		.unit = "ratio",
		.type = METRIC_GAUGE,
		.value = VALUE_REAL,
	},
	[LISTEN_DROPS] = {
		.name = "container_tcp_listen_drops_total",
		.help = "Packets that the workload's listening sockets dropped (sk_drops), most often "
			"because a listen queue was full: whoever wants to connect tries again after 1 s. "
			"High values: the workload accepts too slowly, or says too little in listen().",
		.type = METRIC_COUNTER,
	},
	[EDGE_CONNECTS] = {
		.name = "container_tcp_edge_connects_total",
		.help = "TCP connections that were made, by who is at the other end: direction out, the "
			"workload made them, or in, the other end did. peer is the id of a workload on this "
			"host, whose own row then has no such series (each connection is told once); or a "
			"group of addresses (peer_kind outside: loopback, private, link-local, public, or by "
			"--connections.outside); or other, which sums up all that are not named, and what comes later of the "
			"connections with a workload that is gone, whose series ends. One to the "
			"outside is told a second after it was made. High values: connections are not kept.",
		.labels = EDGE_LABELS,
		.type = METRIC_COUNTER,
	},
	[EDGE_FAILURES] = {
		.name = "container_tcp_edge_connect_failures_total",
		.help = "TCP connections of the workload that were not made, by who answered at that address "
			"and port last, else by group of addresses; labels as of "
			"container_tcp_edge_connects_total. High values: the peer is down or does not accept.",
		.labels = EDGE_LABELS,
		.type = METRIC_COUNTER,
	},
	[EDGE_OPEN] = {
		.name = "container_tcp_edge_open_connections",
		.help = "TCP connections that were made and are not closed, by who is at the other end; "
			"labels as of container_tcp_edge_connects_total. Values that only grow: they are "
			"forgotten.",
		.labels = EDGE_LABELS,
		.type = METRIC_GAUGE,
	},
	[EDGE_CLOSES] = {
		.name = "container_tcp_edge_closes_total",
		.help = "TCP connections that are closed, by who is at the other end; labels as of "
			"container_tcp_edge_connects_total. Divides "
			"container_tcp_edge_round_trip_seconds_total.",
		.labels = EDGE_LABELS,
		.type = METRIC_COUNTER,
	},
	[EDGE_TRANSMIT] = {
		.name = "container_tcp_edge_transmit_bytes_total",
		.help = "Bytes that the workload sent over TCP and that were acknowledged, by who is at the "
			"other end, open connections included; labels as of "
			"container_tcp_edge_connects_total. The beginning and the end of a connection count "
			"as a byte each.",
		.labels = EDGE_LABELS,
		.unit = "bytes",
		.type = METRIC_COUNTER,
	},
	[EDGE_RECEIVE] = {
		.name = "container_tcp_edge_receive_bytes_total",
		.help = "Bytes that the workload received over TCP, by who is at the other end, open "
			"connections included; labels as of container_tcp_edge_connects_total.",
		.labels = EDGE_LABELS,
		.unit = "bytes",
		.type = METRIC_COUNTER,
	},
	[EDGE_RETRANSMITS] = {
		.name = "container_tcp_edge_retransmits_total",
		.help = "TCP segments that were sent again, by who is at the other end; by both ends where "
			"both are on this host. Labels as of container_tcp_edge_connects_total. High values: "
			"packets are lost on this way.",
		.labels = EDGE_LABELS,
		.type = METRIC_COUNTER,
	},
	[EDGE_ROUND_TRIP] = {
		.name = "container_tcp_edge_round_trip_seconds_total",
		.help = "Sum of the smoothed round-trip times that TCP connections had when they were closed, "
			"by who is at the other end; labels as of container_tcp_edge_connects_total. High "
			"values beside container_tcp_edge_closes_total: a long way, or full queues on it.",
		.labels = EDGE_LABELS,
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.scale = SCALE_MICROSECONDS,
	},
};
